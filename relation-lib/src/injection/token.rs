use super::{Language, check};

/// Stands in rule files for "the topology of whoever runs this".
pub const TOKEN: &str = "%%juju_topology%%";

/// What the token becomes in a selector of LogQL, which must not be empty.
const LOGQL_FILLER: &str = "job=~\".+\"";

/// What the token becomes in a selector of PromQL that would be empty without.
const PROMQL_FILLER: &str = "__name__=~\".+\"";

/// Replaces the token the way the Python libraries do: each one, with a comma that directly follows it,
/// becomes nothing in PromQL and `job=~".+"` in LogQL, wherever it stands.
///
/// In LogQL the selector may need that comma, so the result may be no expression any more; see
/// [`fill_token`].
#[must_use]
pub fn replace_token(language: Language, expression: &str) -> String {
    let filler = match language {
        Language::PromQl => "",
        Language::LogQl => LOGQL_FILLER,
    };
    expression.replace(&format!("{TOKEN},"), filler).replace(TOKEN, filler)
}

/// Replaces the token so that the expression stays valid.
///
/// The result is that of [`replace_token`] wherever it parses. Else the comma after the token is kept in
/// LogQL, and goes in PromQL even after blanks; tokens within strings become nothing; and where a token
/// alone makes a selector of PromQL, it becomes `__name__=~".+"`. If nothing of this makes an expression,
/// the fault is not the token's, and the result is that of [`replace_token`].
///
/// ```
/// use relation_lib::injection::{Language, fill_token};
/// assert_eq!(fill_token(Language::PromQl, r#"up{%%juju_topology%%, a="b"}"#), r#"up{ a="b"}"#);
/// assert_eq!(fill_token(Language::LogQl, r#"{%%juju_topology%%, a="b"}"#), r#"{job=~".+", a="b"}"#);
/// ```
#[must_use]
pub fn fill_token(language: Language, expression: &str) -> String {
    if !expression.contains(TOKEN) {
        return expression.to_owned();
    }
    let usual = replace_token(language, expression);
    if check(language, &usual).is_ok() {
        return usual;
    }
    let candidates: &[(&str, Comma)] = match language {
        Language::PromQl => {
            &[("", Comma::AsUsual), ("", Comma::Dropped), (PROMQL_FILLER, Comma::Kept)]
        }
        Language::LogQl => &[(LOGQL_FILLER, Comma::AsUsual), (LOGQL_FILLER, Comma::Kept)],
    };
    let mut filled = candidates
        .iter()
        .map(|(filler, comma)| replace_carefully(language, expression, filler, *comma));
    filled.find(|candidate| check(language, candidate).is_ok()).unwrap_or(usual)
}

/// What becomes of a comma after the token.
#[derive(Clone, Copy)]
enum Comma {
    /// It goes if it directly follows.
    AsUsual,
    Kept,
    /// It goes even after blanks, and so do further ones.
    Dropped,
}

/// Replaces the token, telling strings from the rest.
fn replace_carefully(language: Language, expression: &str, filler: &str, comma: Comma) -> String {
    let mut out = String::with_capacity(expression.len());
    let mut quote = None;
    let mut rest = expression;
    while let Some(character) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix(TOKEN) {
            if quote.is_some() {
                rest = after;
                continue;
            }
            rest = match comma {
                Comma::AsUsual => after.strip_prefix(',').unwrap_or(after),
                Comma::Kept => after,
                Comma::Dropped => after.trim_start_matches([' ', '\t', '\r', '\n', ',']),
            };
            out.push_str(filler);
            continue;
        }
        let mut taken = character.len_utf8();
        match quote {
            Some('"' | '\'') if character == '\\' => {
                taken += rest[taken..].chars().next().map_or(0, char::len_utf8);
            }
            Some('#') if character == '\n' => quote = None,
            Some(open) if open == character && open != '#' => quote = None,
            // A quote in a comment opens nothing.
            None if character == '#' => quote = Some('#'),
            None if matches!(character, '"' | '`')
                || character == '\'' && language == Language::PromQl =>
            {
                quote = Some(character);
            }
            _ => {}
        }
        out.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_fill(language: Language, expression: &str, usual: &str, filled: &str) {
        assert_eq!(replace_token(language, expression), usual);
        assert_eq!(fill_token(language, expression), filled);
    }

    #[test]
    fn leaves_what_parses() {
        check_fill(Language::PromQl, "up{%%juju_topology%%}", "up{}", "up{}");
        check_fill(Language::PromQl, "up{a=\"%%juju_topology%%,x\"}", "up{a=\"x\"}", "up{a=\"x\"}");
        let two = "{%%juju_topology%%,,a=\"b\"}";
        check_fill(Language::LogQl, two, "{job=~\".+\",a=\"b\"}", "{job=~\".+\",a=\"b\"}");
    }

    #[test]
    fn keeps_the_comma_that_a_selector_needs() {
        let middle = "{a=\"b\",%%juju_topology%%,c=\"d\"}";
        check_fill(
            Language::LogQl,
            middle,
            "{a=\"b\",job=~\".+\"c=\"d\"}",
            "{a=\"b\",job=~\".+\",c=\"d\"}",
        );
    }

    #[test]
    fn drops_the_comma_that_is_too_much() {
        check_fill(
            Language::PromQl,
            "up{%%juju_topology%% ,a=\"b\"}",
            "up{ ,a=\"b\"}",
            "up{a=\"b\"}",
        );
    }

    #[test]
    fn fills_a_selector_that_would_be_empty() {
        check_fill(
            Language::PromQl,
            "sum({%%juju_topology%%})",
            "sum({})",
            "sum({__name__=~\".+\"})",
        );
    }

    #[test]
    fn does_not_break_out_of_a_string() {
        let quoted = "{a=\"b\"} |= \"%%juju_topology%%, \\\" x\"";
        check_fill(
            Language::LogQl,
            quoted,
            "{a=\"b\"} |= \"job=~\".+\" \\\" x\"",
            "{a=\"b\"} |= \", \\\" x\"",
        );
    }

    #[test]
    fn gives_up_on_what_is_no_expression() {
        check_fill(Language::PromQl, "sum(up{%%juju_topology%%}", "sum(up{}", "sum(up{}");
    }
}

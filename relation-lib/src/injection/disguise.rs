//! A peculiarity of the helper that decides which expressions it takes.

use super::Language;

/// What the helper's parser sees of an expression with quotes in backticks, if that is something else.
///
/// Before it parses, the helper hides every text in double quotes behind a name, not knowing about
/// backticks. A text that begins within backticks and ends outside of them takes the closing backtick with
/// it, and what is left may be no expression. Such an expression is refused, so ours refuses it too: both
/// sides of a relation must agree on who narrows down what.
pub(super) fn disguised(language: Language, expression: &str) -> Option<String> {
    if !expression.contains('`') {
        return None;
    }
    let raw = raw_strings(language, expression);
    let mut out = String::with_capacity(expression.len());
    let mut changed = false;
    let mut at = 0;
    while let Some(character) = expression[at..].chars().next() {
        let quoted = character == '"' || character == '\'' && language == Language::PromQl;
        let end = if quoted { quoted_end(expression, at) } else { None };
        match end {
            Some(end) => {
                let torn = raw
                    .iter()
                    .any(|&(from, to)| from < end && at < to && !(from <= at && end <= to));
                if torn {
                    changed = true;
                    out.push_str("\"__LIT__\"");
                } else {
                    out.push_str(&expression[at..end]);
                }
                at = end;
            }
            None => {
                out.push(character);
                at += character.len_utf8();
            }
        }
    }
    changed.then_some(out)
}

/// Where a quoted text that starts here ends, quotes included.
fn quoted_end(expression: &str, start: usize) -> Option<usize> {
    let quote = expression[start..].chars().next()?;
    let mut rest = expression[start + 1..].char_indices();
    while let Some((offset, character)) = rest.next() {
        if character == '\\' {
            rest.next()?;
        } else if character == quote {
            return Some(start + 1 + offset + 1);
        }
    }
    None
}

/// Where the strings in backticks are.
fn raw_strings(language: Language, expression: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(character) = expression[at..].chars().next() {
        let end = match character {
            '`' => {
                let end = expression[at + 1..].find('`').map(|offset| at + offset + 2);
                found.extend(end.map(|end| (at, end)));
                end
            }
            '"' => quoted_end(expression, at),
            '\'' if language == Language::PromQl => quoted_end(expression, at),
            '#' => expression[at..].find('\n').map(|offset| at + offset),
            _ => None,
        };
        at = end.unwrap_or(at + character.len_utf8());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_only_what_leaves_its_backticks() {
        assert_eq!(disguised(Language::LogQl, "{a=\"b\"} |= `say \"x\"`"), None);
        assert_eq!(
            disguised(Language::LogQl, "{a=\"b\"} |= `5\" wide` != \"x\"").as_deref(),
            Some("{a=\"b\"} |= `5\"__LIT__\"x\"")
        );
    }
}

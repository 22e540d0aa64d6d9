//! Selectors, and what comes after them.

use super::parse::Parser;
use super::scan::Token;
use super::tree::{Chosen, LabelFilter, LabelValue, LineValue, Matcher, Quantity, Stage, Unwrap};
use crate::injection::{InjectError, regexp};

const LINE_OPERATORS: [&str; 6] = ["|=", "|~", "|>", "!=", "!~", "!>"];
const MATCH_OPERATORS: [&str; 4] = ["=~", "!=", "!~", "="];
const COMPARISONS: [&str; 7] = ["==", "=", "!=", ">=", "<=", ">", "<"];
/// Filters in parentheses nested deeper than this are refused.
const DEPTH_LIMIT: usize = 100;

/// `{shed="north", row!="3"}`, of which one matcher at least must not be content with nothing.
pub(super) fn selector(parser: &mut Parser) -> Result<Vec<Matcher>, InjectError> {
    parser.expect("{")?;
    let mut matchers = Vec::new();
    let mut selective = false;
    loop {
        let (matcher, on_nothing) = matcher(parser)?;
        selective |= !on_nothing;
        matchers.push(matcher);
        if parser.take("}") {
            break;
        }
        parser.expect(",")?;
    }
    if selective {
        Ok(matchers)
    } else {
        Err(InjectError::syntax("a selector needs a matcher that fails on an empty value"))
    }
}

/// A matcher, and whether it is content with a label that isn't there.
fn matcher(parser: &mut Parser) -> Result<(Matcher, bool), InjectError> {
    let name = parser.name()?;
    let operator =
        parser.take_any(&MATCH_OPERATORS).ok_or_else(|| parser.unexpected("an operator"))?;
    let value = parser.text()?;
    let on_nothing = matches_nothing(operator, &value)?;
    Ok((Matcher { name, operator, value }, on_nothing))
}

fn matches_nothing(operator: &str, value: &str) -> Result<bool, InjectError> {
    let pattern = || {
        regexp::check(value).map(|on_nothing| on_nothing == regexp::OnNothing::Matches).map_err(
            |reason| InjectError::Syntax(format!("`{value}` is no regular expression: {reason}")),
        )
    };
    Ok(match operator {
        "=~" => pattern()?,
        "!~" => !pattern()?,
        "!=" => !value.is_empty(),
        _ => value.is_empty(),
    })
}

/// All stages up to `unwrap` or the end.
pub(super) fn stages(parser: &mut Parser) -> Result<Vec<Stage>, InjectError> {
    let mut stages = Vec::new();
    loop {
        if let Some(operator) = line_operator(parser) {
            stages.push(line_filter(parser, operator)?);
        } else if parser.is_next(0, "|") && parser.keyword(1).as_deref() != Some("unwrap") {
            parser.take("|");
            stages.push(stage(parser)?);
        } else {
            return Ok(stages);
        }
    }
}

/// Line filters look like comparisons of metrics; only a string or an address can follow.
fn line_operator(parser: &mut Parser) -> Option<&'static str> {
    let followed = matches!(parser.peek(1), Some(Token::Text(_)))
        || parser.keyword(1).as_deref() == Some("ip") && parser.is_next(2, "(");
    if followed { parser.take_any(&LINE_OPERATORS) } else { None }
}

fn line_filter(parser: &mut Parser, operator: &'static str) -> Result<Stage, InjectError> {
    let first = line_value(parser)?;
    let mut others = Vec::new();
    while parser.keyword(0).as_deref() == Some("or")
        && (matches!(parser.peek(1), Some(Token::Text(_)))
            || parser.keyword(1).as_deref() == Some("ip"))
    {
        parser.take_keyword("or");
        others.push(line_value(parser)?);
    }
    Ok(Stage::Line { operator, first, others })
}

fn line_value(parser: &mut Parser) -> Result<LineValue, InjectError> {
    if parser.take_keyword("ip") {
        address(parser).map(LineValue::Address)
    } else {
        parser.text().map(LineValue::Text)
    }
}

/// What stands in `ip("…")`, from the parenthesis on.
fn address(parser: &mut Parser) -> Result<String, InjectError> {
    parser.expect("(")?;
    let pattern = parser.text()?;
    parser.expect(")")?;
    Ok(pattern)
}

fn stage(parser: &mut Parser) -> Result<Stage, InjectError> {
    if let Some(name) = parser.take_keyword_of(&["json", "logfmt", "regexp", "pattern", "unpack"]) {
        return parser_stage(parser, name);
    }
    if parser.take_keyword("line_format") {
        return parser.text().map(Stage::LineFormat);
    }
    if parser.take_keyword("label_format") {
        return label_format(parser);
    }
    // These are words of newer servers only, so they may still be the names of labels.
    let compared =
        COMPARISONS.iter().chain(&MATCH_OPERATORS).any(|operator| parser.is_next(1, operator));
    if !compared {
        if parser.take_keyword("decolorize") {
            return Ok(Stage::Parser {
                name: "decolorize",
                flags: Vec::new(),
                text: None,
                extracted: Vec::new(),
            });
        }
        if let Some(name) = parser.take_keyword_of(&["drop", "keep"]) {
            return chosen_labels(parser, name);
        }
    }
    filter(parser, None, 0).map(Stage::Filter)
}

fn parser_stage(parser: &mut Parser, name: &'static str) -> Result<Stage, InjectError> {
    let mut flags = Vec::new();
    let mut extracted = Vec::new();
    let mut text = None;
    match name {
        "regexp" | "pattern" => text = Some(parser.text()?),
        "json" | "logfmt" => {
            while let Some(Token::Flag(flag)) = parser.peek(0).cloned() {
                if name == "json" || !matches!(flag.as_str(), "strict" | "keep-empty") {
                    return Err(parser.unexpected("a flag of `logfmt`"));
                }
                flags.push(flag);
                parser.next();
            }
            // Without a list the next word would be `or` between metrics, or the like.
            if parser
                .keyword(0)
                .is_some_and(|word| !matches!(word.as_str(), "and" | "or" | "unless" | "offset"))
            {
                extracted.push(extraction(parser)?);
                while parser.take(",") {
                    extracted.push(extraction(parser)?);
                }
            }
        }
        _ => {}
    }
    Ok(Stage::Parser { name, flags, text, extracted })
}

/// `first="picks[0].id"`, or a mere name, which is its own source.
fn extraction(parser: &mut Parser) -> Result<(String, String), InjectError> {
    let name = parser.name()?;
    let from = if parser.take("=") { parser.text()? } else { name.clone() };
    Ok((name, from))
}

fn label_format(parser: &mut Parser) -> Result<Stage, InjectError> {
    let mut labels = Vec::new();
    loop {
        let name = parser.name()?;
        parser.expect("=")?;
        let value = match parser.peek(0) {
            Some(Token::Text(_)) => LabelValue::Template(parser.text()?),
            _ => LabelValue::Renamed(parser.name()?),
        };
        labels.push((name, value));
        if !parser.take(",") {
            return Ok(Stage::LabelFormat(labels));
        }
    }
}

fn chosen_labels(parser: &mut Parser, name: &'static str) -> Result<Stage, InjectError> {
    let mut labels = Vec::new();
    loop {
        let compared = MATCH_OPERATORS.iter().any(|operator| parser.is_next(1, operator));
        labels.push(if compared {
            Chosen::Matching(matcher(parser)?.0)
        } else {
            Chosen::Name(parser.name()?)
        });
        if !parser.take(",") {
            return Ok(Stage::Labels { name, labels });
        }
    }
}

/// `| unwrap duration(took) | __error__=""`.
pub(super) fn unwrap(parser: &mut Parser) -> Result<Option<Unwrap>, InjectError> {
    if !parser.is_next(0, "|") || parser.keyword(1).as_deref() != Some("unwrap") {
        return Ok(None);
    }
    parser.take("|");
    parser.take_keyword("unwrap");
    let converted = parser.is_next(1, "(");
    let conversion = if converted {
        parser.take_keyword_of(&["bytes", "duration", "duration_seconds"])
    } else {
        None
    };
    let label = if conversion.is_some() {
        parser.expect("(")?;
        let label = parser.name()?;
        parser.expect(")")?;
        label
    } else {
        parser.name()?
    };
    let mut filters = Vec::new();
    while parser.take("|") {
        filters.push(filter(parser, None, 0)?);
    }
    Ok(Some(Unwrap { conversion, label, filters }))
}

/// What joins two label filters. Only `and` and `or` have a precedence in Loki's grammar; a comma or a
/// blank takes whatever follows to its right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Or,
    And,
    Comma,
    Blank,
}

fn filter(
    parser: &mut Parser,
    before: Option<Joint>,
    depth: usize,
) -> Result<LabelFilter, InjectError> {
    if depth > DEPTH_LIMIT {
        return Err(InjectError::TooDeep);
    }
    let mut left = single_filter(parser, depth)?;
    while let Some(joint) = joint(parser) {
        let done = matches!(
            (before, joint),
            (Some(Joint::And), Joint::And | Joint::Or) | (Some(Joint::Or), Joint::Or)
        );
        if done {
            break;
        }
        if joint != Joint::Blank {
            parser.next();
        }
        let right = filter(parser, Some(joint), depth + 1)?;
        let (both, sides) = (joint != Joint::Or, (Box::new(left), Box::new(right)));
        left = if both {
            LabelFilter::Both(sides.0, sides.1)
        } else {
            LabelFilter::Either(sides.0, sides.1)
        };
    }
    Ok(left)
}

fn joint(parser: &Parser) -> Option<Joint> {
    match parser.peek(0)? {
        Token::Symbol(",") => Some(Joint::Comma),
        Token::Symbol("(") => Some(Joint::Blank),
        Token::Word(word) => match word.to_lowercase().as_str() {
            "or" => Some(Joint::Or),
            "and" => Some(Joint::And),
            _ if COMPARISONS
                .iter()
                .chain(&MATCH_OPERATORS)
                .any(|operator| parser.is_next(1, operator)) =>
            {
                Some(Joint::Blank)
            }
            _ => None,
        },
        _ => None,
    }
}

fn single_filter(parser: &mut Parser, depth: usize) -> Result<LabelFilter, InjectError> {
    if parser.take("(") {
        let inner = filter(parser, None, depth + 1)?;
        parser.expect(")")?;
        return Ok(inner);
    }
    let name = parser.name()?;
    let operators = ["=~", "!~", "==", "=", "!=", ">=", "<=", ">", "<"];
    let operator = parser.take_any(&operators).ok_or_else(|| parser.unexpected("an operator"))?;
    let is_match = MATCH_OPERATORS.contains(&operator);
    let negative = parser.is_next(0, "-");
    if negative {
        parser.next();
    }
    let value = match parser.peek(0).cloned() {
        Some(Token::Text(value)) if is_match && !negative => {
            parser.next();
            matches_nothing(operator, &value)?;
            return Ok(LabelFilter::Text(Matcher { name, operator, value }));
        }
        Some(Token::Word(word))
            if word.eq_ignore_ascii_case("ip") && matches!(operator, "=" | "!=") && !negative =>
        {
            parser.next();
            let value = address(parser)?;
            return Ok(LabelFilter::Address(Matcher { name, operator, value }));
        }
        Some(Token::Number(value)) => Quantity::Number(if negative { -value } else { value }),
        Some(Token::Duration(value)) => Quantity::Duration(if negative { -value } else { value }),
        Some(Token::Size(value)) if !negative => Quantity::Size(value),
        _ => return Err(parser.unexpected("a value")),
    };
    if matches!(operator, "=~" | "!~") {
        return Err(parser.unexpected("a string"));
    }
    parser.next();
    let operator = if operator == "=" { "==" } else { operator };
    Ok(LabelFilter::Number { name, operator, value })
}

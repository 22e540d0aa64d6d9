//! Label selectors, as in `app=loki,tier in (a, b),!old`.

use serde_json::{Map, Value};

/// One condition on the labels of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Condition {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Absent(String),
}

/// Conditions that must all hold. Without any, everything fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Selector {
    conditions: Vec<Condition>,
}

impl Selector {
    /// Reads the text of a `labelSelector` parameter; none if it has another form.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let conditions = split(text).into_iter().map(condition).collect::<Option<_>>()?;
        Some(Self { conditions })
    }

    /// Whether an object with these labels is meant.
    pub(super) fn fits(&self, labels: Option<&Map<String, Value>>) -> bool {
        let value = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
        let holds = |condition: &Condition| match condition {
            Condition::In(key, values) => {
                value(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            }
            Condition::NotIn(key, values) => {
                value(key).is_none_or(|value| values.iter().all(|other| other != value))
            }
            Condition::Exists(key) => value(key).is_some(),
            Condition::Absent(key) => value(key).is_none(),
        };
        self.conditions.iter().all(holds)
    }
}

// At commas that are not within parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut depth) = (0, 0_u32);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn condition(text: &str) -> Option<Condition> {
    let key = |text: &str| {
        let text = text.trim();
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
        (!text.is_empty() && text.chars().all(fits)).then(|| text.to_owned())
    };
    if let Some(absent) = text.strip_prefix('!') {
        return key(absent).map(Condition::Absent);
    }
    if let Some(values) = text.strip_suffix(')') {
        let (head, values) = values.split_once('(')?;
        let values = values.split(',').map(|value| value.trim().to_owned()).collect();
        let head = head.trim_end();
        return match head.strip_suffix(" notin") {
            Some(name) => Some(Condition::NotIn(key(name)?, values)),
            None => Some(Condition::In(key(head.strip_suffix(" in")?)?, values)),
        };
    }
    if let Some((name, value)) = text.split_once("!=") {
        return Some(Condition::NotIn(key(name)?, vec![value.trim().to_owned()]));
    }
    match text.split_once("==").or_else(|| text.split_once('=')) {
        Some((name, value)) => Some(Condition::In(key(name)?, vec![value.trim().to_owned()])),
        None => key(text).map(Condition::Exists),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn selectors_choose_by_labels() {
        let labels = json!({"app.kubernetes.io/name": "loki", "tier": "a"});
        for (text, wanted) in [
            ("", true),
            ("tier=a", true),
            ("tier==a,app.kubernetes.io/name=loki", true),
            ("tier=b", false),
            ("tier!=b", true),
            ("other!=b", true),
            ("tier in (a, b)", true),
            ("tier notin (a,b)", false),
            ("tier", true),
            ("!tier", false),
            ("!other", true),
        ] {
            assert_eq!(Selector::parse(text).unwrap().fits(labels.as_object()), wanted, "{text}");
        }
        for wrong in ["a b", "=x", "tier in a", "(a)"] {
            assert_eq!(Selector::parse(wrong), None, "{wrong}");
        }
    }
}

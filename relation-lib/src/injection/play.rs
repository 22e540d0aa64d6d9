use serde_json::{Value, json};

use super::{Language, inject, replace_token};
use crate::topology::Labels;

/// Why a list of expressions could not be played.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlayError {
    /// The whole is not a list.
    #[error("cannot play the file: expected a list")]
    NoList,
    /// An entry lacks a member, or it has the wrong type.
    #[error("cannot play entry {entry}: {reason}")]
    Entry {
        /// Which, counted from 0.
        entry: usize,
        /// What was expected.
        reason: &'static str,
    },
}

/// Injects into each expression of a list, as recorded from the Python side's helper.
///
/// `entries` is a list of objects with `expr` (a text), `matchers` (label to value) and perhaps `token`
/// (true: the topology token is replaced first, by [`replace_token`]); other members are ignored. The
/// result has one object for each: `{"output": …}`, or `{"error": true}` where nothing was injected and the
/// expression stays as it is.
///
/// ```
/// use relation_lib::injection::{Language, play};
/// use serde_json::json;
///
/// let entries = json!([{"expr": "up", "matchers": {"a": "b"}}, {"expr": "up(", "matchers": {}}]);
/// let played = play(Language::PromQl, &entries)?;
/// assert_eq!(played, json!([{"output": "up{a=\"b\"}"}, {"error": true}]));
/// # Ok::<(), relation_lib::injection::PlayError>(())
/// ```
///
/// # Errors
///
/// Input of another shape.
pub fn play(language: Language, entries: &Value) -> Result<Value, PlayError> {
    let entries = entries.as_array().ok_or(PlayError::NoList)?;
    let played = entries.iter().enumerate().map(|(position, entry)| {
        let error = |reason| PlayError::Entry { entry: position, reason };
        let expression =
            entry.get("expr").and_then(Value::as_str).ok_or(error("expected a text as `expr`"))?;
        let given = entry.get("matchers").and_then(Value::as_object);
        let given = given.ok_or(error("expected an object as `matchers`"))?;
        let mut matchers = Labels::new();
        for (name, value) in given {
            let value = value.as_str().ok_or(error("expected texts in `matchers`"))?;
            matchers.insert(name.clone(), value.to_owned());
        }
        let token = entry.get("token").and_then(Value::as_bool).unwrap_or(false);
        let expression =
            if token { replace_token(language, expression) } else { expression.to_owned() };
        Ok(inject(language, &expression, &matchers)
            .map_or_else(|_| json!({ "error": true }), |output| json!({ "output": output })))
    });
    played.collect::<Result<Vec<_>, _>>().map(Value::Array)
}

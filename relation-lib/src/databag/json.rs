//! Reading foreign JSON with the leniency of the Python models.

use std::fmt;

use indexmap::IndexMap;
use serde_json::Value;

use super::SecretText;

/// What a JSON value was expected to be, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Members and indices from the outside in.
    path: Vec<String>,
    expected: &'static str,
    found: &'static str,
}

impl Mismatch {
    pub(crate) fn new(expected: &'static str, found: &Value) -> Self {
        Mismatch { path: Vec::new(), expected, found: kind(found) }
    }

    pub(crate) fn absent(member: &str, expected: &'static str) -> Self {
        Mismatch { path: vec![member.to_owned()], expected, found: "nothing" }
    }

    pub(crate) fn at(mut self, step: impl Into<String>) -> Self {
        self.path.insert(0, step.into());
        self
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {}, found {}", self.expected, self.found)?;
        if !self.path.is_empty() {
            write!(f, " at `{}`", self.path.join("."))?;
        }
        Ok(())
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A value read from foreign JSON with the leniency of the Python models: members nobody knows
/// are ignored, a number is no text, but a numeric text is a number.
pub(crate) trait FromJson: Sized {
    fn from_json(value: &Value) -> Result<Self, Mismatch>;
}

impl FromJson for Value {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Ok(value.clone())
    }
}

impl FromJson for serde_json::Map<String, Value> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        value.as_object().cloned().ok_or_else(|| Mismatch::new("an object", value))
    }
}

impl FromJson for String {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        value.as_str().map(str::to_owned).ok_or_else(|| Mismatch::new("a string", value))
    }
}

impl FromJson for SecretText {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        String::from_json(value).map(SecretText)
    }
}

impl FromJson for bool {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        value.as_bool().ok_or_else(|| Mismatch::new("a boolean", value))
    }
}

impl FromJson for i64 {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let mismatch = || Mismatch::new("an integer", value);
        match value {
            Value::Number(number) => number
                .as_i64()
                .or_else(|| number.as_f64().and_then(whole_number))
                .ok_or_else(mismatch),
            Value::String(text) => text.trim().parse().map_err(|_| mismatch()),
            _ => Err(mismatch()),
        }
    }
}

/// A float without fraction, in the range where each whole number has a float of its own.
fn whole_number(float: f64) -> Option<i64> {
    (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
}

impl FromJson for u16 {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let number = i64::from_json(value)?;
        u16::try_from(number).map_err(|_| Mismatch::new("an integer from 0 to 65535", value))
    }
}

impl FromJson for u64 {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let number = i64::from_json(value)?;
        u64::try_from(number).map_err(|_| Mismatch::new("an integer that is not negative", value))
    }
}

impl<T: FromJson> FromJson for Option<T> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        if value.is_null() { Ok(None) } else { T::from_json(value).map(Some) }
    }
}

impl<T: FromJson> FromJson for Vec<T> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let list = value.as_array().ok_or_else(|| Mismatch::new("a list", value))?;
        list.iter()
            .enumerate()
            .map(|(index, entry)| T::from_json(entry).map_err(|m| m.at(index.to_string())))
            .collect()
    }
}

impl<T: FromJson> FromJson for IndexMap<String, T> {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = value.as_object().ok_or_else(|| Mismatch::new("an object", value))?;
        members
            .iter()
            .map(|(name, entry)| match T::from_json(entry) {
                Ok(entry) => Ok((name.clone(), entry)),
                Err(mismatch) => Err(mismatch.at(name.as_str())),
            })
            .collect()
    }
}

/// The members of a JSON object, read one by one.
pub(crate) struct Members<'a>(&'a serde_json::Map<String, Value>);

impl<'a> Members<'a> {
    pub(crate) fn of(value: &'a Value) -> Result<Self, Mismatch> {
        value.as_object().map(Members).ok_or_else(|| Mismatch::new("an object", value))
    }

    pub(crate) fn required<T: FromJson>(&self, member: &str) -> Result<T, Mismatch> {
        let value = self.0.get(member).ok_or_else(|| Mismatch::absent(member, "a value"))?;
        T::from_json(value).map_err(|mismatch| mismatch.at(member))
    }

    /// Absent and `null` are the same.
    pub(crate) fn optional<T: FromJson>(&self, member: &str) -> Result<Option<T>, Mismatch> {
        match self.0.get(member) {
            None => Ok(None),
            Some(value) => Option::from_json(value).map_err(|mismatch| mismatch.at(member)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numeric_texts_are_integers_but_numbers_are_no_texts() {
        assert_eq!(Vec::<u16>::from_json(&json!(["1", 2, 3.0])), Ok(vec![1, 2, 3]));
        assert_eq!(
            String::from_json(&json!(5)).unwrap_err().to_string(),
            "expected a string, found a number"
        );
        assert_eq!(
            Vec::<u16>::from_json(&json!([1, 70000])).unwrap_err().to_string(),
            "expected an integer from 0 to 65535, found a number at `1`"
        );
    }
}

//! Texts that must not be seen.

use std::collections::BTreeMap;
use std::fmt;

/// A text that never shows in logs, traces, debug output or databags.
///
/// It has no `Display` and no serde: whoever needs the text says so with [`SecretText::reveal`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SecretText(String);

impl SecretText {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for handing it to where it belongs.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// The content of a Juju secret: keys are lower-case words of at least three characters.
pub type SecretContent = BTreeMap<String, SecretText>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_hides_the_text() {
        let content = SecretContent::from([("key".to_owned(), SecretText::new("hunter2"))]);
        assert_eq!(format!("{content:?}"), r#"{"key": (secret)}"#);
    }
}

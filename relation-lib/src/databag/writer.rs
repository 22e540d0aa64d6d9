//! Writing databags.

use super::DatabagPatch;
use crate::encoding;

/// Collects the keys that a wire type owns.
#[derive(Default)]
pub(crate) struct Writer(DatabagPatch);

impl Writer {
    /// A plain text; absent and empty both delete the key.
    pub(crate) fn raw(mut self, key: &str, text: Option<&str>) -> Self {
        let text = text.filter(|text| !text.is_empty()).map(str::to_owned);
        self.0.insert(key.to_owned(), text);
        self
    }

    /// JSON as Python writes it.
    pub(crate) fn json(
        mut self,
        key: &str,
        value: Option<&(impl serde::Serialize + ?Sized)>,
    ) -> Self {
        self.0.insert(key.to_owned(), value.map(encoding::python_json));
        self
    }

    /// A text in any encoding.
    pub(crate) fn text(mut self, key: &str, text: Option<String>) -> Self {
        self.0.insert(key.to_owned(), text);
        self
    }

    pub(crate) fn finish(self) -> DatabagPatch {
        self.0
    }
}

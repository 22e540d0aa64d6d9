//! `catalogue`: the entry of an application on the page that links to all of them.
//!
//! Who wants an entry is the requirer (the library says consumer); the catalogue is the provider
//! and writes nothing. Described is catalogue v1.3. The leader writes [`CatalogueRequirerAppData`].
//!
//! ```
//! use relation_lib::catalogue::CatalogueRequirerAppData;
//! use relation_lib::databag::{Databag, patched};
//!
//! let item = CatalogueRequirerAppData {
//!     name: "Loom".into(),
//!     icon: "loom".into(),
//!     api_endpoints: Some([("Query".to_owned(), "http://loom/q".to_owned())].into()),
//!     ..Default::default()
//! };
//! let bag = patched(&Databag::new(), &item.encode());
//! assert_eq!(bag["name"], "Loom");
//! assert_eq!(bag["api_endpoints"], r#"{"Query": "http://loom/q"}"#);
//! assert_eq!(bag.get("url"), None);
//! assert_eq!(CatalogueRequirerAppData::decode(&bag).value, item);
//! ```

use indexmap::IndexMap;

use crate::databag::{Databag, DatabagPatch, Decoded, Encoding, Key, Reader, Writer};
use crate::encoding;

/// The name of the interface.
pub const INTERFACE: &str = "catalogue";

/// The entry that an application wants.
///
/// Requirer application databag, catalogue v1.3. An empty text is an absent key.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `name` | plain | title | `Loom` |
/// | `description` | plain | a sentence | `Weaves things` |
/// | `url` | plain | where a click leads | `http://loom.example` |
/// | `icon` | plain | name of a Material Design icon | `loom` |
/// | `api_docs` | plain | where the API is described | `https://loom.example/docs` |
/// | `api_endpoints` | Python-style JSON | object: name → address; `null` where there are none | `{"Query": "http://loom/q"}` |
///
/// Mimir without ingress writes addresses that start with the text `None`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogueRequirerAppData {
    /// `name`: the title.
    pub name: String,
    /// `description`: what it is.
    pub description: String,
    /// `url`: where a click leads.
    pub url: String,
    /// `icon`: name of a Material Design icon.
    pub icon: String,
    /// `api_docs`: where the API is described.
    pub api_docs: String,
    /// `api_endpoints`: addresses by name; `None` is written as `null`.
    pub api_endpoints: Option<IndexMap<String, String>>,
}

impl CatalogueRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("name", Encoding::Raw),
        Key::optional("description", Encoding::Raw),
        Key::optional("url", Encoding::Raw),
        Key::optional("icon", Encoding::Raw),
        Key::optional("api_docs", Encoding::Raw),
        Key::optional("api_endpoints", Encoding::PythonJson),
    ];

    /// Reads the databag; what is absent is empty.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let text = |key| reader.raw(key).unwrap_or_default().to_owned();
        let value = CatalogueRequirerAppData {
            name: text("name"),
            description: text("description"),
            url: text("url"),
            icon: text("icon"),
            api_docs: text("api_docs"),
            api_endpoints: reader.map("api_endpoints"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .raw("name", Some(&self.name))
            .raw("description", Some(&self.description))
            .raw("url", Some(&self.url))
            .raw("icon", Some(&self.icon))
            .raw("api_docs", Some(&self.api_docs))
            .text("api_endpoints", Some(encoding::python_json(&self.api_endpoints)))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_endpoints_are_written_as_null() {
        let patch = CatalogueRequirerAppData::default().encode();
        assert_eq!(patch["api_endpoints"].as_deref(), Some("null"));
        assert_eq!(patch["name"], None);
        let bag = Databag::from([("api_endpoints".to_owned(), "null".to_owned())]);
        let read = CatalogueRequirerAppData::decode(&bag);
        assert_eq!(read.value, CatalogueRequirerAppData::default());
        assert_eq!(read.skipped, []);
    }
}

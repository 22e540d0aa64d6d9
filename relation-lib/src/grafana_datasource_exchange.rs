//! `grafana_datasource_exchange`: under which ids others find our sources in Grafana.
//!
//! Both sides write the same: the leader of each application writes
//! [`DatasourceExchangeAppData`]. Described is cosl 1.11.3.
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::grafana_datasource_exchange::{DatasourceExchangeAppData, ExchangedDatasource};
//!
//! let source = ExchangedDatasource {
//!     source_type: "loki".into(),
//!     uid: "u".into(),
//!     grafana_uid: "g".into(),
//! };
//! let data = DatasourceExchangeAppData::new(vec![source]);
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["datasources"], r#"[{"type":"loki","uid":"u","grafana_uid":"g"}]"#);
//! assert_eq!(DatasourceExchangeAppData::decode(&bag)?.value, data);
//! # Ok::<(), relation_lib::DecodeError>(())
//! ```

use serde::Serialize;
use serde_json::Value;

use crate::databag::{
    Databag, DatabagPatch, DecodeError, Decoded, Encoding, FromJson, Key, Members, Mismatch,
    Reader, Writer,
};
use crate::encoding;

/// The name of the interface.
pub const INTERFACE: &str = "grafana_datasource_exchange";

/// A source in one Grafana.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExchangedDatasource {
    /// Its type: `prometheus`, `loki`, `tempo`, …
    #[serde(rename = "type")]
    pub source_type: String,
    /// Its id there.
    pub uid: String,
    /// Which Grafana it is.
    pub grafana_uid: String,
}

impl FromJson for ExchangedDatasource {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(ExchangedDatasource {
            source_type: members.required("type")?,
            uid: members.required("uid")?,
            grafana_uid: members.required("grafana_uid")?,
        })
    }
}

/// What the leader of either side says.
///
/// Application databag of provider and requirer alike, cosl 1.11.3.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `datasources` | compact JSON | list of `{"type", "uid", "grafana_uid"}`, sorted by `uid`, required | `[{"type":"loki","uid":"b","grafana_uid":"g-1"}]` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DatasourceExchangeAppData {
    datasources: Vec<ExchangedDatasource>,
}

impl DatasourceExchangeAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::required("datasources", Encoding::CompactJson)];

    /// Sources in any order.
    #[must_use]
    pub fn new(mut datasources: Vec<ExchangedDatasource>) -> Self {
        datasources.sort_by(|a, b| a.uid.cmp(&b.uid));
        DatasourceExchangeAppData { datasources }
    }

    /// The sources, sorted by uid.
    #[must_use]
    pub fn datasources(&self) -> &[ExchangedDatasource] {
        &self.datasources
    }

    /// The first source of a type in one of our own Grafanas.
    pub fn find<'a>(
        &'a self,
        source_type: &str,
        grafanas: impl Fn(&str) -> bool,
    ) -> Option<&'a ExchangedDatasource> {
        self.datasources
            .iter()
            .find(|source| source.source_type == source_type && grafanas(&source.grafana_uid))
    }

    /// Reads the databag; an entry that can't be read is left out.
    ///
    /// # Errors
    ///
    /// When the other side has not spoken yet, or not with a list.
    pub fn decode(bag: &Databag) -> Result<Decoded<Self>, DecodeError> {
        let mut reader = Reader::new(bag);
        let datasources = reader.required_list("datasources")?;
        Ok(reader.finish(DatasourceExchangeAppData::new(datasources)))
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        let text = encoding::compact_json(&self.datasources);
        Writer::default().text("datasources", Some(text)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_sorted_by_uid() {
        let text = r#"[ {"type": "loom", "uid": "z", "grafana_uid": "g-1"}, 5,
                        {"type": "loom", "uid": "b", "grafana_uid": "g-1", "more": 1} ]"#;
        let bag = Databag::from([("datasources".to_owned(), text.to_owned())]);
        let read = DatasourceExchangeAppData::decode(&bag).unwrap();
        assert_eq!(
            read.value.encode()["datasources"].as_deref(),
            Some(
                r#"[{"type":"loom","uid":"b","grafana_uid":"g-1"},{"type":"loom","uid":"z","grafana_uid":"g-1"}]"#
            )
        );
        assert_eq!(read.skipped.len(), 1);
        assert_eq!(read.value.find("loom", |g| g == "g-1").unwrap().uid, "b");
        assert_eq!(read.value.find("loom", |g| g == "g-2"), None);
        assert_eq!(
            DatasourceExchangeAppData::default().encode()["datasources"].as_deref(),
            Some("[]")
        );
    }
}

//! `loki_push_api`: where logs are pushed to, and the rules on them.
//!
//! Loki, or what stands in for it, is the provider; a sender of logs is the requirer. Described is
//! version 1, patch 31 (22 in the field reads the same). Every unit of the provider writes
//! [`LokiProviderUnitData`], its leader [`LokiProviderAppData`]; the leader of the requirer writes
//! [`LokiRequirerAppData`].
//!
//! ```
//! use relation_lib::databag::Databag;
//! use relation_lib::loki_push_api::endpoints;
//!
//! let said = |endpoint: &str| Databag::from([("endpoint".to_owned(), endpoint.to_owned())]);
//! let units = [("attic/0", said(r#"{"url": "http://attic-0/push"}"#)), ("attic/1", said("oops"))];
//! let read = endpoints(units.iter().map(|(unit, bag)| (*unit, bag)));
//! assert_eq!(read.value["attic/0"], "http://attic-0/push");
//! assert_eq!(read.skipped[0].to_string(), "`attic/1` of `endpoint`: not JSON, at line 1 column 1");
//! ```

use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::Value;

use crate::alert_rules::{AlertRules, Feedback};
use crate::databag::{
    Databag, DatabagPatch, Decoded, Encoding, FromJson, Key, Members, Mismatch, Reader, Skipped,
    Writer,
};
use crate::encoding;
use crate::topology::JujuTopology;

/// The name of the interface.
pub const INTERFACE: &str = "loki_push_api";

/// The path of the push API below any base URL.
pub const PUSH_PATH: &str = "/loki/api/v1/push";

/// Where one unit takes logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LokiEndpoint {
    /// The whole URL to push to, path included.
    pub url: String,
}

impl LokiEndpoint {
    /// The push API below a base URL, whose trailing slashes don't count.
    #[must_use]
    pub fn below(base_url: &str) -> Self {
        LokiEndpoint { url: format!("{}{PUSH_PATH}", base_url.trim_end_matches('/')) }
    }
}

impl FromJson for LokiEndpoint {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        Ok(LokiEndpoint { url: Members::of(value)?.required("url")? })
    }
}

/// What every unit that takes logs says.
///
/// Provider unit databag, `loki_push_api` v1 patch 31.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `endpoint` | Python-style JSON | object of `url` | `{"url": "http://edge/stage-loom/loki/api/v1/push"}` |
/// | `public_address` | plain | full host name | `loom-0.loom-endpoints.stage.svc.cluster.local` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LokiProviderUnitData {
    /// `endpoint`: where logs are pushed to.
    pub endpoint: Option<LokiEndpoint>,
    /// `public_address`: the unit's host name; nobody is known to read it.
    pub public_address: Option<String>,
}

impl LokiProviderUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::required("endpoint", Encoding::PythonJson),
        Key::optional("public_address", Encoding::Raw),
    ];

    /// Reads the databag. A unit without endpoint has not spoken yet.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let value = LokiProviderUnitData {
            endpoint: reader.optional("endpoint"),
            public_address: reader.raw("public_address").map(str::to_owned),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("endpoint", self.endpoint.as_ref())
            .raw("public_address", self.public_address.as_deref())
            .finish()
    }
}

/// The push URLs of the units of one relation, by unit, in the order given.
///
/// Units without an endpoint are left out; one with an unusable endpoint is skipped under the
/// name of the unit.
pub fn endpoints<'a>(
    units: impl IntoIterator<Item = (&'a str, &'a Databag)>,
) -> Decoded<IndexMap<String, String>> {
    let mut read = Decoded::<IndexMap<String, String>>::default();
    for (unit, bag) in units {
        let data = LokiProviderUnitData::decode(bag);
        if let Some(endpoint) = data.value.endpoint {
            read.value.insert(unit.to_owned(), endpoint.url);
        }
        let by_unit = |skipped| Skipped { entry: Some(unit.to_owned()), ..skipped };
        read.skipped.extend(data.skipped.into_iter().map(by_unit));
    }
    read
}

/// A promtail to download, for the one kind of client that still does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromtailBinary {
    /// Name of the unpacked file.
    pub filename: String,
    /// SHA-256 of the archive, hexadecimal.
    pub zipsha: String,
    /// SHA-256 of the file, hexadecimal.
    pub binsha: String,
    /// Where the archive is.
    pub url: String,
}

impl PromtailBinary {
    fn of_release(architecture: &str, zipsha: &str, binsha: &str) -> Self {
        const RELEASE: &str =
            "https://github.com/canonical/loki-k8s-operator/releases/download/promtail-v2.9.7";
        let filename = format!("promtail-static-{architecture}");
        PromtailBinary {
            url: format!("{RELEASE}/{filename}.gz"),
            filename,
            zipsha: zipsha.to_owned(),
            binsha: binsha.to_owned(),
        }
    }
}

impl FromJson for PromtailBinary {
    fn from_json(value: &Value) -> Result<Self, Mismatch> {
        let members = Members::of(value)?;
        Ok(PromtailBinary {
            filename: members.required("filename")?,
            zipsha: members.required("zipsha")?,
            binsha: members.required("binsha")?,
            url: members.required("url")?,
        })
    }
}

/// The promtail downloads that providers list, by architecture.
#[must_use]
pub fn promtail_binaries() -> IndexMap<String, PromtailBinary> {
    let arm = PromtailBinary::of_release(
        "arm64",
        "c083fdb45e5c794103f974eeb426489b4142438d9e10d0ae272b2aff886e249b",
        "4cd055c477a301c0bdfdbcea514e6e93f6df5d57425ce10ffc77f3e16fec1ddf",
    );
    let amd = PromtailBinary::of_release(
        "amd64",
        "6873cbdabf23062aeefed6de5f00ff382710332af3ab90a48c253ea17e08f465",
        "28da9b99f81296fe297831f3bc9d92aea43b4a92826b8ff04ba433b8cb92fb50",
    );
    [("amd64".to_owned(), amd), ("arm64".to_owned(), arm.clone()), ("aarch64".to_owned(), arm)]
        .into()
}

/// What the leader of the provider says.
///
/// Provider application databag, `loki_push_api` v1 patch 31. Python-style JSON.
///
/// | key | value | example |
/// |---|---|---|
/// | `promtail_binary_zip_url` | object: architecture → `filename`, `zipsha`, `binsha`, `url` | see [`promtail_binaries`] |
/// | `event` | feedback on rules, see [`Feedback`] | `{"errors": "error validating …"}`, `{}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LokiProviderAppData {
    /// `promtail_binary_zip_url`: downloads for the old log-proxy client.
    pub promtail_binary_zip_url: Option<IndexMap<String, PromtailBinary>>,
    /// `event`: what became of the rules of this relation.
    pub event: Option<Feedback>,
}

impl LokiProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("promtail_binary_zip_url", Encoding::PythonJson),
        Key::optional("event", Encoding::PythonJson),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let value = LokiProviderAppData {
            promtail_binary_zip_url: reader.map("promtail_binary_zip_url"),
            event: reader.optional("event"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("promtail_binary_zip_url", self.promtail_binary_zip_url.as_ref())
            .json("event", self.event.as_ref())
            .finish()
    }
}

/// What the leader of a sender says.
///
/// Requirer application databag, `loki_push_api` v1 patch 31.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `metadata` | Python-style JSON | topology of the sender, see [`JujuTopology`] | `{"model": "stage", …, "charm_name": "loom-coordinator-k8s"}` |
/// | `alert_rules` | the same, members sorted | `groups` with LogQL, see [`AlertRules`] | `{}` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LokiRequirerAppData {
    /// `metadata`: who sends.
    pub metadata: Option<JujuTopology>,
    /// `alert_rules`: the rules; `None` where the sender has not spoken yet.
    pub alert_rules: Option<AlertRules>,
}

impl LokiRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("metadata", Encoding::PythonJson),
        Key::optional("alert_rules", Encoding::PythonJsonSorted),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let value = LokiRequirerAppData {
            metadata: reader.optional("metadata"),
            alert_rules: AlertRules::read(&mut reader, "alert_rules"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("metadata", self.metadata.as_ref())
            .text("alert_rules", self.alert_rules.as_ref().map(encoding::python_json_sorted))
            .finish()
    }
}

/// The names and URLs of all endpoints without a URL that came before, as a sender that pushes
/// to each place once wants them.
#[must_use]
pub fn distinct(endpoints: &IndexMap<String, String>) -> IndexMap<String, String> {
    let mut seen = BTreeMap::new();
    let mut out = IndexMap::new();
    for (unit, url) in endpoints {
        if seen.insert(url, ()).is_none() {
            out.insert(unit.clone(), url.clone());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    #[test]
    fn provider_unit_databag_holds_to_the_byte() {
        let data = LokiProviderUnitData {
            endpoint: Some(LokiEndpoint::below("http://edge/stage-loom//")),
            public_address: Some("loom-0.loom-endpoints.stage.svc.cluster.local".into()),
        };
        let bag = patched(&Databag::new(), &data.encode());
        assert_eq!(bag["endpoint"], r#"{"url": "http://edge/stage-loom/loki/api/v1/push"}"#);
        assert_eq!(bag["public_address"], "loom-0.loom-endpoints.stage.svc.cluster.local");
        assert_eq!(LokiProviderUnitData::decode(&bag).value, data);
    }

    #[test]
    fn rules_are_written_with_sorted_members() {
        let bag = Databag::from([(
            "alert_rules".to_owned(),
            r#"{"groups": [{"rules": [{"expr": "x", "alert": "A"}], "name": "n"}]}"#.to_owned(),
        )]);
        let read = LokiRequirerAppData::decode(&bag);
        assert_eq!(
            read.value.encode()["alert_rules"].as_deref(),
            Some(r#"{"groups": [{"name": "n", "rules": [{"alert": "A", "expr": "x"}]}]}"#)
        );
        assert_eq!(read.value.encode()["metadata"], None);
    }

    #[test]
    fn promtail_table_has_three_architectures_and_reads_back() {
        let data = LokiProviderAppData {
            promtail_binary_zip_url: Some(promtail_binaries()),
            event: Some(Feedback::default()),
        };
        let bag = patched(&Databag::new(), &data.encode());
        assert_eq!(bag["event"], "{}");
        let read = LokiProviderAppData::decode(&bag);
        assert_eq!(read.value, data);
        let table = read.value.promtail_binary_zip_url.unwrap();
        assert_eq!(table.keys().collect::<Vec<_>>(), ["amd64", "arm64", "aarch64"]);
        assert!(table["aarch64"].url.ends_with("/promtail-v2.9.7/promtail-static-arm64.gz"));
    }

    #[test]
    fn the_same_url_counts_once() {
        let endpoints = [("a/0", "u"), ("a/1", "u"), ("a/2", "v")];
        let endpoints = endpoints.map(|(unit, url)| (unit.to_owned(), url.to_owned())).into();
        assert_eq!(distinct(&endpoints).keys().collect::<Vec<_>>(), ["a/0", "a/2"]);
    }
}

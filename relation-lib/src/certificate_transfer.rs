//! `certificate_transfer`: authorities that somebody shall trust.
//!
//! Who has authorities is the provider, who shall trust them the requirer. Described is version 1,
//! with the unit databag of version 0 that providers use until they see that the requirer knows
//! version 1. The leader of the requirer writes [`CertificateTransferRequirerAppData`], the
//! leader of the provider [`CertificateTransferProviderAppData`], or each of its units
//! [`CertificateTransferProviderUnitData`].
//!
//! ```
//! use relation_lib::certificate_transfer::{CertificateTransferProviderAppData, authorities};
//! use relation_lib::databag::{Databag, patched};
//!
//! let data = CertificateTransferProviderAppData { certificates: ["PEM".to_owned()].into() };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["certificates"], r#"["PEM"]"#);
//! assert_eq!(bag["version"], "1");
//! assert_eq!(authorities(&bag, []).value, data.certificates);
//! ```

use std::collections::BTreeSet;

use crate::databag::{Databag, DatabagPatch, Decoded, Encoding, Key, Reader, Writer};

/// The name of the interface.
pub const INTERFACE: &str = "certificate_transfer";

/// What the leader of the requirer says.
///
/// Requirer application databag, `certificate_transfer` v1.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `version` | Python-style JSON | the newest version that is understood | `1` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateTransferRequirerAppData {
    /// `version`: the newest version that is understood; `None` for 0.
    pub version: Option<i64>,
}

impl CertificateTransferRequirerAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("version", Encoding::PythonJson)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let version = reader.optional("version");
        reader.finish(CertificateTransferRequirerAppData { version })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("version", self.version.as_ref()).finish()
    }
}

/// What the leader of the provider says once the requirer knows version 1.
///
/// Provider application databag, `certificate_transfer` v1. Python-style JSON.
///
/// | key | value | example |
/// |---|---|---|
/// | `certificates` | list of PEM texts, in any order | `["-----BEGIN CERTIFICATE-----\n…"]` |
/// | `version` | version of the databag: 1 | `1` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateTransferProviderAppData {
    /// `certificates`: the authorities. Python writes them in any order; ours are sorted.
    pub certificates: BTreeSet<String>,
}

impl CertificateTransferProviderAppData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("certificates", Encoding::PythonJson),
        Key::optional("version", Encoding::PythonJson),
    ];

    /// Reads the databag; an entry that is no text is left out.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let certificates = reader.list("certificates").unwrap_or_default();
        let certificates = certificates.into_iter().collect();
        reader.finish(CertificateTransferProviderAppData { certificates })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("certificates", Some(&self.certificates))
            .json("version", Some(&1))
            .finish()
    }
}

/// What a unit of the provider says in version 0.
///
/// Provider unit databag, `certificate_transfer` v0. Python-style JSON.
///
/// | key | value | example |
/// |---|---|---|
/// | `ca` | PEM of the authority | `"-----BEGIN CERTIFICATE-----\n…"` |
/// | `certificate` | PEM of a certificate | `"-----BEGIN CERTIFICATE-----\n…"` |
/// | `chain` | list of PEM texts | `["-----BEGIN CERTIFICATE-----\n…"]` |
/// | `version` | version of the databag: 0 | `0` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CertificateTransferProviderUnitData {
    /// `ca`: the authority.
    pub ca: Option<String>,
    /// `certificate`: a certificate of it.
    pub certificate: Option<String>,
    /// `chain`: what is to be trusted.
    pub chain: Option<Vec<String>>,
    /// `version`: what the databag was written for.
    pub version: Option<i64>,
}

impl CertificateTransferProviderUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[
        Key::optional("ca", Encoding::PythonJson),
        Key::optional("certificate", Encoding::PythonJson),
        Key::optional("chain", Encoding::PythonJson),
        Key::optional("version", Encoding::PythonJson),
    ];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let value = CertificateTransferProviderUnitData {
            ca: reader.optional("ca"),
            certificate: reader.optional("certificate"),
            chain: reader.list("chain"),
            version: reader.optional("version"),
        };
        reader.finish(value)
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default()
            .json("ca", self.ca.as_ref())
            .json("certificate", self.certificate.as_ref())
            .json("chain", self.chain.as_ref())
            .json("version", self.version.as_ref())
            .finish()
    }
}

/// The authorities of one relation: those of the application, or, from a provider that is still at
/// version 0, the chain of the first unit that has one.
pub fn authorities<'a>(
    app: &Databag,
    units: impl IntoIterator<Item = &'a Databag>,
) -> Decoded<BTreeSet<String>> {
    let mut read = CertificateTransferProviderAppData::decode(app).map(|data| data.certificates);
    if !read.value.is_empty() {
        return read;
    }
    for unit in units {
        let data = CertificateTransferProviderUnitData::decode(unit);
        read.skipped.extend(data.skipped);
        if let Some(chain) = data.value.chain.filter(|chain| !chain.is_empty()) {
            read.value = chain.into_iter().collect();
            break;
        }
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    #[test]
    fn units_count_only_while_the_application_is_silent() {
        let unit = CertificateTransferProviderUnitData {
            ca: Some("CA".into()),
            certificate: Some("C".into()),
            chain: Some(vec!["C".into(), "CA".into()]),
            version: Some(0),
        };
        let unit = patched(&Databag::new(), &unit.encode());
        assert_eq!(unit["chain"], r#"["C", "CA"]"#);
        let read = authorities(&Databag::new(), [&Databag::new(), &unit]);
        assert_eq!(read.value.iter().collect::<Vec<_>>(), ["C", "CA"]);
        let app = CertificateTransferProviderAppData { certificates: ["X".to_owned()].into() };
        let app = patched(&Databag::new(), &app.encode());
        assert_eq!(authorities(&app, [&unit]).value.iter().collect::<Vec<_>>(), ["X"]);
    }

    #[test]
    fn versions_are_numbers() {
        let bag = Databag::from([("version".to_owned(), "1".to_owned())]);
        let read = CertificateTransferRequirerAppData::decode(&bag).value;
        assert_eq!(read.version, Some(1));
        assert_eq!(patched(&Databag::new(), &read.encode()), bag);
    }
}

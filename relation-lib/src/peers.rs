//! The peer relation of a coordinator: under which names its units are reached.
//!
//! The interface is named after the product (`tempo_peers`, `loki_peers`, …). Every unit writes
//! [`PeerUnitData`] into its own unit databag; Tempo's writes [`TempoPeerUnitData`] as well.
//!
//! ```
//! use relation_lib::databag::{Databag, patched};
//! use relation_lib::peers::PeerUnitData;
//!
//! let data = PeerUnitData { hostname: Some("loom-0.loom-endpoints".into()) };
//! let bag = patched(&Databag::new(), &data.encode());
//! assert_eq!(bag["hostname"], "loom-0.loom-endpoints");
//! assert_eq!(PeerUnitData::decode(&bag).value, data);
//! ```

use crate::databag::{Databag, DatabagPatch, Decoded, Encoding, Key, Reader, Writer};

/// What every coordinator unit tells its peers.
///
/// Peer unit databag, coordinated-workers 4.1.4.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `hostname` | plain | full host name | `loom-0.loom-endpoints.stage.svc.cluster.local` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerUnitData {
    /// `hostname`: a peer without it has not spoken yet.
    pub hostname: Option<String>,
}

impl PeerUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("hostname", Encoding::Raw)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let reader = Reader::new(bag);
        let hostname = reader.raw("hostname").map(str::to_owned);
        reader.finish(PeerUnitData { hostname })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().raw("hostname", self.hostname.as_deref()).finish()
    }
}

/// What every unit of Tempo's coordinator also tells its peers.
///
/// Peer unit databag, tempo-coordinator-k8s. Python clears the databag before it writes this key,
/// so a `hostname` may be missing until the next hook.
///
/// | key | encoding | value | example |
/// |---|---|---|---|
/// | `fqdn` | text in Python-style JSON | full host name | `"loom-0.loom-endpoints.stage.svc.cluster.local"` |
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TempoPeerUnitData {
    /// `fqdn`: where the ingress reaches the unit.
    pub fqdn: Option<String>,
}

impl TempoPeerUnitData {
    /// The keys of the databag.
    pub const KEYS: &[Key] = &[Key::optional("fqdn", Encoding::PythonJson)];

    /// Reads the databag.
    #[must_use]
    pub fn decode(bag: &Databag) -> Decoded<Self> {
        let mut reader = Reader::new(bag);
        let fqdn = reader.optional("fqdn");
        reader.finish(TempoPeerUnitData { fqdn })
    }

    /// Writes the databag.
    #[must_use]
    pub fn encode(&self) -> DatabagPatch {
        Writer::default().json("fqdn", self.fqdn.as_ref()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::databag::patched;

    #[test]
    fn tempo_quotes_what_the_others_write_plain() {
        let host = "loom-0.loom-endpoints.stage.svc.cluster.local";
        let data = TempoPeerUnitData { fqdn: Some(host.into()) };
        let bag = patched(&Databag::new(), &data.encode());
        assert_eq!(bag["fqdn"], format!("\"{host}\""));
        assert_eq!(TempoPeerUnitData::decode(&bag).value, data);
        assert_eq!(PeerUnitData::default().encode()["hostname"], None);
    }
}

//! Relations with other models: what is offered, what is consumed, and which relations are halves.
//!
//! A relation between two models is a relation in each of them, with an id of its own. One side is
//! the own application; the other stands for an application elsewhere: in the consuming model
//! under the name of the SAAS, in the offering one as `remote-<32 hex digits>`. Its databags are
//! copies.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Life, Model, Role, Secret};
use crate::names::{RelationId, SecretId};

/// An endpoint that other models may relate to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfferedEndpoint {
    /// The endpoint of the application.
    pub endpoint: String,
    /// Its interface.
    pub interface: String,
    /// What it is: a provider or a requirer.
    pub role: Role,
}

/// What `juju offer` made: endpoints of an application for other models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// Its name, unique in its model.
    pub name: String,
    /// The application.
    pub application: String,
    /// The endpoints, by the name that consumers see.
    pub endpoints: BTreeMap<String, OfferedEndpoint>,
}

/// What `juju consume` made: an application of another model under a name of this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saas {
    /// Its name here.
    pub name: String,
    /// Where the offer is: `admin/cos.loki`.
    pub url: String,
    /// The UUID of the offering model.
    pub model_uuid: String,
    /// The offer's name there.
    pub offer: String,
    /// Its endpoints, as they were when it was consumed.
    pub endpoints: BTreeMap<String, OfferedEndpoint>,
    /// Whether it is being removed.
    pub life: Life,
}

/// The other half of a relation that spans two models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The UUID of the other model.
    pub model_uuid: String,
    /// The relation there.
    pub relation: RelationId,
    /// The name under which the other application is known here.
    pub remote: String,
    /// In the offering model: the offer.
    pub offer: Option<String>,
}

/// The name of a consuming application in the offering model: `remote-` and 32 hex digits, always
/// the same for the same application.
#[must_use]
pub fn remote_name(model_uuid: &str, application: &str) -> String {
    let digest = Sha256::digest(format!("{model_uuid} {application}"));
    let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    // An application's name has a letter in each of its segments.
    let first = hex.chars().next().filter(char::is_ascii_alphabetic).unwrap_or('a');
    format!("remote-{first}{}", &hex[1..])
}

impl Model {
    /// The model that a secret comes from, if it is a copy of another model's.
    #[must_use]
    pub fn source_of(&self, secret: &SecretId) -> Option<&str> {
        let owner = self.secrets.get(secret)?.owner.application();
        let link = self.links.values().find(|link| link.remote == owner)?;
        Some(&link.model_uuid)
    }

    /// Whether a secret is a copy of one that an application of another model has granted.
    #[must_use]
    pub fn is_foreign(&self, secret: &Secret) -> bool {
        let owner = secret.owner.application();
        !owner.is_empty() && !self.applications.contains_key(owner)
    }

    /// How many relations an offer has.
    #[must_use]
    pub fn connections(&self, offer: &str) -> usize {
        self.links.values().filter(|link| link.offer.as_deref() == Some(offer)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::{UnitName, is_application_name};

    #[test]
    fn a_remote_application_has_a_name_that_units_can_have() {
        for number in 0..64 {
            let name = remote_name("uuid", &format!("app{number}"));
            assert_eq!(name.len(), "remote-".len() + 32);
            assert!(is_application_name(&name), "{name}");
            assert!(UnitName::new(&name, 0).as_str().parse::<UnitName>().is_ok());
        }
        assert_ne!(remote_name("a", "x"), remote_name("b", "x"));
    }
}

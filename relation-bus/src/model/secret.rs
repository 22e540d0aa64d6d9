//! Secrets: content by revision, who owns them, who may read them, who tracks what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Clock;
use crate::names::{RelationId, SecretId, UnitName};

/// The key-value content of one revision. Prints redacted.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SecretContent(BTreeMap<String, Vec<u8>>);

impl SecretContent {
    /// Content made of bytes by key.
    #[must_use]
    pub fn new(content: BTreeMap<String, Vec<u8>>) -> Self {
        Self(content)
    }

    /// The values by key. They are secret: keep them out of logs.
    #[must_use]
    pub fn reveal(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.0
    }

    /// Whether there is no key at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SecretContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.0.keys().map(|key| (key, "<redacted>"))).finish()
    }
}

/// Who a secret belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretOwner {
    /// An application: its leader manages the secret.
    Application(String),
    /// One unit.
    Unit(UnitName),
    /// The model: an operator made it (`juju add-secret`). Its label is the secret's name.
    Model,
}

impl SecretOwner {
    /// The application that owns the secret or whose unit does; empty for a secret of the model.
    #[must_use]
    pub fn application(&self) -> &str {
        match self {
            Self::Application(name) => name,
            Self::Unit(unit) => unit.application(),
            Self::Model => "",
        }
    }

    /// The word that `secret-info-get` prints.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Application(_) => "application",
            Self::Unit(_) => "unit",
            Self::Model => "model",
        }
    }
}

/// How often the owner is asked for a new revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RotatePolicy {
    /// Not at all.
    #[default]
    Never,
    /// Every hour.
    Hourly,
    /// Every day.
    Daily,
    /// Every week.
    Weekly,
    /// Every month.
    Monthly,
    /// Every quarter.
    Quarterly,
    /// Every year.
    Yearly,
}

impl RotatePolicy {
    /// The word as Juju prints it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Quarterly => "quarterly",
            Self::Yearly => "yearly",
        }
    }
}

impl RotatePolicy {
    /// When the next rotation is due after one at `last`; never for [`Self::Never`].
    #[must_use]
    pub fn next(self, last: Clock) -> Option<Clock> {
        const DAY: u64 = 86_400;
        Some(match self {
            Self::Never => return None,
            Self::Hourly => last.plus(3600),
            Self::Daily => last.plus(DAY),
            Self::Weekly => last.plus(7 * DAY),
            Self::Monthly => last.plus_months(1),
            Self::Quarterly => last.plus_months(3),
            Self::Yearly => last.plus_months(12),
        })
    }
}

impl FromStr for RotatePolicy {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        use RotatePolicy::{Daily, Hourly, Monthly, Never, Quarterly, Weekly, Yearly};
        [Never, Hourly, Daily, Weekly, Monthly, Quarterly, Yearly]
            .into_iter()
            .find(|policy| policy.as_str() == text)
            .ok_or(())
    }
}

/// One revision of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// The content.
    pub content: SecretContent,
    /// When it expires, as RFC 3339.
    pub expires: Option<String>,
    /// When the owner was last told that it has expired: it is told again until it removes it.
    pub expiry_told: Option<Clock>,
    /// Whether the owner was told that nobody tracks it any more.
    pub removal_told: bool,
    /// When it was made.
    pub created: Clock,
}

/// What one observer knows of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consumer {
    /// The observer's own label.
    pub label: Option<String>,
    /// The revision it reads until it refreshes.
    pub tracked: u32,
    /// The newest revision it was told of by `secret-changed`.
    pub told: u32,
}

/// The owner is told again of an expired revision, and asked again to rotate, after this long.
pub(crate) const REMINDER: u64 = 300;

impl Revision {
    /// When the owner is to be told that the revision has expired, the first time or again.
    #[must_use]
    pub fn expires_at(&self) -> Option<Clock> {
        let expires = Clock::parse_rfc3339(self.expires.as_deref()?)?;
        Some(self.expiry_told.map_or(expires, |told| told.plus(REMINDER)))
    }

    /// A revision that never expires.
    #[must_use]
    pub fn new(content: SecretContent, created: Clock) -> Self {
        Self { content, expires: None, expiry_told: None, removal_told: false, created }
    }
}

/// The right to read, for the life of a relation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Grant {
    /// The relation it hangs on; nothing for a secret of the model, granted until it is revoked.
    pub relation: Option<RelationId>,
    /// The application that may read.
    pub application: String,
    /// One unit of it, or all.
    pub unit: Option<UnitName>,
}

/// One secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secret {
    /// Its id.
    pub id: SecretId,
    /// Whose it is.
    pub owner: SecretOwner,
    /// The owner's label.
    pub label: String,
    /// Free text.
    pub description: String,
    /// How often it rotates.
    pub rotate: RotatePolicy,
    /// When the owner is asked next for a new revision.
    pub next_rotate: Option<Clock>,
    /// Whether revisions that nobody tracks are removed by themselves (secrets of the model).
    pub auto_prune: bool,
    /// Revisions by number, from 1.
    pub revisions: BTreeMap<u32, Revision>,
    /// Who may read it beside its owner.
    pub grants: BTreeSet<Grant>,
    /// Who has read it.
    pub consumers: BTreeMap<UnitName, Consumer>,
}

impl Secret {
    /// A secret with its first revision, without grants, label or rotation.
    #[must_use]
    pub fn new(id: SecretId, owner: SecretOwner, content: SecretContent, now: Clock) -> Self {
        Self {
            id,
            owner,
            label: String::new(),
            description: String::new(),
            rotate: RotatePolicy::Never,
            next_rotate: None,
            auto_prune: false,
            revisions: BTreeMap::from([(1, Revision::new(content, now))]),
            grants: BTreeSet::new(),
            consumers: BTreeMap::new(),
        }
    }

    /// The newest revision's number; 0 when all were removed.
    #[must_use]
    pub fn latest(&self) -> u32 {
        self.revisions.keys().next_back().copied().unwrap_or(0)
    }

    /// Whether a unit reads the secret as an owner: it owns it, or its application does.
    #[must_use]
    pub fn is_owned_by(&self, unit: &UnitName) -> bool {
        match &self.owner {
            SecretOwner::Application(name) => name == unit.application(),
            SecretOwner::Unit(owner) => owner == unit,
            SecretOwner::Model => false,
        }
    }

    /// Whether a unit may change the secret, given whether it leads its application.
    #[must_use]
    pub fn is_managed_by(&self, unit: &UnitName, leads: bool) -> bool {
        self.is_owned_by(unit) && (leads || matches!(self.owner, SecretOwner::Unit(_)))
    }

    /// Whether a unit of another owner may read the secret.
    #[must_use]
    pub fn is_granted_to(&self, unit: &UnitName) -> bool {
        self.grants.iter().any(|grant| {
            grant.application == unit.application()
                && grant.unit.as_ref().is_none_or(|granted| granted == unit)
        })
    }

    /// Revisions that no observer tracks, the newest left out: what `secret-remove` is about.
    pub fn untracked_revisions(&self) -> impl Iterator<Item = u32> {
        let latest = self.latest();
        self.revisions.keys().copied().filter(move |number| {
            *number != latest && self.consumers.values().all(|c| c.tracked != *number)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_not_printed() {
        let content = SecretContent::new(BTreeMap::from([("key".to_owned(), b"hush".to_vec())]));
        assert_eq!(format!("{content:?}"), "{\"key\": \"<redacted>\"}");
    }

    #[test]
    fn a_follower_reads_an_application_secret_and_does_not_manage_it() {
        let owner = SecretOwner::Application("a".to_owned());
        let content = SecretContent::default();
        let secret = Secret::new(SecretId::from_number(0), owner, content, Clock::default());
        let unit = UnitName::new("a", 1);
        assert!(secret.is_owned_by(&unit));
        assert!(!secret.is_managed_by(&unit, false));
        assert!(secret.is_managed_by(&unit, true));
        assert!(!secret.is_granted_to(&UnitName::new("b", 0)));
    }

    #[test]
    fn a_rotation_is_due_by_the_calendar() {
        let start = Clock::default();
        let due = |policy: RotatePolicy| policy.next(start).map(Clock::rfc3339);
        assert_eq!(due(RotatePolicy::Never), None);
        assert_eq!(due(RotatePolicy::Hourly).as_deref(), Some("2025-01-01T01:00:00Z"));
        assert_eq!(due(RotatePolicy::Weekly).as_deref(), Some("2025-01-08T00:00:00Z"));
        assert_eq!(due(RotatePolicy::Quarterly).as_deref(), Some("2025-04-01T00:00:00Z"));
    }
}

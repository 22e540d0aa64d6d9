//! What a Juju controller holds for one model, as plain data.
//!
//! Nothing in here runs a process or knows what a hook is. Reads and writes that depend on who
//! asks (see `relation.rs`) are decided in [`crate::hook`].

mod application;
mod log;
mod relation;
mod secret;
mod status;
mod task;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use application::{Application, ConfigValue, Life, OpenedPort, PortError, Protocol, Unit};
pub use log::{Level, LogEntry};
pub use relation::{
    DataBag, Member, Relation, RelationLife, Role, Side, VersionedBag, merge_changes, relation_key,
};
pub use secret::{Consumer, Grant, Revision, RotatePolicy, Secret, SecretContent, SecretOwner};
pub use status::{AgentStatus, StatusEntry, StatusValue};
pub use task::{Task, TaskMessage, TaskStatus};

use crate::names::{RelationId, SecretId, UnitName};

/// One model: everything that outlives a hook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Model {
    /// The model's name, without owner.
    pub name: String,
    /// The model's UUID.
    pub uuid: String,
    /// The Juju version that the model plays, such as `3.6.8`.
    pub juju_version: String,
    /// Applications by name.
    pub applications: BTreeMap<String, Application>,
    /// Relations, peers included.
    pub relations: BTreeMap<RelationId, Relation>,
    /// Secrets of all owners.
    pub secrets: BTreeMap<SecretId, Secret>,
    /// The log of the model, oldest first.
    pub log: Vec<LogEntry>,
    /// Seconds of the virtual clock since the model began.
    pub clock: Clock,
    /// The id that the next relation gets. Ids are never reused.
    pub next_relation: u32,
    /// Counts secrets made, for their ids.
    pub next_secret: u64,
    /// Counts actions, for their numbers.
    pub next_action: u32,
}

/// The virtual clock of a model. It starts at a fixed moment and moves only when told, so that the
/// same model gives the same texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Clock {
    /// Seconds since the model began.
    pub seconds: u64,
}

/// 2025-01-01 00:00:00 UTC, when every model begins.
const BEGINNING: u64 = 1_735_689_600;

impl Clock {
    /// The moment as `2025-01-01 12:00:00Z`.
    #[must_use]
    pub fn timestamp(self) -> String {
        let (date, time) = self.date_and_time();
        format!("{date} {time}Z")
    }

    /// The moment as RFC 3339, `2025-01-01T12:00:00Z`.
    #[must_use]
    pub fn rfc3339(self) -> String {
        let (date, time) = self.date_and_time();
        format!("{date}T{time}Z")
    }

    /// The time of day, `12:00:00`.
    #[must_use]
    pub fn time_of_day(self) -> String {
        self.date_and_time().1
    }

    /// The moment as `juju status` prints it in `since`, `01 Jan 2025 12:00:00Z`.
    #[must_use]
    pub fn since(self) -> String {
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let total = BEGINNING + self.seconds;
        let (year, month, day) = civil(total / 86_400);
        let month = MONTHS[(month as usize - 1) % 12];
        format!("{day:02} {month} {year} {}Z", self.time_of_day())
    }

    fn date_and_time(self) -> (String, String) {
        let total = BEGINNING + self.seconds;
        let (year, month, day) = civil(total / 86_400);
        let second = total % 86_400;
        (
            format!("{year}-{month:02}-{day:02}"),
            format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
        )
    }
}

/// Days since 1970 to year, month and day of the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    // Eras of 400 years that begin on 1 March, so that the leap day is the last day of a year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

impl Model {
    /// An empty model.
    #[must_use]
    pub fn new(name: &str, uuid: &str, juju_version: &str) -> Self {
        Self {
            name: name.to_owned(),
            uuid: uuid.to_owned(),
            juju_version: juju_version.to_owned(),
            applications: BTreeMap::new(),
            relations: BTreeMap::new(),
            secrets: BTreeMap::new(),
            log: Vec::new(),
            clock: Clock::default(),
            next_relation: 0,
            next_secret: 0,
            next_action: 0,
        }
    }

    /// A unit that exists in this model.
    #[must_use]
    pub fn unit(&self, name: &UnitName) -> Option<&Unit> {
        self.applications.get(name.application())?.units.get(name)
    }

    /// A unit that exists in this model, to change it.
    pub fn unit_mut(&mut self, name: &UnitName) -> Option<&mut Unit> {
        self.applications.get_mut(name.application())?.units.get_mut(name)
    }

    /// All units of the model, ordered as text.
    pub fn units(&self) -> impl Iterator<Item = (&UnitName, &Unit)> {
        self.applications.values().flat_map(|application| &application.units)
    }

    /// Whether the unit holds the leadership of its application.
    #[must_use]
    pub fn is_leader(&self, unit: &UnitName) -> bool {
        self.applications
            .get(unit.application())
            .is_some_and(|application| application.leader.as_ref() == Some(unit))
    }

    /// The relations that an application takes part in, by id.
    pub fn relations_of<'a>(
        &'a self,
        application: &'a str,
    ) -> impl Iterator<Item = (&'a Side, &'a Relation)> {
        self.relations
            .values()
            .filter_map(move |relation| Some((relation.side(application)?, relation)))
    }

    /// The fully qualified host name of a unit, as its headless Service gives it.
    #[must_use]
    pub fn fqdn(&self, unit: &UnitName) -> String {
        let application = unit.application();
        format!("{}.{application}-endpoints.{}.svc.cluster.local", unit.dashed(), self.name)
    }

    /// Adds a line to the log, at the current moment.
    pub fn add_log(&mut self, unit: &str, module: &str, level: Level, message: impl Into<String>) {
        self.log.push(LogEntry {
            time: self.clock,
            entity: format!("unit-{}", unit.replace('/', "-")),
            module: module.to_owned(),
            level,
            message: message.into(),
        });
    }

    /// Reserves an id for a new relation.
    pub fn reserve_relation_id(&mut self) -> RelationId {
        let id = RelationId(self.next_relation);
        self.next_relation += 1;
        id
    }

    /// Reserves an id for a new secret.
    pub fn reserve_secret_id(&mut self) -> SecretId {
        let id = SecretId::from_number(self.next_secret);
        self.next_secret += 1;
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_begins_at_a_fixed_moment_and_counts_days() {
        assert_eq!(Clock::default().timestamp(), "2025-01-01 00:00:00Z");
        let leap = Clock { seconds: (365 + 365 + 365 + 59) * 86_400 + 3661 };
        assert_eq!(leap.rfc3339(), "2028-02-29T01:01:01Z");
        assert_eq!(Clock { seconds: 12 * 3600 }.since(), "01 Jan 2025 12:00:00Z");
    }

    #[test]
    fn a_unit_has_the_host_name_of_its_headless_service() {
        let model = Model::new("m", "u", "3.6.8");
        assert_eq!(model.fqdn(&UnitName::new("a-b", 1)), "a-b-1.a-b-endpoints.m.svc.cluster.local");
    }
}

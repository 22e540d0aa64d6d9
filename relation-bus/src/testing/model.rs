//! A model under test: how it begins, and what a test reads of it.

use std::future::Future;
use std::panic::Location;
use std::path::Path;

use serde_json::Value;

use super::failure::{met, shown};
use super::{Databags, Difference, Evidence, Failure, Unmet, build};
use crate::engine::{Bus, Settings};
use crate::hook::Journal;
use crate::model::{StatusEntry, StatusValue};
use crate::model_file::{self, DEFAULT_JUJU_VERSION};
use crate::names::UnitName;

/// Lines of the log of one unit, and hooks, that a failure shows.
const TAIL: usize = 25;

/// A model under test, with a folder, processes and sockets of its own.
#[derive(Debug)]
pub struct TestModel {
    pub(super) bus: Bus,
    /// Databags when the model last came to rest.
    rest: Databags,
    /// Databags when it came to rest before that.
    before: Databags,
    /// Where in the journal the last run begins.
    run: usize,
}

impl TestModel {
    /// A model without applications.
    ///
    /// # Errors
    ///
    /// When its folder or the servers around it can't be made.
    pub async fn try_empty(name: &str, settings: Settings) -> Result<Self, Failure> {
        let settings = build::settings(&[], settings)?;
        const UUID: &str = "0f1e2d3c-4b5a-4978-8695-a4b3c2d1e0f9";
        let bus = Bus::empty(name, UUID, DEFAULT_JUJU_VERSION, settings).await;
        Ok(Self::around(bus.map_err(Unmet::from)?))
    }

    /// A model without applications.
    ///
    /// # Panics
    ///
    /// When its folder or the servers around it can't be made.
    #[track_caller]
    pub fn empty(name: &str) -> impl Future<Output = Self> {
        let place = Location::caller();
        async move { met(Self::try_empty(name, Settings::default()).await, place) }
    }

    /// The model of a file, deployed and related; nothing has run yet. What it runs is built.
    ///
    /// # Errors
    ///
    /// When the file, a charm in it or a relation can't be used.
    pub async fn try_from_file(
        file: impl AsRef<Path>,
        settings: Settings,
    ) -> Result<Self, Failure> {
        let plan = model_file::read(file.as_ref()).map_err(Unmet::from)?;
        let charms: Vec<_> = plan.applications.iter().map(|(_, plan)| &plan.charm).collect();
        let settings = build::settings(&charms, settings)?;
        let bus = Bus::empty(&plan.name, &plan.uuid, &plan.juju_version, settings).await;
        let mut bus = bus.map_err(Unmet::from)?;
        bus.play(&plan).await.map_err(Unmet::from)?;
        Ok(Self::around(bus))
    }

    /// The model of a file, deployed and related; nothing has run yet. A relative path begins in
    /// the working folder, which for tests is the package's.
    ///
    /// # Panics
    ///
    /// When the file, a charm in it or a relation can't be used.
    #[track_caller]
    pub fn from_file(file: impl AsRef<Path>) -> impl Future<Output = Self> {
        let place = Location::caller();
        async move { met(Self::try_from_file(file, Settings::default()).await, place) }
    }

    /// A bus that was started otherwise.
    #[must_use]
    pub fn around(bus: Bus) -> Self {
        let rest = Databags::of(&bus.model());
        let run = bus.journal().len();
        Self { bus, before: rest.clone(), rest, run }
    }

    /// The bus, to read what has no word here.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// The bus, to do what has no word here.
    pub fn bus_mut(&mut self) -> &mut Bus {
        &mut self.bus
    }

    /// All databags as they stand now.
    #[must_use]
    pub fn databags(&self) -> Databags {
        Databags::of(&self.bus.model())
    }

    /// What the last act and its settling have changed on databags: now, against the rest before.
    #[must_use]
    pub fn changes(&self) -> Difference {
        self.before.difference(&self.databags())
    }

    /// The hooks of the last run, oldest first: those since settling or dispatching last began.
    #[must_use]
    pub fn last_run(&self) -> &[Journal] {
        &self.bus.journal()[self.run..]
    }

    /// The hooks of a unit in the last run, by name and, after a space, what they were about.
    ///
    /// # Panics
    ///
    /// When the text names no unit.
    #[must_use]
    #[track_caller]
    pub fn hooks(&self, unit: &str) -> Vec<String> {
        let unit = self.unit(unit);
        let own = self.last_run().iter().filter(|journal| journal.unit == unit);
        own.map(Journal::title).collect()
    }

    /// The combined plan of a container.
    ///
    /// # Panics
    ///
    /// When the text names no unit.
    #[must_use]
    #[track_caller]
    pub fn plan(&self, unit: &str, container: &str) -> Value {
        self.bus.plan(&self.unit(unit), container)
    }

    /// The shown status of a unit: the word, and after `: ` the message if there is one.
    ///
    /// # Panics
    ///
    /// When the text names no unit.
    #[must_use]
    #[track_caller]
    pub fn status(&self, unit: &str) -> String {
        shown(&self.bus.status(&self.unit(unit)))
    }

    /// Whether every unit is active.
    ///
    /// # Errors
    ///
    /// With those that are not.
    pub fn check_active(&self) -> Result<(), Failure> {
        let others: Vec<(UnitName, StatusEntry)> = {
            let model = self.bus.model();
            let units = model.units().map(|(name, unit)| (name.clone(), unit.shown_status()));
            units.filter(|(_, status)| status.value != StatusValue::Active).collect()
        };
        if others.is_empty() {
            return Ok(());
        }
        Err(self.failure(Unmet::NotActive(others)))
    }

    /// Asserts that every unit is active.
    ///
    /// # Panics
    ///
    /// When one is not.
    #[track_caller]
    pub fn assert_active(&self) {
        met(self.check_active(), Location::caller());
    }

    /// Whether a unit shows a status, given as [`TestModel::status`] gives it; the word alone
    /// leaves the message open.
    ///
    /// # Errors
    ///
    /// When it shows another one.
    pub fn check_status(&self, unit: &str, expected: &str) -> Result<(), Failure> {
        let unit: UnitName = unit.parse().map_err(Unmet::from)?;
        let status = self.bus.status(&unit);
        if shown(&status) == expected || status.value.as_str() == expected {
            return Ok(());
        }
        let (expected, found) = (expected.to_owned(), shown(&status));
        Err(self.failure(Unmet::Status { unit, expected, found }))
    }

    /// Asserts that a unit shows a status, such as `active` or `blocked: no S3`.
    ///
    /// # Panics
    ///
    /// When it shows another one.
    #[track_caller]
    pub fn assert_status(&self, unit: &str, expected: &str) {
        met(self.check_status(unit, expected), Location::caller());
    }

    #[track_caller]
    pub(super) fn unit(&self, name: &str) -> UnitName {
        met(name.parse().map_err(Failure::from), Location::caller())
    }

    /// A run begins: hooks from here on belong to it.
    pub(super) fn begin_run(&mut self) {
        self.run = self.bus.journal().len();
    }

    /// The model is at rest.
    pub(super) fn at_rest(&mut self) {
        let now = self.databags();
        self.before = std::mem::replace(&mut self.rest, now);
    }

    /// A failure with what helps to see why: about the units concerned, or else about the whole
    /// last run.
    pub(super) fn failure(&self, unmet: Unmet) -> Failure {
        let mut evidence = Evidence::default();
        let units = unmet.units();
        let mut changes = self.changes().lines();
        if changes.len() > 2 * TAIL {
            let more = changes.len() - 2 * TAIL;
            changes.truncate(2 * TAIL);
            changes.push(format!("… and {more} lines more"));
        }
        evidence.add("databags since the model last came to rest", changes);
        let concerned = |journal: &&Journal| units.is_empty() || units.contains(&journal.unit);
        let hooks = self.last_run().iter().filter(concerned).map(|journal| {
            let end = if journal.succeeded { "" } else { " failed" };
            format!("{} {}{end}, {} calls", journal.unit, journal.title(), journal.price())
        });
        evidence.add("last hooks", tail(hooks.collect()));
        for unit in &units {
            evidence.add(format!("log of {unit}"), tail(self.bus.log(unit)));
        }
        Failure { unmet: Box::new(unmet), evidence }
    }
}

/// The last lines of a list.
fn tail(mut lines: Vec<String>) -> Vec<String> {
    lines.split_off(lines.len().saturating_sub(TAIL))
}

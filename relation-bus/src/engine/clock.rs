//! The virtual clock: what is due, and when.
//!
//! Every hook takes a second of it. Beyond that it moves only when it is told: [`Bus::settle`] jumps
//! over the pauses of failed hooks, [`Bus::advance`] from one due moment to the next, and
//! [`Bus::tick`] moves it along with the real one.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use super::{Bus, EngineError, Settled, Step};
use crate::dispatch::lock;
use crate::model::{Clock, Model};
use crate::uniter::{LocalState, PodLife};

/// Whether what Juju spreads by chance is spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Jitter {
    /// Pauses, intervals and leases are exactly what they are set to.
    #[default]
    None,
    /// They are spread as Juju does, reproducibly.
    Seeded(u64),
}

impl Jitter {
    /// A length of time, spread by a part of it to both sides: 20 for 20 %. `what` tells one draw
    /// from another.
    pub(super) fn spread(self, seconds: u64, percent: u64, what: impl std::hash::Hash) -> u64 {
        let Self::Seeded(seed) = self else { return seconds };
        let mut hasher = DefaultHasher::new();
        seed.hash(&mut hasher);
        what.hash(&mut hasher);
        let width = seconds * percent / 100;
        seconds - width + hasher.finish() % (2 * width + 1)
    }
}

/// Seconds until a hook that failed so often is run again: 5, doubling, 5 minutes at most.
pub(super) fn retry_pause(tries: u32, jitter: Jitter, unit: &str) -> u64 {
    let pause = 5u64.saturating_mul(1 << tries.saturating_sub(1).min(10));
    jitter.spread(pause, 20, (unit, tries)).clamp(5, 300)
}

/// When something that failed in a unit is run again by itself.
pub(super) fn next_retry(local: &LocalState) -> Option<Clock> {
    match &local.failed {
        Some(failed) => failed.retry_at,
        None => local.ready_retries.values().copied().chain(local.workload_pause).min(),
    }
}

/// Ends the pauses of a unit that are over at a moment.
pub(super) fn make_due(local: &mut LocalState, moment: Clock) {
    let failed = local.failed.as_mut().and_then(|failed| failed.retry_at.as_mut());
    let pauses = local.ready_retries.values_mut().chain(local.workload_pause.as_mut());
    for at in pauses.chain(failed).filter(|at| **at <= moment) {
        *at = Clock::default();
    }
}

impl Bus {
    /// The moment on the virtual clock.
    #[must_use]
    pub fn now(&self) -> Clock {
        lock(&self.model).clock
    }

    /// Moves the virtual clock and lets what is due fire: `update-status`, elections, the pauses of
    /// failed hooks. Hooks run when their turn comes, see [`Bus::begin_due`]. For a bus that lives
    /// along with the real clock.
    pub fn tick(&mut self, elapsed: Duration) {
        self.fraction += elapsed;
        let whole = self.fraction.as_secs();
        self.fraction -= Duration::from_secs(whole);
        let target = self.now().plus(whole);
        self.reach(target);
    }

    /// Begins the next operation as [`Bus::begin`] does, or a failed hook whose pause is over.
    pub fn begin_due(&mut self) -> Step {
        let now = self.now();
        for runtime in self.units.values_mut() {
            make_due(&mut runtime.local, now);
        }
        self.begin()
    }

    /// Moves the virtual clock by a length of time, from one due moment to the next, and runs what
    /// is due at each.
    ///
    /// # Errors
    ///
    /// When the model does not come to rest between two moments, or a hook could not be tried.
    pub async fn advance(&mut self, length: Duration) -> Result<Settled, EngineError> {
        let first = self.journals.len();
        self.fraction += length;
        let whole = self.fraction.as_secs();
        self.fraction -= Duration::from_secs(whole);
        let target = self.now().plus(whole);
        self.reach(self.now());
        loop {
            self.run_due().await?;
            let now = self.now();
            let next = self.next_due().filter(|moment| *moment <= target);
            match next {
                Some(moment) => self.reach(moment),
                None if now < target => self.reach(target),
                None => return Ok(Settled { hooks: self.journals.len() - first }),
            }
        }
    }

    /// Runs hooks until nothing is due at this moment.
    async fn run_due(&mut self) -> Result<(), EngineError> {
        let first = self.journals.len();
        self.turn = None;
        loop {
            match self.begin_due() {
                Step::Idle => return Ok(()),
                Step::Done => {}
                Step::Run(running) => drop(self.finish(running.run().await)?),
            }
            self.check_rest(first, self.settings.hook_limit)?;
        }
    }

    /// The next moment, after this one, at which something is due by itself.
    #[must_use]
    pub fn next_due(&self) -> Option<Clock> {
        let model = lock(&self.model);
        let of_units = self.units.values().flat_map(|runtime| {
            next_retry(&runtime.local).into_iter().chain(runtime.local.update_status_at)
        });
        let elections = model.applications.values().filter_map(|entry| entry.election);
        let of_secrets = model.secrets.values().flat_map(|secret| {
            let expiries = secret.revisions.values().filter_map(|revision| revision.expires_at());
            secret.next_rotate.into_iter().chain(expiries)
        });
        let due = of_units.chain(elections).chain(of_secrets);
        due.filter(|moment| *moment > model.clock).min()
    }

    /// Moves the clock to a moment, never back, and fires the timers that are due there.
    fn reach(&mut self, moment: Clock) {
        let (now, interval) = {
            let mut model = lock(&self.model);
            model.clock = model.clock.max(moment);
            elect_due(&mut model);
            (model.clock, model.update_status_interval())
        };
        let jitter = self.settings.jitter;
        for (unit, runtime) in &mut self.units {
            let local = &mut runtime.local;
            if !local.started || local.pod != PodLife::Stays {
                continue;
            }
            let is_due = local.update_status_at.is_some_and(|at| at <= now);
            local.update_status_due |= is_due;
            if is_due || local.update_status_at.is_none() {
                let wait = jitter.spread(interval, 20, (unit.as_str(), now.seconds));
                local.update_status_at = Some(now.plus(wait.max(1)));
            }
        }
    }
}

/// Ends the time without a leader where the last lease has run out.
fn elect_due(model: &mut Model) {
    let now = model.clock;
    for application in model.applications.values_mut() {
        if application.election.is_some_and(|moment| moment <= now) {
            application.election = None;
            application.elect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_five_minutes() {
        let pauses =
            |jitter| (1..9).map(|tries| retry_pause(tries, jitter, "web/0")).collect::<Vec<_>>();
        assert_eq!(pauses(Jitter::None), [5, 10, 20, 40, 80, 160, 300, 300]);
        let spread = pauses(Jitter::Seeded(7));
        assert_eq!(spread, pauses(Jitter::Seeded(7)));
        assert!(spread.is_sorted() && spread[0] >= 5 && spread[7] <= 300, "{spread:?}");
        assert!((0..20).any(|seed| pauses(Jitter::Seeded(seed)) != spread));
    }

    #[test]
    fn a_spread_stays_within_its_part() {
        for seed in 0..200 {
            let drawn = Jitter::Seeded(seed).spread(300, 20, "update-status");
            assert!((240..=360).contains(&drawn), "{drawn}");
        }
        assert_eq!(Jitter::None.spread(300, 20, "update-status"), 300);
    }
}

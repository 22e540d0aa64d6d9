//! Runs hooks until every unit is idle.

use std::collections::BTreeMap;

use super::{Bus, EngineError, Noise, Step};
use crate::hook::{Hook, Journal};
use crate::names::UnitName;

/// What settling took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Hooks that ran, failed ones and retries included.
    pub hooks: usize,
}

impl Bus {
    /// Runs hooks until every unit is idle, or in error for good. The virtual clock jumps over the
    /// pauses of failed hooks; no timer fires, see [`Bus::advance`].
    ///
    /// # Errors
    ///
    /// When the model does not come to rest within the limit, or a hook could not be tried.
    pub async fn settle(&mut self) -> Result<Settled, EngineError> {
        self.settle_within(self.settings.hook_limit).await
    }

    /// Runs hooks until every unit is idle, or in error for good, but no more than `limit` hooks.
    ///
    /// # Errors
    ///
    /// When the model does not come to rest within the limit, or a hook could not be tried.
    pub async fn settle_within(&mut self, limit: usize) -> Result<Settled, EngineError> {
        let first = self.journals.len();
        let mut retries: BTreeMap<UnitName, u32> = BTreeMap::new();
        self.turn = None;
        loop {
            let step = match self.begin() {
                Step::Idle => self.begin_retry(&mut retries),
                step => step,
            };
            match step {
                Step::Idle => return Ok(Settled { hooks: self.journals.len() - first }),
                Step::Done => {}
                Step::Run(running) => drop(self.finish(running.run().await)?),
            }
            self.check_rest(first, limit)?;
        }
    }

    /// Refuses to go on when more hooks have run, since the journal was so long, than may.
    pub(super) fn check_rest(&self, first: usize, limit: usize) -> Result<(), EngineError> {
        if self.journals.len() - first > limit {
            return Err(EngineError::Restless { limit, noise: self.noise(first) });
        }
        Ok(())
    }

    /// Runs one event on a unit now, whatever Juju would do: to see that nothing is written when
    /// nothing changed.
    ///
    /// # Errors
    ///
    /// When there is no such unit, or the hook could not be tried.
    pub async fn redispatch(
        &mut self,
        unit: &UnitName,
        hook: Hook,
    ) -> Result<Journal, EngineError> {
        let ran = self.begin_hook(unit, hook)?.run().await;
        self.finish(ran)
    }

    /// Which units ran which hooks most, and what they wrote, since the settling began.
    fn noise(&self, first: usize) -> Noise {
        let mut counts: BTreeMap<String, (usize, Option<String>)> = BTreeMap::new();
        for journal in &self.journals[first..] {
            let entry = counts.entry(format!("{} {}", journal.unit, journal.hook)).or_default();
            entry.0 += 1;
            if let Some(write) = journal.databag_writes().last() {
                entry.1 = Some(format!("{write:?}"));
            }
        }
        let mut ranked: Vec<_> = counts.into_iter().collect();
        ranked.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        let line = |(who, (count, write)): (String, (usize, Option<String>))| match write {
            Some(write) => format!("{who} ran {count} times and wrote {write}"),
            None => format!("{who} ran {count} times"),
        };
        Noise(ranked.into_iter().take(5).map(line).collect())
    }
}

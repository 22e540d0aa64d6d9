//! Who leads: elections, leases that run out, and leadership that is lost.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::{Bus, EngineError};
use crate::dispatch::lock;
use crate::hook::{Moment, Strike, Trap};
use crate::model::{Clock, LEASE};
use crate::names::UnitName;

/// Whether leadership moves by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leadership {
    /// It stays with a unit as long as the unit does.
    #[default]
    Stable,
    /// It is lost again and again, inside hooks and between them, reproducibly.
    Restless {
        /// The seed.
        seed: u64,
        /// One hook of so many costs its unit the leadership.
        one_in: u64,
    },
}

impl Leadership {
    /// The trap that a hook runs into, if this is one of those hooks.
    pub(super) fn trap(self, unit: &UnitName, number: u64) -> Option<Trap> {
        let Self::Restless { seed, one_in } = self else { return None };
        let mut hasher = DefaultHasher::new();
        (seed, unit.as_str(), number).hash(&mut hasher);
        let drawn = hasher.finish();
        if !drawn.is_multiple_of(one_in.max(1)) {
            return None;
        }
        let moment = match (drawn >> 32) % 8 {
            7 => Moment::Commit,
            call => Moment::call(1 + usize::try_from(call).unwrap_or(0)),
        };
        Some(Trap::new(moment, Strike::LoseLeadership))
    }
}

impl Bus {
    /// Moves the leadership to a unit. The loser is not told.
    ///
    /// # Errors
    ///
    /// When there is no such unit.
    pub fn set_leader(&mut self, unit: &UnitName) -> Result<(), EngineError> {
        let mut model = lock(&self.model);
        let missing = || EngineError::NoUnit(unit.clone());
        let entry = model.applications.get_mut(unit.application()).ok_or_else(missing)?;
        if !entry.units.contains_key(unit) {
            return Err(missing());
        }
        entry.leader = Some(unit.clone());
        entry.election = None;
        Ok(())
    }

    /// Takes the leadership from whoever holds it, as when the leader's machine dies: nobody leads
    /// until its lease has run out on the virtual clock, 30 to 60 seconds later. Gives that moment.
    ///
    /// # Errors
    ///
    /// When there is no such application.
    pub fn lose_leadership(&mut self, application: &str) -> Result<Clock, EngineError> {
        let jitter = self.settings.jitter;
        let mut model = lock(&self.model);
        let now = model.clock;
        let missing = || EngineError::NoApplication(application.to_owned());
        let entry = model.applications.get_mut(application).ok_or_else(missing)?;
        let wait = match jitter {
            super::Jitter::None => LEASE,
            seeded => seeded.spread(LEASE * 3 / 4, 33, (application, now.seconds)),
        };
        entry.leader = None;
        let election = now.plus(wait);
        entry.election = Some(election);
        Ok(election)
    }

    /// Gives the leadership to the lowest unit when nobody has it and no lease is running out.
    pub(super) fn elect(&mut self, application: &str) {
        if let Some(entry) = lock(&self.model).applications.get_mut(application) {
            entry.elect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restless_leadership_strikes_in_its_part_of_the_hooks() {
        let unit = UnitName::new("web", 0);
        let restless = Leadership::Restless { seed: 3, one_in: 5 };
        let traps = |leadership: Leadership| {
            (0..1000).filter_map(|number| leadership.trap(&unit, number)).collect::<Vec<_>>()
        };
        let found = traps(restless);
        assert!((120..280).contains(&found.len()), "{}", found.len());
        assert!(found.iter().any(|trap| trap.moment == Moment::Commit));
        assert!(found.iter().any(|trap| trap.moment != Moment::Commit));
        assert_eq!(traps(Leadership::Stable), []);
    }
}

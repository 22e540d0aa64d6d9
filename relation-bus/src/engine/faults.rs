//! Faults on demand: what a model meets on a bad day.

use super::Bus;
use crate::hook::{Hook, Moment, Strike, Trap};
use crate::names::UnitName;

/// Something that is to strike a unit in one of its next hooks, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The unit.
    pub unit: UnitName,
    /// The name of the hook or action; nothing: the next one, whatever it is.
    pub hook: Option<String>,
    /// When in the hook. A hook that makes fewer calls is spared, and the next one is meant.
    pub moment: Moment,
    /// What.
    pub strike: Strike,
}

impl Bus {
    /// Sets up a fault. It strikes once.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// The faults that have not struck yet.
    #[must_use]
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The trap for a hook that begins: a fault that was asked for, or one of a restless leadership.
    pub(super) fn trap(&self, unit: &UnitName, hook: &Hook) -> Option<Trap> {
        let wanted = self.faults.iter().find(|fault| {
            fault.unit == *unit && fault.hook.as_ref().is_none_or(|name| *name == hook.name())
        });
        match wanted {
            Some(fault) => Some(Trap::new(fault.moment, fault.strike.clone())),
            None => self.settings.leadership.trap(unit, self.next_context),
        }
    }

    /// What a sprung trap leaves: its fault is over, and a dropped container stays away.
    pub(super) fn struck(&mut self, unit: &UnitName, hook: &Hook, trap: Option<Trap>) {
        let Some(trap) = trap.filter(|trap| trap.is_sprung) else { return };
        let name = hook.name();
        let over = self.faults.iter().position(|fault| {
            fault.unit == *unit
                && fault.hook.as_ref().is_none_or(|wanted| *wanted == name)
                && (fault.moment, &fault.strike) == (trap.moment, &trap.strike)
        });
        if let Some(over) = over {
            self.faults.remove(over);
        }
        if let Strike::DropPebble(container) = &trap.strike
            && let Some(entry) =
                self.units.get_mut(unit).and_then(|runtime| runtime.containers.get_mut(container))
        {
            entry.server = None;
        }
    }
}

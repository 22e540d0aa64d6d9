//! Rolling restarts: whether this unit may restart its workload now.
//!
//! With `rolling: on` and a coordinator that can order its workers, a unit whose inputs call for a
//! restart asks for its turn and keeps everything as it is until it comes; see
//! [`relation_lib::cluster::RestartTurn`]. A workload that isn't running waits for nobody.

use charm::desired::{Causes, Renewal, in_words};
use charm::names::UnitName;
use relation_lib::cluster::{ClusterProviderAppData, RESTART_TURNS};

use crate::restart::Rolling;

/// Whether this unit may restart its workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nobody orders restarts.
    Free,
    /// It is this unit's turn.
    Ours,
    /// It is somebody else's.
    Others,
}

impl Turn {
    /// Reads it from what the coordinator says.
    pub fn of(rolling: Rolling, data: &ClusterProviderAppData, unit: &UnitName) -> Self {
        if rolling == Rolling::Off || !data.features.contains(RESTART_TURNS) {
            return Self::Free;
        }
        match &data.restart_turn {
            Some(turn) if turn.unit == unit.as_str() => Self::Ours,
            _ => Self::Others,
        }
    }
}

/// What calls for a restart, in words; `None` when nothing does.
pub fn restart_reason(causes: &Causes) -> Option<String> {
    let restarts = causes.iter().filter(|(_, class)| **class == Renewal::Restart);
    let subjects = restarts.map(|(subject, _)| subject.clone()).collect();
    Some(in_words(&subjects)).filter(|reason| !reason.is_empty())
}

#[cfg(test)]
mod tests {
    use relation_lib::cluster::RestartTurn;

    use super::*;

    #[test]
    fn a_turn_is_ours_when_it_names_us() {
        let unit: UnitName = "tally/1".parse().expect("valid");
        let data = |features: &[&str], turn: Option<&str>| ClusterProviderAppData {
            features: features.iter().map(ToString::to_string).collect(),
            restart_turn: turn.map(|unit| RestartTurn { unit: unit.to_owned(), until: 0 }),
            ..ClusterProviderAppData::default()
        };
        let of = |features: &[&str], turn| Turn::of(Rolling::On, &data(features, turn), &unit);
        assert_eq!(of(&[], Some("tally/0")), Turn::Free);
        assert_eq!(of(&["other"], None), Turn::Free);
        assert_eq!(of(&[RESTART_TURNS], None), Turn::Others);
        assert_eq!(of(&[RESTART_TURNS], Some("tally/11")), Turn::Others);
        assert_eq!(of(&[RESTART_TURNS], Some("tally/1")), Turn::Ours);
        let others = data(&[RESTART_TURNS], None);
        assert_eq!(Turn::of(Rolling::Off, &others, &unit), Turn::Free);
    }

    #[test]
    fn only_restarts_are_a_reason() {
        let causes = |class| Causes::from([("configuration".to_owned(), class)]);
        assert_eq!(restart_reason(&causes(Renewal::Reload)), None);
        let reason = restart_reason(&causes(Renewal::Restart));
        assert_eq!(reason.as_deref(), Some("configuration changed"));
    }
}

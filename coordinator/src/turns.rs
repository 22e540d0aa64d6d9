//! Turns: worker units that have to restart do so one after another.
//!
//! A unit whose inputs call for a restart asks for a turn in its own databag and keeps running as it
//! is. The leader names the unit whose turn it is in the application databag; that unit restarts,
//! and takes its request back once it is ready again, which is the sign for the next one. Units that
//! share no role don't wait for each other.
//!
//! All of it is in the databags: another leader goes on where the last one stopped. A turn ends by
//! itself when its unit is gone, and when its time is over and somebody else waits; a unit that lost
//! its turn so comes last. Nothing is written on relations of which not every unit announces
//! [`RESTART_TURNS`].

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, UNIX_EPOCH};

use charm::desired::Desired;
use charm::names::RelationId;
use relation_lib::cluster::{ClusterProviderAppData, RESTART_TURNS, RestartTurn};

use crate::cluster::WorkerApp;
use crate::facts::Facts;

/// How long a unit has for its turn while others wait: more than a restart may take with all of its
/// attempts and the wait until the workload is ready.
const LEASE: Duration = Duration::from_secs(600);

/// One worker application in the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Queue<'a> {
    relation: RelationId,
    roles: &'a BTreeSet<String>,
    /// Units that ask for a turn.
    asking: BTreeSet<&'a str>,
    /// The turn that was given last.
    turn: Option<RestartTurn>,
}

/// The leader passes turns on.
pub(crate) fn publish(facts: &Facts<'_>, desired: &mut Desired) {
    let Some(proof) = facts.snapshot.leadership.proof() else { return };
    let now = facts.snapshot.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let queues: Vec<Queue<'_>> =
        facts.cluster.apps.iter().filter_map(|app| queue(facts, app)).collect();
    let turns = decide(&queues, now);
    for queue in &queues {
        let turn = turns.get(&queue.relation);
        desired.app_databag(proof, queue.relation, ClusterProviderAppData::encode_turn(turn));
    }
}

/// The queue of an application whose units all announce that they take turns.
fn queue<'a>(facts: &Facts<'_>, app: &'a WorkerApp) -> Option<Queue<'a>> {
    let takes_turns = !app.workers.is_empty()
        && app.workers.iter().all(|worker| worker.features.contains(RESTART_TURNS));
    let asking = app.workers.iter().filter(|worker| worker.restart_request.is_some());
    let bag = facts.snapshot.relation(app.relation)?.local_app.as_ref();
    let told = bag.map(|bag| ClusterProviderAppData::decode(bag).value).unwrap_or_default();
    let knows = app.announces(RESTART_TURNS) || told.features.contains(RESTART_TURNS);
    (takes_turns && knows).then_some(())?;
    Some(Queue {
        relation: app.relation,
        roles: &app.role.as_ref()?.roles,
        asking: asking.map(|worker| worker.unit.as_str()).collect(),
        turn: told.restart_turn,
    })
}

/// Whose turn it is, by application. Whoever has one in time keeps it; then come those who wait, in
/// each application the next one after the last; a unit whose time is over goes on only when nobody
/// waits for it.
fn decide(queues: &[Queue<'_>], now: u64) -> BTreeMap<RelationId, RestartTurn> {
    let mut turns: BTreeMap<RelationId, RestartTurn> = BTreeMap::new();
    let holding = |queue: &Queue<'_>| {
        queue.turn.clone().filter(|turn| queue.asking.contains(turn.unit.as_str()))
    };
    for queue in queues {
        if let Some(turn) = holding(queue).filter(|turn| now < turn.until) {
            turns.insert(queue.relation, turn);
        }
    }
    let is_free = |queue: &Queue<'_>, turns: &BTreeMap<RelationId, RestartTurn>| {
        queues
            .iter()
            .filter(|other| turns.contains_key(&other.relation))
            .all(|other| other.relation != queue.relation && other.roles.is_disjoint(queue.roles))
    };
    for queue in queues {
        let Some(unit) = queue.next().filter(|_| is_free(queue, &turns)) else { continue };
        let turn = RestartTurn { unit: unit.to_owned(), until: now + LEASE.as_secs() };
        turns.insert(queue.relation, turn);
    }
    for queue in queues {
        if let Some(turn) = holding(queue).filter(|_| is_free(queue, &turns)) {
            turns.insert(queue.relation, turn);
        }
    }
    turns
}

impl Queue<'_> {
    /// The next unit after the one that had the last turn, which is not among them.
    fn next(&self) -> Option<&str> {
        let last = self.turn.as_ref().map(|turn| turn.unit.as_str());
        let waiting = || self.asking.iter().copied().filter(|unit| Some(*unit) != last);
        waiting().find(|unit| last.is_none_or(|last| *unit > last)).or_else(|| waiting().next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn queue<'a>(
        relation: u32,
        roles: &'a BTreeSet<String>,
        asking: &[&'a str],
        turn: Option<(&str, u64)>,
    ) -> Queue<'a> {
        Queue {
            relation: RelationId(relation),
            roles,
            asking: asking.iter().copied().collect(),
            turn: turn.map(|(unit, until)| RestartTurn { unit: unit.to_owned(), until }),
        }
    }

    /// `unit until` by relation.
    fn decided(queues: &[Queue<'_>], now: u64) -> Vec<(u32, String, u64)> {
        decide(queues, now).into_iter().map(|(id, turn)| (id.0, turn.unit, turn.until)).collect()
    }

    fn turn(relation: u32, unit: &str, until: u64) -> (u32, String, u64) {
        (relation, unit.to_owned(), until)
    }

    #[test]
    fn one_after_another_and_round_again() {
        let read = roles(&["read"]);
        let of = |asking: &[&'static str], last| decided(&[queue(1, &read, asking, last)], 100);
        assert_eq!(of(&[], None), []);
        assert_eq!(of(&["r/0", "r/1", "r/2"], None), [turn(1, "r/0", 700)]);
        // It keeps its turn for as long as it asks.
        assert_eq!(of(&["r/0", "r/1", "r/2"], Some(("r/0", 650))), [turn(1, "r/0", 650)]);
        assert_eq!(of(&["r/1", "r/2"], Some(("r/0", 650))), [turn(1, "r/1", 700)]);
        // Another one after the last: the first of those that wait.
        assert_eq!(of(&["r/0", "r/1"], Some(("r/2", 650))), [turn(1, "r/0", 700)]);
        assert_eq!(of(&[], Some(("r/2", 650))), []);
    }

    #[test]
    fn a_unit_that_does_not_come_back_keeps_nobody_waiting_for_ever() {
        let read = roles(&["read"]);
        let of = |asking: &[&'static str], last, now| {
            decided(&[queue(1, &read, asking, Some(last))], now)
        };
        assert_eq!(of(&["r/0", "r/1"], ("r/0", 700), 699), [turn(1, "r/0", 700)]);
        assert_eq!(of(&["r/0", "r/1"], ("r/0", 700), 700), [turn(1, "r/1", 1300)]);
        // Then it comes last.
        assert_eq!(of(&["r/0", "r/2"], ("r/1", 1300), 800), [turn(1, "r/2", 1400)]);
        // Alone it keeps what it has, so that nothing is written again and again.
        assert_eq!(of(&["r/0"], ("r/0", 700), 9000), [turn(1, "r/0", 700)]);
    }

    #[test]
    fn units_that_share_a_role_wait_for_each_other() {
        let (read, all, write) = (roles(&["read"]), roles(&["read", "write"]), roles(&["write"]));
        let one = queue(1, &read, &["r/0"], None);
        let two = queue(2, &all, &["a/0"], None);
        let three = queue(3, &write, &["w/0"], None);
        let turns = decided(&[one.clone(), two.clone(), three], 0);
        assert_eq!(turns, [turn(1, "r/0", 600), turn(3, "w/0", 600)]);
        // One whose time is over gives way to another application too.
        let late = queue(1, &read, &["r/0"], Some(("r/0", 5)));
        assert_eq!(decided(&[late, two], 10), [turn(2, "a/0", 610)]);
    }
}

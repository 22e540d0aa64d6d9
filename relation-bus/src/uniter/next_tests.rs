//! Juju's order, one rule a test.

use std::collections::BTreeMap;

use super::*;
use crate::model::{Clock, StorageKind};
use crate::uniter::{FailedHook, complete, context_relations, enter_pod};

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

/// A leader of `web` with a peer relation (id 0) and, when related, `api` (id 2).
struct Life {
    local: LocalState,
    remote: RemoteState,
    ran: Vec<String>,
}

impl Life {
    fn new() -> Self {
        let mut life =
            Self { local: LocalState::default(), remote: RemoteState::default(), ran: Vec::new() };
        life.remote.is_leader = true;
        life.relate(0, "web", true, &[]);
        life
    }

    /// Installed, started and idle.
    fn idle() -> Self {
        let mut life = Self::new();
        life.run_all();
        life.ran.clear();
        life
    }

    fn relate(&mut self, id: u32, application: &str, is_peer: bool, members: &[&str]) {
        let relation = RemoteRelation {
            endpoint: if is_peer { "peers" } else { "api" }.to_owned(),
            remote_application: application.to_owned(),
            is_peer,
            is_dying: false,
            members: members.iter().map(|name| (unit(name), 1)).collect(),
            application_version: 0,
        };
        self.remote.relations.insert(RelationId(id), relation);
    }

    fn relation(&mut self, id: u32) -> &mut RemoteRelation {
        self.remote.relations.get_mut(&RelationId(id)).unwrap()
    }

    fn next(&self) -> Option<Operation> {
        next_operation(&unit("web/0"), &self.local, &self.remote, Order::Sorted)
    }

    fn step(&mut self) -> bool {
        match self.next() {
            Some(Operation::Run(hook)) => {
                let about = hook.relation().and_then(|hook| hook.remote_unit.as_ref());
                let about = about.map(|unit| format!(" {unit}")).unwrap_or_default();
                self.ran.push(format!("{}{about}", hook.name()));
                complete(&mut self.local, &self.remote, &hook);
                true
            }
            Some(Operation::LeavePeers(id)) => {
                self.ran.push(format!("leave {id}"));
                self.local.relations.remove(&id);
                self.remote.relations.remove(&id);
                true
            }
            Some(Operation::Retry(_) | Operation::NewPod(_) | Operation::Die) | None => false,
        }
    }

    fn run_all(&mut self) {
        for _ in 0..100 {
            if !self.step() {
                return;
            }
        }
        panic!("no end: {:?}", self.ran);
    }
}

#[test]
fn a_deployed_unit_lives_as_juju_has_it() {
    let mut life = Life::new();
    life.remote.containers.insert("web".to_owned(), "boot-1".to_owned());
    life.relate(2, "api", false, &["api/0"]);
    life.run_all();
    assert_eq!(
        life.ran,
        [
            "install",
            "peers-relation-created",
            "api-relation-created",
            "leader-elected",
            "config-changed",
            "start",
            "web-pebble-ready",
            "api-relation-joined api/0",
            "api-relation-changed api/0",
        ]
    );
}

#[test]
fn nothing_is_related_during_install() {
    let life = Life::new();
    let Some(Operation::Run(hook)) = life.next() else { panic!("idle") };
    assert_eq!(hook, LifeCycle::Install.into());
    assert!(context_relations(&life.local, &life.remote, &hook).is_empty());
}

#[test]
fn several_writes_before_a_turn_are_one_change() {
    let mut life = Life::idle();
    life.relate(2, "api", false, &["api/0"]);
    life.run_all();
    life.ran.clear();
    *life.relation(2).members.get_mut(&unit("api/0")).unwrap() = 5;
    life.relation(2).application_version = 3;
    life.run_all();
    assert_eq!(life.ran, ["api-relation-changed", "api-relation-changed api/0"]);
}

#[test]
fn an_application_level_change_may_precede_joined() {
    let mut life = Life::idle();
    life.relate(2, "api", false, &["api/10", "api/2"]);
    life.relation(2).application_version = 1;
    life.run_all();
    assert_eq!(
        life.ran,
        [
            "api-relation-created",
            "api-relation-changed",
            "api-relation-joined api/10",
            "api-relation-changed api/10",
            "api-relation-joined api/2",
            "api-relation-changed api/2",
        ]
    );
}

#[test]
fn a_departing_unit_is_out_of_the_list_already() {
    let mut life = Life::idle();
    life.relate(2, "api", false, &["api/0", "api/1"]);
    life.run_all();
    life.relation(2).members.remove(&unit("api/0"));
    let Some(Operation::Run(hook)) = life.next() else { panic!("idle") };
    assert_eq!(hook.name(), "api-relation-departed");
    assert_eq!(hook.relation().unwrap().departing_unit, Some(unit("api/0")));
    let seen = &context_relations(&life.local, &life.remote, &hook)[&RelationId(2)];
    assert_eq!(seen.members, [unit("api/1")].into());
}

#[test]
fn a_removed_relation_departs_and_breaks_and_is_not_listed() {
    let mut life = Life::idle();
    life.relate(2, "api", false, &["api/0"]);
    life.run_all();
    life.ran.clear();
    life.relation(2).is_dying = true;
    life.relation(2).members.insert(unit("api/7"), 1);
    assert!(life.step());
    let Some(Operation::Run(hook)) = life.next() else { panic!("idle") };
    assert!(!context_relations(&life.local, &life.remote, &hook)[&RelationId(2)].is_listed);
    assert!(life.step());
    assert_eq!(life.ran, ["api-relation-departed api/0", "api-relation-broken"]);
    assert!(!life.local.relations.contains_key(&RelationId(2)));
}

#[test]
fn a_dying_unit_departs_from_itself_stops_and_is_removed() {
    let mut life = Life::idle();
    life.relate(2, "api", false, &["api/0"]);
    life.relation(0).members.insert(unit("web/1"), 1);
    life.run_all();
    life.ran.clear();
    life.remote.is_dying = true;
    let Some(Operation::Run(hook)) = life.next() else { panic!("idle") };
    assert_eq!(hook.relation().unwrap().departing_unit, Some(unit("web/0")));
    for _ in 0..7 {
        life.step();
        // The relation stays dying in the model until the unit has left; here it just goes.
        if life.ran.last().is_some_and(|last| last == "api-relation-broken") {
            life.remote.relations.remove(&RelationId(2));
        }
    }
    assert_eq!(
        life.ran,
        [
            "peers-relation-departed web/1",
            "leave 0",
            "api-relation-departed api/0",
            "api-relation-broken",
            "stop",
            "remove",
        ]
    );
}

#[test]
fn the_peer_leader_hears_its_own_write() {
    let mut life = Life::idle();
    life.relation(0).application_version = 1;
    life.run_all();
    assert_eq!(life.ran, ["peers-relation-changed"]);
}

#[test]
fn a_failed_hook_lets_only_actions_run() {
    let mut life = Life::idle();
    let hook = Hook::from(LifeCycle::ConfigChanged);
    life.local.failed =
        Some(crate::uniter::FailedHook { hook, tries: 1, retry_at: None, version: None });
    life.relate(2, "api", false, &["api/0"]);
    assert_eq!(life.next(), None);
    let action = Hook::Action { name: "a".to_owned(), id: 1, parameters: serde_json::Map::new() };
    life.local.actions.push_back(action.clone());
    assert_eq!(life.next(), Some(Operation::Run(action)));
}

#[test]
fn a_failed_hook_is_run_again_when_its_pause_is_over() {
    let mut life = Life::idle();
    let hook = Hook::from(LifeCycle::ConfigChanged);
    let retry_at = Some(Clock { seconds: 5 });
    life.local.failed = Some(FailedHook { hook: hook.clone(), tries: 1, retry_at, version: None });
    assert_eq!(life.next(), None);
    life.remote.now = Clock { seconds: 5 };
    assert_eq!(life.next(), Some(Operation::Retry(hook)));
}

#[test]
fn a_follower_hears_of_leadership_settings_where_there_are_any() {
    let mut life = Life::new();
    life.remote.is_leader = false;
    life.remote.leader_settings = Some(1);
    life.run_all();
    assert_eq!(
        life.ran,
        ["install", "peers-relation-created", "leader-settings-changed", "config-changed", "start"]
    );
    life.remote.leader_settings = Some(2);
    life.run_all();
    assert_eq!(life.ran.last().unwrap(), "leader-settings-changed");
    life.remote.leader_settings = None;
    assert_eq!(life.next(), None);
}

#[test]
fn a_pod_that_goes_stops_and_the_next_one_starts() {
    for (end, address_moves, wanted) in [
        (
            PodEnd::Churn,
            true,
            vec!["stop", "new pod", "config-changed", "start", "web-pebble-ready"],
        ),
        (PodEnd::Churn, false, vec!["stop", "new pod", "start", "web-pebble-ready"]),
        (
            PodEnd::Upgrade,
            true,
            vec!["stop", "new pod", "upgrade-charm", "config-changed", "start", "web-pebble-ready"],
        ),
    ] {
        let mut life = Life::new();
        life.remote.containers.insert("web".to_owned(), "boot-1".to_owned());
        life.run_all();
        life.ran.clear();
        life.local.pod = PodLife::Ending(end);
        assert!(life.step());
        assert_eq!(life.next(), Some(Operation::NewPod(end)));
        life.ran.push("new pod".to_owned());
        enter_pod(&mut life.local, end);
        life.remote.config += u64::from(address_moves);
        life.remote.containers.insert("web".to_owned(), "boot-2".to_owned());
        life.run_all();
        assert_eq!(life.ran, wanted);
    }
}

#[test]
fn an_upgrade_waits_for_a_unit_in_error_unless_it_is_forced() {
    let mut life = Life::idle();
    let hook = Hook::from(LifeCycle::ConfigChanged);
    life.local.failed = Some(FailedHook { hook, tries: 1, retry_at: None, version: None });
    life.local.pod = PodLife::Ending(PodEnd::Upgrade);
    assert_eq!(life.next(), None);
    life.local.pod = PodLife::Ending(PodEnd::ForcedUpgrade);
    assert_eq!(life.next(), Some(Operation::Run(LifeCycle::Stop.into())));
}

#[test]
fn storage_is_attached_where_the_switch_says() {
    let storage = StorageInstance {
        name: "data".to_owned(),
        id: "data/0".to_owned(),
        kind: StorageKind::Filesystem,
        location: "/data".to_owned(),
        life: crate::model::Life::Alive,
    };
    for (position, wanted) in [
        (StoragePosition::AfterStart, vec!["start", "data-storage-attached"]),
        (StoragePosition::BeforeInstall, vec!["data-storage-attached", "install"]),
    ] {
        let mut life = Life::new();
        life.remote.storage.push(storage.clone());
        life.remote.storage_position = position;
        life.run_all();
        let at = life.ran.iter().position(|hook| hook == wanted[0]).unwrap();
        assert_eq!(life.ran[at..at + 2], wanted);
        life.remote.is_dying = true;
        assert_eq!(
            life.next().map(|next| match next {
                Operation::Run(hook) => hook.name(),
                other => format!("{other:?}"),
            }),
            Some("data-storage-detaching".to_owned())
        );
    }
}

#[test]
fn config_changes_are_told_once() {
    let mut life = Life::idle();
    life.remote.config = 7;
    life.run_all();
    assert_eq!(life.ran, ["config-changed"]);
}

#[test]
fn pebble_ready_comes_again_only_for_another_boot() {
    let mut life = Life::idle();
    life.remote.containers.insert("web".to_owned(), "boot-1".to_owned());
    life.run_all();
    life.run_all();
    life.remote.containers.insert("web".to_owned(), "boot-2".to_owned());
    life.run_all();
    assert_eq!(life.ran, ["web-pebble-ready", "web-pebble-ready"]);
}

#[test]
fn update_status_comes_last() {
    let mut life = Life::idle();
    life.local.update_status_due = true;
    life.relate(2, "api", false, &[]);
    life.run_all();
    assert_eq!(life.ran, ["api-relation-created", "update-status"]);
}

#[test]
fn a_seed_changes_the_order_of_relations_only() {
    let order = |seed| {
        let mut life = Life::idle();
        for id in 2..8 {
            life.relate(id, &format!("api{id}x"), false, &[]);
        }
        let mut ids = BTreeMap::new();
        let mut position = 0;
        while let Some(Operation::Run(hook)) = next_operation(
            &unit("web/0"),
            &life.local,
            &life.remote,
            Order::Shuffled { seed, pass: 0 },
        ) {
            ids.insert(position, hook.relation().unwrap().relation);
            position += 1;
            complete(&mut life.local, &life.remote, &hook);
        }
        ids.into_values().collect::<Vec<_>>()
    };
    assert_eq!(order(1), order(1));
    assert!((2..20).any(|seed| order(seed) != order(1)));
}

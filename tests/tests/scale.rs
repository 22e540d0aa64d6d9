//! A model of 30 applications and 100 units comes to rest with no more events than Juju would send.

use std::collections::BTreeMap;

use relation_bus::hook::{Journal, WriteRecord};
use relation_bus::model::Model;
use relation_bus::names::{RelationId, UnitName};
use relation_bus::testing::TestModel;
use tests::large;

/// Hooks by kind: `install`, `relation-created`, `pebble-ready` and so on. An application's databag
/// that changed is a kind of its own, `application-changed`.
type Counts = BTreeMap<String, usize>;

/// The kind of a hook that ran.
fn kind(journal: &Journal) -> String {
    let hook = &journal.hook;
    if hook.ends_with("-relation-changed") {
        let about = journal.subject.split(' ').next().unwrap_or_default();
        return if about.contains('/') { "unit-changed" } else { "application-changed" }.to_owned();
    }
    for kind in ["relation-created", "relation-joined", "pebble-ready"] {
        if hook.ends_with(kind) {
            return kind.to_owned();
        }
    }
    hook.clone()
}

/// How often each databag of a relation was written: one commit is one move of its version. What a
/// unit writes in the very hook that follows its entering is left out: nobody has met it before.
fn commits(journals: &[Journal]) -> BTreeMap<(RelationId, String), usize> {
    let mut commits = BTreeMap::new();
    for journal in journals {
        let mut written: Vec<(RelationId, String)> = Vec::new();
        for write in &journal.writes {
            written.push(match write {
                WriteRecord::UnitDatabag(id, _) if !enters(journal, *id) => {
                    (*id, journal.unit.to_string())
                }
                WriteRecord::ApplicationDatabag(id, _) => {
                    (*id, journal.unit.application().to_owned())
                }
                _ => continue,
            });
        }
        written.sort();
        written.dedup();
        for bag in written {
            *commits.entry(bag).or_default() += 1;
        }
    }
    commits
}

/// Whether a hook is the one that tells a unit of a relation.
fn enters(journal: &Journal, relation: RelationId) -> bool {
    journal.hook.ends_with("-relation-created")
        && journal.subject.ends_with(&format!(":{relation}"))
}

/// What Juju sends a unit of a model that was deployed at once and came to rest.
///
/// Once each: `install`, `config-changed`, `start`; `leader-elected` for the leader, where Juju up to
/// 3.x tells the others of leadership settings; `pebble-ready` for each container; `created` for each
/// relation. For each remote or peer unit `joined`, and `changed` right after it; and one more
/// `changed` for each write of a unit's databag after that, and for each of an application's.
/// Writes may coalesce, so this is what comes at most.
fn due(model: &Model, unit: &UnitName, commits: &BTreeMap<(RelationId, String), usize>) -> Counts {
    let own = unit.application();
    let mut due = Counts::new();
    let mut add = |kind: &str, count: usize| *due.entry(kind.to_owned()).or_default() += count;
    for hook in ["install", "config-changed", "start"] {
        add(hook, 1);
    }
    add(if model.is_leader(unit) { "leader-elected" } else { "leader-settings-changed" }, 1);
    add("pebble-ready", model.applications[own].charm.containers.len());
    for (_, relation) in model.relations_of(own) {
        let Some(remote) = relation.remote(own) else { continue };
        let made = |owner: &str| {
            commits.get(&(relation.id, owner.to_owned())).copied().unwrap_or_default()
        };
        add("relation-created", 1);
        // Of a peer relation the leader hears its own writes too.
        add("application-changed", made(&remote.application));
        for (other, _) in remote.in_scope().filter(|(other, _)| *other != unit) {
            add("relation-joined", 1);
            add("unit-changed", 1 + made(other.as_str()));
        }
    }
    due
}

/// Hooks that ran on a unit, by kind.
fn ran(journals: &[Journal], unit: &UnitName) -> Counts {
    let mut ran = Counts::new();
    for journal in journals.iter().filter(|journal| journal.unit == *unit) {
        *ran.entry(kind(journal)).or_default() += 1;
    }
    ran
}

/// Compares what every unit has run with what is due, and gives all that is due.
fn count(model: &TestModel) -> usize {
    let journals = model.bus().journal();
    let commits = commits(journals);
    let parts: Vec<String> = (0..large::PARTS.len()).map(large::part).collect();
    let held = model.bus().model();
    assert_eq!((held.applications.len(), held.units().count()), (30, 100));
    let mut total = 0;
    for unit in model.bus().units() {
        let (ran, mut due) = (ran(journals, &unit), due(&held, &unit, &commits));
        total += due.values().sum::<usize>();
        if parts.iter().any(|part| part == unit.application()) {
            // What a cheap charm writes can't coalesce: it runs exactly what is due.
            if !ran.contains_key("leader-settings-changed") {
                due.remove("leader-settings-changed");
            }
            assert_eq!(ran, due, "{unit}");
        }
        for (kind, count) in &ran {
            let due = due.get(kind).copied().unwrap_or_default();
            assert!(*count <= due, "{unit} ran {kind} {count} times, Juju sends {due}: {ran:?}");
        }
    }
    total
}

#[tokio::test]
async fn a_large_model_runs_no_more_hooks_than_juju_would_send() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let file = large::write(folder.path());
    let mut model =
        TestModel::try_from_file(file, large::settings()).await.expect("the model can be deployed");
    let settled = model.settle_within(6000).await;
    model.assert_active();
    let due = count(&model);
    assert!(settled.hooks <= due, "{} hooks, Juju sends {due}", settled.hooks);
    println!("{} hooks, at most {due} due; {} hook-tool calls", settled.hooks, model.calls());

    // A unit more and a unit less: only those that are related hear of it.
    let before: usize = model.bus().journal().len();
    model.add_unit("watch").await;
    model.settle_within(6000).await;
    let news = &model.bus().journal()[before..];
    let others = news.iter().filter(|journal| journal.unit.as_str() != "watch/2");
    let met: u32 = large::PARTS.iter().sum();
    assert_eq!(
        others.count(),
        2 * met as usize,
        "joined and changed on every watched and peer unit"
    );
    model.remove_unit("watch");
    model.settle_within(6000).await;
    let departed = model.last_run().iter().filter(|journal| journal.unit.as_str() != "watch/2");
    assert_eq!(departed.count(), met as usize, "departed on each of them");
}

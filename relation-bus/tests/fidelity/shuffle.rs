//! Item 26: under any order of relations, what holds must hold, and charms that converge come to
//! the same end.

use std::collections::BTreeMap;

use relation_bus::engine::Settings;
use relation_bus::model::DataBag;
use relation_bus::uniter::Order;

use crate::stage::{Play, unit};

fn shuffled(seed: u64) -> Settings {
    Settings { order: Order::Shuffled { seed, pass: 0 }, ..Settings::default() }
}

/// A web related to two apis over two endpoints, which exchange a greeting and an answer for each
/// unit.
async fn played(seed: u64) -> Play {
    let mut play = Play::with(shuffled(seed)).await;
    play.charm("store", "provides: {http: {interface: http}}");
    for (endpoint, application) in [("backend", "web"), ("other", "web")] {
        let created = format!("{endpoint}-relation-created");
        play.on(application, &created, "relation-set \"hello=$JUJU_UNIT_NAME\"");
    }
    let answer = "for id in $(relation-ids http); do for u in $(relation-list -r $id); do
          hello=$(relation-get -r $id hello $u)
          [ -z \"$hello\" ] || [ $(is-leader) = False ] || \
            relation-set -r $id --app \"answer-$(echo $hello | tr / -)=yes\"
        done; done";
    for application in ["api", "store"] {
        play.on(application, "http-relation-changed", answer);
        play.on(application, "leader-elected", answer);
    }
    play.deploy("store", 2).await;
    play.relate(2, 1).await;
    play.bus.integrate("web:other", "store:http").unwrap();
    play.settle().await;
    play
}

/// All databags: by relation and owner.
fn databags(play: &Play) -> BTreeMap<String, DataBag> {
    let model = play.bus.model();
    let mut bags = BTreeMap::new();
    for relation in model.relations.values() {
        for side in &relation.sides {
            let name = format!("{} {}", relation.id, side.application);
            bags.insert(name, side.bag.content.clone());
            for (member, bag) in side.in_scope() {
                bags.insert(format!("{} {member}", relation.id), bag.content.clone());
            }
        }
    }
    bags
}

/// Juju's order within one relation, over the whole life of a unit.
fn assert_order(play: &Play, name: &str, endpoint: &str) {
    let prefix = format!("{endpoint}-relation-");
    let events = play.events(name);
    let mut own = events.iter().filter_map(|event| event.strip_prefix(&prefix)).peekable();
    assert!(own.next().unwrap().starts_with("created "), "{events:?}");
    while let Some(event) = own.next() {
        assert!(!event.starts_with("created "), "{events:?}");
        if let Some(remote) = event.strip_prefix("joined ") {
            assert_eq!(own.peek(), Some(&format!("changed {remote}").as_str()), "{events:?}");
        }
    }
}

const SEEDS: u64 = 12;

#[tokio::test]
async fn item_26_convergent_charms_end_the_same_under_every_seed() {
    let expected = databags(&played(0).await);
    let answers: Vec<&String> = expected["1 api"].keys().collect();
    assert_eq!(answers, ["answer-web-0", "answer-web-1"]);
    for seed in 1..SEEDS {
        let play = played(seed).await;
        assert_eq!(databags(&play), expected, "seed {seed}");
        for endpoint in ["backend", "other"] {
            assert_order(&play, "web/0", endpoint);
        }
    }
}

#[tokio::test]
async fn item_26_seeds_differ_and_the_same_seed_gives_the_same_run() {
    let run = |play: &Play| -> Vec<String> {
        let journals = play.bus.journal().iter();
        journals
            .map(|journal| format!("{} {} {}", journal.unit, journal.hook, journal.subject))
            .collect()
    };
    let first = run(&played(3).await);
    assert_eq!(run(&played(3).await), first);
    let mut runs: Vec<Vec<String>> = Vec::new();
    for seed in 4..10 {
        runs.push(run(&played(seed).await));
    }
    assert!(runs.iter().any(|other| *other != first));
}

#[tokio::test]
async fn item_26_leaving_ends_the_same_under_every_seed() {
    for seed in 0..6 {
        let mut play = played(seed).await;
        play.bus.remove_unit("web").unwrap();
        play.bus.remove_application("store").unwrap();
        play.settle().await;
        assert_eq!(play.bus.units(), [unit("api/0"), unit("web/0")], "seed {seed}");
        let events = play.events("web/1");
        let broken: Vec<&String> =
            events.iter().filter(|event| event.contains("-relation-broken")).collect();
        assert_eq!(broken.len(), 2, "seed {seed}: {events:?}");
        assert_eq!(events[events.len() - 2..], ["stop", "remove"], "seed {seed}");
        let ids = play.say_one("web/0", "relation-ids other --format=json").await;
        assert_eq!(ids.stdout, "[]\n");
    }
}

#[tokio::test]
async fn item_26_what_the_list_of_operations_leaves_open_is_drawn_too() {
    // Where `leader-elected` stands among the hooks of the first unit, seed by seed.
    let mut places = std::collections::BTreeSet::new();
    for seed in 0..10 {
        let mut play = Play::with(shuffled(seed)).await;
        play.deploy("web", 1).await;
        play.settle().await;
        let events = play.events("web/0");
        assert_eq!(events[0], "install");
        let at = |wanted: &str| events.iter().position(|event| event == wanted).unwrap();
        assert!(at("config-changed") < at("start"), "{events:?}");
        places.insert(at("leader-elected"));
    }
    assert!(places.len() > 1, "{places:?}");
}

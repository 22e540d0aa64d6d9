//! Items 6 to 12, 15, 26 and 30: which events come, and in which order.

use relation_bus::engine::{PeerEcho, Settings};

use crate::stage::{Play, unit};

#[tokio::test]
async fn item_06_equal_values_and_reverted_writes_cause_no_event() {
    let mut play = Play::settled(1, 1).await;
    play.run("web/0", "relation-set -r backend:1 a=1").await;
    assert_eq!(play.told("api/0").await, ["http-relation-changed web/0"]);
    play.run("web/0", "relation-set -r backend:1 a=1").await;
    play.run("web/0", "relation-set -r backend:1 a=2; relation-set -r backend:1 a=1 b=").await;
    play.run("web/0", "relation-set -r backend:1 --app c=1; relation-set -r backend:1 --app c=")
        .await;
    assert_eq!(play.told("api/0").await, Vec::<String>::new());
}

#[tokio::test]
async fn item_06_a_first_application_write_of_nothing_is_no_write() {
    let mut play = Play::settled(1, 1).await;
    play.run("api/0", "relation-set -r http:1 --app a=").await;
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
}

#[tokio::test]
async fn item_06_a_model_that_never_rests_names_who_writes_what() {
    let settings = Settings { hook_limit: 40, ..Settings::default() };
    let mut play = Play::with(settings).await;
    let answer = "relation-set \"n=$(( $(relation-get n) + 1 ))\"";
    play.on("web", "backend-relation-changed", answer);
    play.on("api", "http-relation-changed", answer);
    play.relate(1, 1).await;
    let text = play.bus.settle().await.unwrap_err().to_string();
    assert!(text.contains("web/0 backend-relation-changed ran"), "{text}");
    assert!(text.contains("api/0 http-relation-changed ran"), "{text}");
    assert!(text.contains("UnitDatabag(RelationId(1), \"n\")"), "{text}");
}

#[tokio::test]
async fn item_07_three_commits_before_the_turn_are_one_changed() {
    let mut play = Play::settled(1, 1).await;
    play.on("api", "http-relation-changed", "relation-get n >>\"$S/seen\"");
    for number in 1..=3 {
        play.run("web/0", &format!("relation-set -r backend:1 n={number}")).await;
    }
    assert_eq!(play.told("api/0").await, ["http-relation-changed web/0"]);
    assert_eq!(play.note("api", "seen"), "3\n");
}

#[tokio::test]
async fn item_07_config_set_twice_is_one_config_changed() {
    let mut play = Play::settled(1, 0).await;
    for port in [81, 82] {
        play.bus.configure("web", "port", Some(port.into())).unwrap();
    }
    assert_eq!(play.told("web/0").await, ["config-changed"]);
}

#[tokio::test]
async fn item_08_joined_is_followed_by_changed_of_the_same_unit_with_nothing_in_its_bag() {
    let mut play = Play::related(1, 2).await;
    play.settle().await;
    let events = play.events("web/0");
    for remote in ["api/0", "api/1"] {
        let joined = format!("backend-relation-joined {remote}");
        let at = events.iter().position(|event| *event == joined).unwrap();
        assert_eq!(events[at + 1], format!("backend-relation-changed {remote}"));
    }
    assert!(play.own_keys(play.backend(), "api/0").is_empty());
}

#[tokio::test]
async fn item_09_an_application_change_has_no_remote_unit_and_may_come_before_every_joined() {
    let mut play = Play::new().await;
    play.on("api", "http-relation-created", "relation-set --app ready=yes");
    play.on(
        "web",
        "backend-relation-changed",
        "echo \"[${JUJU_REMOTE_UNIT-absent}] $JUJU_REMOTE_APP $(relation-list --format=json)\" \
         >>\"$S/seen\"",
    );
    play.relate(1, 1).await;
    play.settle().await;
    let events = play.events("web/0");
    let at = |wanted: &str| events.iter().position(|event| event == wanted).unwrap();
    assert!(at("backend-relation-changed api") < at("backend-relation-joined api/0"));
    assert_eq!(play.note("web", "seen"), "[] api []\n[api/0] api [\"api/0\"]\n");
}

#[tokio::test]
async fn item_10_the_leader_hears_its_own_write_to_the_peer_application_bag() {
    let mut play = Play::settled(2, 0).await;
    play.run("web/0", "relation-set -r peers:0 --app a=1").await;
    let mark = play.mark();
    play.settle().await;
    assert_eq!(play.events_since("web/0", mark), ["peers-relation-changed web"]);
    assert_eq!(play.events_since("web/1", mark), ["peers-relation-changed web"]);
}

#[tokio::test]
async fn item_10_the_echo_can_be_switched_off() {
    let settings = Settings { peer_echo: PeerEcho::Silent, ..Settings::default() };
    let mut play = Play::with(settings).await;
    play.deploy("web", 2).await;
    play.settle().await;
    play.run("web/0", "relation-set -r peers:0 --app a=1").await;
    let mark = play.mark();
    play.settle().await;
    assert_eq!(play.events_since("web/0", mark), Vec::<String>::new());
    assert_eq!(play.events_since("web/1", mark), ["peers-relation-changed web"]);
}

#[tokio::test]
async fn item_10_no_other_write_comes_back_to_its_writer() {
    let mut play = Play::settled(2, 1).await;
    let mark = play.mark();
    play.run("web/0", "relation-set -r peers:0 a=1; relation-set -r backend:1 a=1").await;
    play.run("web/0", "relation-set -r backend:1 --app b=1").await;
    play.settle().await;
    assert_eq!(play.events_since("web/0", mark), ["probe", "probe"]);
    assert_eq!(play.events_since("web/1", mark), ["peers-relation-changed web/0"]);
    let api = play.events_since("api/0", mark);
    assert_eq!(api, ["http-relation-changed web", "http-relation-changed web/0"]);
}

#[tokio::test]
async fn item_11_created_comes_once_without_remote_units_and_before_leader_elected() {
    let mut play = Play::new().await;
    play.on(
        "web",
        "backend-relation-created",
        "echo \"[${JUJU_REMOTE_UNIT-absent}] $JUJU_REMOTE_APP $(relation-list --format=json)\" \
         >>\"$S/seen\"",
    );
    play.relate(2, 0).await;
    play.settle().await;
    for name in ["web/0", "web/1"] {
        let events = play.events(name);
        let created = events.iter().filter(|event| event.contains("backend-relation-created"));
        assert_eq!(created.count(), 1, "{events:?}");
    }
    let leader = play.events("web/0");
    assert_eq!(
        leader[..4],
        ["install", "peers-relation-created web", "backend-relation-created api", "leader-elected",]
    );
    assert_eq!(play.note("web", "seen"), "[] api []\n[] api []\n");
}

#[tokio::test]
async fn item_11_what_only_the_leader_writes_in_created_is_missed_by_a_later_leader() {
    let mut play = Play::new().await;
    play.on(
        "web",
        "backend-relation-created",
        "if [ $(is-leader) = True ]; then relation-set --app \"by=created\"; fi",
    );
    play.relate(2, 1).await;
    play.settle().await;
    play.bus.set_leader(&unit("web/1")).unwrap();
    play.on("web", "leader-elected", "relation-set -r backend:1 --app by=$JUJU_UNIT_NAME");
    assert_eq!(play.told("web/1").await, ["leader-elected"]);
    assert_eq!(play.bus.application_databag(play.backend(), "web")["by"], "web/1");
}

#[tokio::test]
async fn item_12_install_sees_no_relation_and_no_peer_data() {
    let mut play = Play::new().await;
    play.on(
        "web",
        "install",
        "{ relation-ids peers --format=json; relation-ids backend --format=json
           relation-get -r peers:0 - web/0 2>&1 || echo $?; } >\"$S/seen\"",
    );
    play.relate(1, 1).await;
    play.settle().await;
    assert_eq!(
        play.note("web", "seen"),
        "[]\n[]\nERROR invalid value \"peers:0\" for option -r: relation not found\n2\n"
    );
}

#[tokio::test]
async fn item_15_a_new_relation_has_a_new_id_of_a_count_over_the_whole_model() {
    let mut play = Play::settled(1, 1).await;
    assert_eq!((play.peers().0, play.backend().0), (0, 1));
    play.bus.remove_relation(play.backend()).unwrap();
    play.settle().await;
    play.bus.integrate("web:backend", "api:http").unwrap();
    assert_eq!(play.backend().0, 2);
    let told = play.told("web/0").await;
    assert_eq!(told[0], "backend-relation-created api");
    let said = play.say_one("web/0", "relation-ids backend --format=json").await;
    assert_eq!(said.stdout, "[\"backend:2\"]\n");
}

#[tokio::test]
async fn item_15_several_relations_of_one_endpoint_are_listed_as_texts() {
    let mut play = Play::new().await;
    play.deploy("api", 1).await;
    for number in 0..11 {
        let name = format!("web{}", (b'a' + number) as char);
        play.charm(&name, "requires: {backend: {interface: http}}");
        play.deploy(&name, 0).await;
        play.bus.integrate(&name, "api").unwrap();
    }
    play.settle().await;
    let said = play.say_one("api/0", "relation-ids http").await;
    let ids: Vec<&str> = said.stdout.lines().collect();
    let expected = [0, 1, 10, 2, 3, 4, 5, 6, 7, 8, 9].map(|id| format!("http:{id}"));
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn item_30_units_are_met_in_the_order_of_texts() {
    let mut play = Play::settled(1, 11).await;
    let events = play.events("web/0");
    let joined: Vec<&str> =
        events.iter().filter_map(|event| event.strip_prefix("backend-relation-joined ")).collect();
    assert_eq!(joined[..4], ["api/0", "api/1", "api/10", "api/2"]);
    let said = play.say_one("web/0", "relation-list -r backend:1").await;
    assert!(said.stdout.starts_with("api/0\napi/1\napi/10\napi/2\n"), "{said:?}");
}

#[tokio::test]
async fn item_30_the_highest_unit_goes_first_even_if_it_leads() {
    let mut play = Play::settled(3, 0).await;
    play.bus.set_leader(&unit("web/2")).unwrap();
    play.settle().await;
    assert_eq!(play.bus.remove_unit("web").unwrap(), unit("web/2"));
    let told = play.told("web/0").await;
    assert!(told.contains(&"leader-elected".to_owned()), "{told:?}");
    assert_eq!(play.bus.units(), [unit("web/0"), unit("web/1")]);
}

#[tokio::test]
async fn item_30_a_reused_name_gets_a_new_bag_in_place_of_the_departed_one() {
    let mut play = Play::settled(2, 1).await;
    play.run("web/1", "relation-set -r backend:1 old=1").await;
    play.settle().await;
    play.bus.remove_unit("web").unwrap();
    play.settle().await;
    let departed = play.say_one("api/0", "relation-get -r http:1 old web/1").await;
    assert_eq!(departed.stdout, "1\n");
    assert_eq!(play.bus.add_unit("web").await.unwrap(), unit("web/1"));
    let told = play.told("api/0").await;
    assert_eq!(told, ["http-relation-joined web/1", "http-relation-changed web/1"]);
    let entered = play.say_one("api/0", "relation-get -r http:1 old web/1 --format=json").await;
    assert_eq!(entered.stdout, "null\n");
}

#[tokio::test]
async fn item_30_units_of_both_sides_change_at_once() {
    let mut play = Play::settled(1, 2).await;
    play.bus.add_unit("web").await.unwrap();
    play.bus.remove_unit("api").unwrap();
    play.settle().await;
    let lists = [
        ("web/0", "relation-list -r backend:1", "api/0\n"),
        ("web/1", "relation-list -r backend:1", "api/0\n"),
        ("api/0", "relation-list -r http:1", "web/0\nweb/1\n"),
    ];
    for (name, line, expected) in lists {
        assert_eq!(play.say_one(name, line).await.stdout, expected, "{name}");
    }
}

//! Item 29 and what depends on the release of Juju that is played; goal state.

use relation_bus::engine::Settings;
use relation_bus::hook::{Hook, LifeCycle};

use crate::stage::{Play, misused, prints, refused, unit};

#[tokio::test]
async fn item_29_tools_are_those_of_the_release() {
    let unknown = |tool: &str| refused(&format!("bad request: unknown command: {tool}"));
    let gone = ["leader-get", "leader-set a=1", "add-metric a=1", "payload-unregister a b"];
    let mut four = Play::of_juju("4.0-beta5", Settings::default()).await;
    four.deploy("web", 1).await;
    four.settle().await;
    let table = gone.map(|line| (line, unknown(line.split(' ').next().unwrap())));
    four.check("web/0", &table).await;
    four.check("web/0", &[("secret-ids --format=json", prints("null\n"))]).await;
    let mut two = Play::of_juju("2.9.51", Settings::default()).await;
    two.deploy("web", 1).await;
    two.settle().await;
    let table = [
        ("secret-ids", unknown("secret-ids")),
        ("secret-get x", unknown("secret-get")),
        ("relation-model-get -r 0", unknown("relation-model-get")),
        ("leader-get --format=json", prints("{}\n")),
    ];
    two.check("web/0", &table).await;
}

#[tokio::test]
async fn item_29_update_status_runs_while_idle_and_after_all_else() {
    let mut play = Play::settled(1, 1).await;
    play.run("api/0", "relation-set -r http:1 a=1").await;
    play.bus.update_status();
    assert_eq!(play.told("web/0").await, ["backend-relation-changed api/0", "update-status"]);
}

#[tokio::test]
async fn item_29_config_changed_comes_once_after_install_and_only_for_what_differs() {
    let mut play = Play::settled(1, 0).await;
    let events = play.events("web/0");
    assert_eq!(events.iter().filter(|event| *event == "config-changed").count(), 1);
    play.bus.configure("web", "port", Some(80.into())).unwrap();
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    play.bus.configure("web", "port", Some(81.into())).unwrap();
    assert_eq!(play.told("web/0").await, ["config-changed"]);
    play.bus.trust("web", relation_bus::engine::Trust::Granted).unwrap();
    assert_eq!(play.told("web/0").await, ["config-changed"]);
}

#[tokio::test]
async fn item_29_an_unknown_event_is_sent_as_it_is_and_ends_well() {
    let mut play = Play::settled(1, 0).await;
    let hook = Hook::Other("some-day-invented".to_owned());
    let journal = play.bus.redispatch(&unit("web/0"), hook).await.unwrap();
    assert_eq!((journal.hook.as_str(), journal.exit), ("some-day-invented", Some(0)));
}

#[tokio::test]
async fn item_20_goal_state_counts_units_that_have_not_come_up() {
    let mut play = Play::new().await;
    let script = "goal-state >\"$S/yaml\"; goal-state --format=json >\"$S/json\"";
    play.on("web", "install", script);
    play.relate(2, 1).await;
    play.settle().await;
    let json = play.note("web", "json");
    assert!(
        json.starts_with("{\"units\":{\"web/0\":{\"status\":\"") && json.contains("\"web/1\":{"),
        "{json}"
    );
    let relations = "\"relations\":{\"backend\":{\"api\":{\"status\":\"joined\",\"since\":\"2025-";
    assert!(json.contains(relations), "{json}");
    assert!(json.contains("\"api/0\":{\"status\":\""), "{json}");
    assert!(play.note("web", "yaml").starts_with("units:\n  web/0:\n    status: "));
    play.check_in(
        "web/0",
        LifeCycle::UpdateStatus.into(),
        &[
            ("goal-state x", misused("unrecognized args: [\"x\"]")),
            (
                "goal-state --format=smart",
                misused("invalid value \"smart\" for option --format: unknown format \"smart\""),
            ),
        ],
    )
    .await;
    play.bus.remove_unit("web").unwrap();
    let said = play.say_one("web/0", "goal-state --format=json").await;
    assert!(said.stdout.contains("\"web/1\":{\"status\":\"dying\""), "{said:?}");
}

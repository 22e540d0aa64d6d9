//! Item 25, and what else a new pod or a restart brings.

use relation_bus::charm_folder::load;
use relation_bus::engine::{Churn, InError};

use crate::stage::{Play, prints, unit};

/// An idle unit with a file in its charm directory and a key in its databag.
async fn with_traces() -> Play {
    let mut play = Play::settled(1, 1).await;
    play.run("web/0", "echo 1 >state-file; state-set kept=1; relation-set -r backend:1 kept=1")
        .await;
    play.settle().await;
    play
}

fn address(play: &Play) -> String {
    play.bus.model().unit(&unit("web/0")).unwrap().address.clone()
}

#[tokio::test]
async fn item_25_an_evicted_unit_starts_again_without_install_and_joined() {
    let mut play = with_traces().await;
    let before = address(&play);
    play.bus.churn(&unit("web/0"), Churn::Gracefully).unwrap();
    let mark = play.mark();
    play.settle().await;
    assert_eq!(
        play.events_since("web/0", mark),
        ["stop", "config-changed", "start", "web-pebble-ready"]
    );
    assert_ne!(address(&play), before);
    let table = [
        ("[ -e state-file ] || echo gone", prints("gone\n")),
        ("state-get kept", prints("1\n")),
        ("relation-get -r backend:1 kept web/0", prints("1\n")),
        ("relation-list -r backend:1", prints("api/0\n")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_25_a_pod_that_is_killed_runs_no_stop() {
    let mut play = with_traces().await;
    play.bus.churn(&unit("web/0"), Churn::Hard).unwrap();
    assert_eq!(play.told("web/0").await, ["config-changed", "start", "web-pebble-ready"]);
}

#[tokio::test]
async fn item_25_a_refreshed_unit_upgrades_and_keeps_its_relations() {
    let mut play = with_traces().await;
    play.charm(
        "web",
        "requires: {backend: {interface: http}, other: {interface: http}}
peers: {peers: {interface: web_peers}, more: {interface: web_more}}
containers: {web: {}}",
    );
    let charm = load(&play.charm_folder("web")).unwrap();
    play.bus.refresh("web", &charm, InError::Waits).unwrap();
    let mark = play.mark();
    play.settle().await;
    let events = play.events_since("web/0", mark);
    let life: Vec<&String> = events.iter().filter(|event| !event.starts_with("more-")).collect();
    assert_eq!(life, ["stop", "upgrade-charm", "config-changed", "start", "web-pebble-ready"]);
    // An endpoint that the new charm brings is the only one that is created.
    assert_eq!(events.iter().filter(|event| event.contains("-created")).count(), 1, "{events:?}");
    let api = play.events_since("api/0", mark);
    assert!(api.iter().all(|event| event == "http-relation-changed web/0"), "{api:?}");
    let table = [
        ("[ -e state-file ] || echo gone", prints("gone\n")),
        ("relation-get -r backend:1 kept web/0", prints("1\n")),
        ("relation-ids more | cut -d: -f1", prints("more\n")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_16_a_new_address_of_a_pod_is_a_change_for_the_remote() {
    let mut play = Play::settled(1, 1).await;
    play.bus.churn(&unit("web/0"), Churn::Hard).unwrap();
    assert_eq!(play.told("api/0").await, ["http-relation-changed web/0"]);
    let address = address(&play);
    let line = "relation-get -r http:1 - web/0 --format=json";
    let bag = format!(
        "{{\"egress-subnets\":\"{address}/32\",\"ingress-address\":\"{address}\",\
         \"private-address\":\"{address}\"}}\n"
    );
    play.check("api/0", &[(line, prints(&bag))]).await;
}

#[tokio::test]
async fn item_24_pebble_ready_comes_again_when_the_container_or_the_agent_restarts() {
    let mut play = Play::settled(1, 0).await;
    play.bus.restart_container(&unit("web/0"), "web").unwrap();
    assert_eq!(play.told("web/0").await, ["web-pebble-ready"]);
    play.bus.restart_agent(&unit("web/0")).unwrap();
    assert_eq!(play.told("web/0").await, ["start", "web-pebble-ready"]);
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
}

#[tokio::test]
async fn item_24_the_plan_is_lost_when_a_container_restarts() {
    let mut play = Play::settled(1, 0).await;
    let name = unit("web/0");
    let layer = "{\"services\": {\"srv\": {\"override\": \"replace\", \"command\": \"sleep 1\"}}}";
    let body = format!(
        "{{\"action\": \"add\", \"combine\": true, \"label\": \"l\", \"format\": \"yaml\", \
         \"layer\": {layer:?}}}"
    );
    let socket = play.bus.root(&name).unwrap().join("charm/containers/web/pebble.socket");
    let client = reqwest::Client::builder().unix_socket(socket).build().unwrap();
    let url = "http://localhost/v1/layers";
    let request = client.post(url).header("Content-Type", "application/json").body(body);
    assert!(request.send().await.unwrap().status().is_success());
    assert!(play.bus.plan(&name, "web")["services"]["srv"].is_object());
    play.bus.restart_container(&name, "web").unwrap();
    assert!(!play.bus.plan(&name, "web")["services"]["srv"].is_object());
}

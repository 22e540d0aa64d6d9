//! Item 24: `pebble-ready` and containers that come and go.

use relation_bus::engine::{Reach, Settings};
use relation_bus::uniter::Order;

use crate::stage::{Play, prints, unit};

#[tokio::test]
async fn item_24_pebble_ready_comes_at_any_time_after_install() {
    let mut seen = (0, 0);
    for seed in 0..10 {
        let order = Order::Shuffled { seed, pass: 0 };
        let mut play = Play::with(Settings { order, ..Settings::default() }).await;
        play.deploy("web", 1).await;
        play.settle().await;
        let events = play.events("web/0");
        let at = |wanted: &str| events.iter().position(|event| event == wanted).unwrap();
        assert_eq!(at("install"), 0);
        match at("web-pebble-ready") < at("start") {
            true => seen.0 += 1,
            false => seen.1 += 1,
        }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{seen:?}");
}

#[tokio::test]
async fn item_24_the_order_among_containers_is_not_fixed() {
    let mut first = std::collections::BTreeSet::new();
    for seed in 0..8 {
        let order = Order::Shuffled { seed, pass: 0 };
        let mut play = Play::with(Settings { order, ..Settings::default() }).await;
        play.charm("web", "containers: {one: {}, two: {}}");
        play.deploy("web", 1).await;
        play.settle().await;
        let events = play.events("web/0");
        first.extend(events.into_iter().find(|event| event.ends_with("pebble-ready")));
    }
    assert_eq!(first.len(), 2, "{first:?}");
}

#[tokio::test]
async fn item_24_a_container_may_be_unreachable_in_any_other_event() {
    let mut play = Play::new().await;
    let ask = "socket=${CHARM_DIR%/var/lib/*}/charm/containers/web/pebble.socket
        [ -S \"$socket\" ] && echo there >\"$S/$JUJU_HOOK_NAME.seen\" || true";
    play.on("web", "each", ask);
    play.deploy("web", 1).await;
    play.bus.set_reach(&unit("web/0"), "web", Reach::Down).await.unwrap();
    play.settle().await;
    let events = play.events("web/0");
    assert!(
        events.contains(&"start".to_owned()) && !events.contains(&"web-pebble-ready".to_owned())
    );
    assert_eq!(play.note("web", "start.seen"), "");
    play.bus.set_reach(&unit("web/0"), "web", Reach::Up).await.unwrap();
    assert_eq!(play.told("web/0").await, ["web-pebble-ready"]);
    assert_eq!(play.note("web", "web-pebble-ready.seen"), "there\n");
}

#[tokio::test]
async fn item_24_a_failing_pebble_ready_is_sent_again_and_is_no_error() {
    let mut play = Play::new().await;
    play.on(
        "web",
        "web-pebble-ready",
        "relation-set -r peers:0 lost=1; [ -e \"$S/tried\" ] || { touch \"$S/tried\"; exit 1; }",
    );
    play.deploy("web", 1).await;
    play.settle().await;
    let ready: Vec<_> =
        play.bus.journal().iter().filter(|journal| journal.hook == "web-pebble-ready").collect();
    assert_eq!(ready.iter().map(|journal| journal.succeeded).collect::<Vec<_>>(), [false, true]);
    assert_eq!(play.status("web/0"), "unknown");
    let log = play.bus.log(&unit("web/0")).join("\n");
    assert!(!log.contains("awaiting error resolution"), "{log}");
    play.check("web/0", &[("relation-get -r peers:0 lost web/0", prints("1\n"))]).await;
}

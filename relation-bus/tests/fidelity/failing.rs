//! Item 5: what happens to a hook that fails.

use relation_bus::engine::{Resolution, Settings};

use crate::stage::{Play, prints, unit};

/// Fails until there is a file `$S/mended`.
const BROKEN: &str = "relation-get -r backend:1 --app n api >>\"$S/read\"
    [ -e \"$S/mended\" ]";

fn mend(play: &Play) {
    std::fs::write(play.scripts("web").join("mended"), "").unwrap();
}

#[tokio::test]
async fn item_05_the_very_same_event_is_tried_again_with_current_data() {
    let mut play = Play::settled(1, 1).await;
    play.on("web", "backend-relation-changed", BROKEN);
    play.run("api/0", "relation-set -r http:1 n=0; relation-set -r http:1 --app n=1").await;
    let told = play.told("web/0").await;
    assert_eq!(told, ["backend-relation-changed api"; 3]);
    assert_eq!(play.status("web/0"), "error hook failed: \"backend-relation-changed\"");
    let log = play.bus.log(&unit("web/0")).join("\n");
    assert!(
        log.contains(
            "hook \"backend-relation-changed\" (via hook dispatching script: dispatch) failed: \
             exit status 1"
        ),
        "{log}"
    );
    assert!(log.contains("awaiting error resolution for \"backend-relation-changed\" hook"));
    play.run("api/0", "relation-set -r http:1 --app n=2").await;
    mend(&play);
    // The remote's unit change waited, and its two writes of the application bag coalesced.
    assert_eq!(
        play.told("web/0").await,
        [
            "backend-relation-changed api",
            "backend-relation-changed api",
            "backend-relation-changed api/0"
        ]
    );
    assert!(play.note("web", "read").starts_with("1\n1\n1\n2\n"));
}

#[tokio::test]
async fn item_05_a_hook_that_waits_for_its_retry_lets_no_other_run_but_actions() {
    let settings = Settings { retries: 0, ..Settings::default() };
    let mut play = Play::with(settings).await;
    play.relate(1, 1).await;
    play.settle().await;
    play.on("web", "config-changed", "[ -e \"$S/mended\" ]");
    play.bus.configure("web", "port", Some(81.into())).unwrap();
    play.run("api/0", "relation-set -r http:1 n=1").await;
    assert_eq!(play.told("web/0").await, ["config-changed"]);
    play.bus.configure("web", "port", Some(82.into())).unwrap();
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    let mark = play.mark();
    let parameters = serde_json::Map::new();
    let done = play.bus.run_action(&unit("web/0"), "greet", parameters).await.unwrap();
    assert_eq!(done.failure, None);
    assert_eq!(play.events_since("web/0", mark), ["greet"]);
    assert!(play.status("web/0").starts_with("error "));
}

#[tokio::test]
async fn item_05_resolve_runs_it_again_now() {
    let settings = Settings { retries: 0, ..Settings::default() };
    let mut play = Play::with(settings).await;
    play.on("web", "start", "[ -e \"$S/mended\" ]");
    play.deploy("web", 1).await;
    play.settle().await;
    assert_eq!(play.status("web/0"), "error hook failed: \"start\"");
    mend(&play);
    play.bus.resolve(&unit("web/0"), Resolution::Retry).unwrap();
    let told = play.told("web/0").await;
    assert_eq!(told[0], "start");
    assert_eq!(play.status("web/0"), "unknown");
}

#[tokio::test]
async fn item_05_resolve_without_a_retry_counts_it_as_done() {
    let settings = Settings { retries: 0, ..Settings::default() };
    let mut play = Play::with(settings).await;
    play.on("web", "config-changed", "exit 1");
    play.deploy("web", 1).await;
    play.settle().await;
    play.bus.resolve(&unit("web/0"), Resolution::Skip).unwrap();
    let told = play.told("web/0").await;
    // The chain goes on: start follows the first config-changed, although that never ran well.
    assert_eq!(told[0], "start");
    assert_eq!(play.say_one("web/0", "is-leader").await, prints("True\n"));
}

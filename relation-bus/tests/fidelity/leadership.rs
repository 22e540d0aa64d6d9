//! Item 23: leadership comes, goes, and goes in the middle of a hook.

use std::time::{Duration, Instant};

use relation_bus::hook::{Hook, Journal};

use crate::stage::{Play, prints, refused, unit};

#[tokio::test]
async fn item_23_a_new_leader_is_elected_and_the_old_one_only_loses_its_rights() {
    let mut play = Play::settled(2, 1).await;
    play.bus.set_leader(&unit("web/1")).unwrap();
    let mark = play.mark();
    play.settle().await;
    assert_eq!(play.events_since("web/1", mark), ["leader-elected"]);
    let loser = play.events_since("web/0", mark);
    assert!(!loser.contains(&"leader-elected".to_owned()), "{loser:?}");
    play.check("web/0", &[("is-leader --format=json", prints("false\n"))]).await;
    play.check("web/1", &[("is-leader --format=json", prints("true\n"))]).await;
}

/// Runs a hook of `web/0` which stops half-way until the leadership has moved to `web/1`.
async fn deposed_inside(play: &mut Play, before: &str, after: &str) -> Journal {
    let script = format!(
        "{before}\ntouch \"$S/inside\"\nwhile [ ! -e \"$S/go\" ]; do sleep 0.02; done\n{after}\n"
    );
    play.on("web", "probe", &script);
    let hook = Hook::Other("probe".to_owned());
    let running = play.bus.begin_hook(&unit("web/0"), hook).unwrap();
    let task = tokio::spawn(running.run());
    let inside = play.scripts("web").join("inside");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !inside.exists() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    play.bus.set_leader(&unit("web/1")).unwrap();
    std::fs::write(play.scripts("web").join("go"), "").unwrap();
    play.bus.finish(task.await.unwrap()).unwrap()
}

#[tokio::test]
async fn item_23_leadership_lost_inside_a_hook_fails_its_commit() {
    let mut play = Play::settled(2, 1).await;
    let before = "is-leader >\"$S/led\"; relation-set -r backend:1 --app a=1
        relation-set -r backend:1 b=1; state-set c=1";
    let journal = deposed_inside(&mut play, before, "").await;
    assert_eq!(play.note("web", "led"), "True\n");
    assert_eq!((journal.exit, journal.succeeded), (Some(0), false));
    // Nothing of the transaction is kept, not even what needs no leadership.
    assert!(play.bus.application_databag(play.backend(), "web").is_empty());
    assert!(play.own_keys(play.backend(), "web/0").is_empty());
    assert!(play.bus.model().unit(&unit("web/0")).unwrap().state.is_empty());
    assert_eq!(play.status("web/0"), "error hook failed: \"probe\"");
}

#[tokio::test]
async fn item_23_the_same_goes_for_secrets_of_the_application() {
    let mut play = Play::settled(2, 1).await;
    let journal = deposed_inside(&mut play, "secret-add key=value >/dev/null", "").await;
    assert!(!journal.succeeded);
    assert!(play.bus.model().secrets.is_empty());
}

#[tokio::test]
async fn item_23_a_hook_that_wrote_nothing_as_leader_may_lose_it() {
    let mut play = Play::settled(2, 1).await;
    let journal = deposed_inside(&mut play, "is-leader", "relation-set -r backend:1 b=1").await;
    assert!(journal.succeeded);
    assert_eq!(play.own_keys(play.backend(), "web/0")["b"], "1");
}

#[tokio::test]
async fn item_23_once_no_leader_a_unit_stays_so_for_its_hook() {
    let mut play = Play::settled(2, 1).await;
    play.bus.set_leader(&unit("web/1")).unwrap();
    let before = "is-leader >\"$S/led\"";
    let journal = deposed_inside(&mut play, before, "is-leader >>\"$S/led\"").await;
    assert!(journal.succeeded);
    assert_eq!(play.note("web", "led"), "False\nFalse\n");
}

#[tokio::test]
async fn item_23_leader_settings_are_for_the_leader_to_write_and_for_all_to_read() {
    let mut play = Play::settled(2, 0).await;
    play.check(
        "web/0",
        &[
            ("leader-set a=1 b=x", prints("")),
            ("leader-get --format=json", prints("{\"a\":\"1\",\"b\":\"x\"}\n")),
            ("leader-set b=", prints("")),
        ],
    )
    .await;
    play.check(
        "web/1",
        &[
            ("leader-get a", prints("1\n")),
            ("leader-get", prints("a: \"1\"\n")),
            (
                "leader-set a=2",
                refused("cannot write leadership settings: cannot write settings: not the leader"),
            ),
        ],
    )
    .await;
}

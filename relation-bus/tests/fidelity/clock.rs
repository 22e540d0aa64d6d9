//! What the virtual clock brings: growing pauses of retries, rotation and expiry of secrets.

use std::time::Duration;

use relation_bus::engine::Settings;

use crate::stage::{Play, unit};

#[tokio::test]
async fn item_05_the_pauses_between_retries_grow_to_five_minutes() {
    let settings = Settings { retries: 8, ..Settings::default() };
    let mut play = Play::with(settings).await;
    play.on("web", "start", "exit 1");
    play.deploy("web", 1).await;
    play.settle().await;
    let model = play.bus.model();
    let failed = model.log.iter().filter(|line| line.message.contains("awaiting error resolution"));
    let times: Vec<u64> = failed.map(|line| line.time.seconds).collect();
    let pauses: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(pauses.len(), 8);
    assert!(pauses[0] >= 5, "{pauses:?}");
    assert!(pauses.windows(2).all(|pair| pair[0] <= pair[1] + 1), "{pauses:?}");
    assert!(*pauses.last().unwrap() >= 295 && *pauses.last().unwrap() <= 305, "{pauses:?}");
}

#[tokio::test]
async fn item_05_a_model_may_leave_failed_hooks_to_its_operator() {
    let mut play = Play::new().await;
    let set = play.bus.model().set_setting("automatically-retry-hooks", Some(false.into()));
    set.unwrap();
    play.on("web", "start", "exit 1");
    play.deploy("web", 1).await;
    play.settle().await;
    let tries = play.events("web/0").iter().filter(|event| *event == "start").count();
    assert_eq!(tries, 1);
    assert_eq!(play.status("web/0"), "error hook failed: \"start\"");
}

/// Moves the model's clock.
fn pass(play: &Play, seconds: u64) {
    play.bus.model().clock.seconds += seconds;
}

#[tokio::test]
async fn item_27_rotation_asks_the_owner_again_until_there_is_a_new_revision() {
    let mut play = Play::settled(1, 0).await;
    play.run("web/0", "secret-add --label turning --rotate hourly key=one").await;
    play.settle().await;
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    pass(&play, 3600);
    assert_eq!(play.told("web/0").await, ["secret-rotate"]);
    pass(&play, 60);
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    pass(&play, 300);
    play.on("web", "secret-rotate", "secret-set $JUJU_SECRET_ID key=two");
    assert_eq!(play.told("web/0").await[0], "secret-rotate");
    pass(&play, 600);
    let told = play.told("web/0").await;
    assert!(!told.contains(&"secret-rotate".to_owned()), "{told:?}");
}

#[tokio::test]
async fn item_27_an_expired_revision_is_told_until_it_is_removed() {
    let mut play = Play::settled(1, 0).await;
    play.run("web/0", "secret-add --label short --expire 1h key=one").await;
    play.settle().await;
    pass(&play, 3590);
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    pass(&play, 20);
    assert_eq!(play.told("web/0").await, ["secret-expired"]);
    pass(&play, 310);
    let script = "echo $JUJU_SECRET_REVISION >\"$S/seen\"; secret-remove $JUJU_SECRET_ID \
                  --revision $JUJU_SECRET_REVISION";
    play.on("web", "secret-expired", script);
    assert_eq!(play.told("web/0").await, ["secret-expired"]);
    assert_eq!(play.note("web", "seen"), "1\n");
    pass(&play, 600);
    assert_eq!(play.told("web/0").await, Vec::<String>::new());
    assert!(play.bus.model().secrets.is_empty());
}

#[tokio::test]
async fn item_27_only_the_leader_is_asked_about_a_secret_of_the_application() {
    let mut play = Play::settled(2, 0).await;
    play.run("web/0", "secret-add --rotate hourly key=one").await;
    play.settle().await;
    play.bus.set_leader(&unit("web/1")).unwrap();
    pass(&play, 3600);
    let mark = play.mark();
    play.settle().await;
    let rotate = "secret-rotate".to_owned();
    assert!(play.events_since("web/1", mark).contains(&rotate));
    assert!(!play.events_since("web/0", mark).contains(&rotate));
}

#[tokio::test]
async fn item_29_leader_settings_changed_is_for_non_leaders_of_juju_3() {
    let mut play = Play::settled(2, 0).await;
    let told = "leader-settings-changed".to_owned();
    assert!(!play.events("web/0").contains(&told));
    let follower = play.events("web/1");
    let at = |wanted: &str| follower.iter().position(|event| event == wanted).unwrap();
    assert!(at("install") < at(&told) && at(&told) < at("config-changed"), "{follower:?}");
    play.run("web/0", "leader-set a=1").await;
    let mark = play.mark();
    play.settle().await;
    assert_eq!(play.events_since("web/1", mark), ["leader-settings-changed"]);
    assert_eq!(play.events_since("web/0", mark), Vec::<String>::new());
    play.run("web/0", "leader-set a=1").await;
    assert_eq!(play.told("web/1").await, Vec::<String>::new());
    let mut four = Play::of_juju("4.0.1", Settings::default()).await;
    four.deploy("web", 2).await;
    four.settle().await;
    assert!(!four.events("web/1").contains(&told));
}

#[tokio::test]
async fn item_23_the_deposed_leader_of_juju_3_hears_of_settings_and_nothing_else() {
    let mut play = Play::settled(2, 0).await;
    play.bus.set_leader(&unit("web/1")).unwrap();
    assert_eq!(play.told("web/0").await, ["leader-settings-changed"]);
}

#[tokio::test]
async fn item_29_update_status_comes_by_its_timer_when_the_start_is_done() {
    let mut play = Play::new().await;
    play.deploy("web", 1).await;
    play.settle().await;
    assert!(!play.events("web/0").contains(&"update-status".to_owned()));
    let mark = play.mark();
    play.bus.advance(Duration::from_secs(290)).await.unwrap();
    assert_eq!(play.events_since("web/0", mark), Vec::<String>::new());
    play.bus.advance(Duration::from_secs(320)).await.unwrap();
    assert_eq!(play.events_since("web/0", mark), ["update-status", "update-status"]);
}

#[tokio::test]
async fn item_23_for_up_to_a_minute_nobody_leads() {
    let mut play = Play::settled(2, 1).await;
    play.bus.lose_leadership("web").unwrap();
    play.settle().await;
    for name in ["web/0", "web/1"] {
        assert_eq!(play.say_one(name, "is-leader").await.stdout, "False\n");
    }
    let mark = play.mark();
    play.bus.advance(Duration::from_secs(61)).await.unwrap();
    let elected = |name: &str| {
        let events = play.events_since(name, mark);
        events.iter().filter(|event| *event == "leader-elected").count()
    };
    assert_eq!(elected("web/0") + elected("web/1"), 1);
}

//! Items 4 and 22, and what nobody sees before the commit.

use crate::stage::{Play, prints, refused, unit};

/// Writes everything that a hook can write.
const WRITES: &str = "
relation-set -r backend:1 a=1; relation-set -r backend:1 --app b=1; relation-set -r peers:0 c=1
state-set d=1
open-port 80
secret-add --owner unit --label failed key=value >/dev/null
status-set blocked 'seen in the end'
status-set --application waiting 'also seen'
application-version-set 1.2.3
juju-log -l WARNING said
leader-set e=1
";

#[tokio::test]
async fn item_04_a_failing_hook_discards_what_it_buffered_in_all_relations() {
    let mut play = Play::settled(1, 1).await;
    let journal = play.run("web/0", &format!("{WRITES} exit 7")).await;
    assert!(!journal.succeeded);
    assert_eq!(journal.exit, Some(7));
    assert!(play.own_keys(play.backend(), "web/0").is_empty());
    assert!(play.own_keys(play.peers(), "web/0").is_empty());
    assert!(play.bus.application_databag(play.backend(), "web").is_empty());
    let model = play.bus.model();
    let web = model.unit(&unit("web/0")).unwrap();
    assert!(web.state.is_empty());
    assert!(web.opened_ports.is_empty());
    assert!(model.secrets.is_empty());
}

#[tokio::test]
async fn item_04_a_failing_hook_keeps_what_acted_at_once() {
    let mut play = Play::settled(1, 1).await;
    play.run("web/0", &format!("{WRITES} exit 7")).await;
    let model = play.bus.model();
    let web = &model.applications["web"];
    assert_eq!(web.units[&unit("web/0")].status.message, "seen in the end");
    assert_eq!(web.status.as_ref().unwrap().message, "also seen");
    assert_eq!(web.workload_version, "1.2.3");
    assert_eq!(web.leader_settings["e"], "1");
    drop(model);
    let log = play.bus.log(&unit("web/0"));
    let said = "unit-web-0: ";
    assert!(
        log.iter().any(
            |line| line.starts_with(said) && line.ends_with("WARNING unit.web/0.juju-log said")
        ),
        "{log:#?}"
    );
}

#[tokio::test]
async fn item_04_a_hook_that_ends_well_keeps_everything() {
    let mut play = Play::settled(1, 1).await;
    play.run("web/0", WRITES).await;
    assert_eq!(play.own_keys(play.backend(), "web/0")["a"], "1");
    assert_eq!(play.own_keys(play.peers(), "web/0")["c"], "1");
    assert_eq!(play.bus.application_databag(play.backend(), "web")["b"], "1");
    let model = play.bus.model();
    let web = model.unit(&unit("web/0")).unwrap();
    assert_eq!(web.state["d"], "1");
    assert_eq!(web.opened_ports.len(), 1);
    assert_eq!(model.secrets.len(), 1);
}

#[tokio::test]
async fn item_22_a_status_is_set_at_once_and_survives_below_the_error() {
    let mut play = Play::new().await;
    play.on("web", "config-changed", "status-set blocked 'no port'; exit 1");
    play.deploy("web", 1).await;
    play.settle().await;
    assert_eq!(play.status("web/0"), "error hook failed: \"config-changed\"");
    let below = play.bus.model().unit(&unit("web/0")).unwrap().status.clone();
    assert_eq!((below.value.as_str(), below.message.as_str()), ("blocked", "no port"));
}

#[tokio::test]
async fn item_22_a_status_without_message_erases_the_former_one() {
    let mut play = Play::settled(1, 0).await;
    let table = [
        ("status-set maintenance 'busy now'", prints("")),
        ("status-set active", prints("")),
        (
            "status-get --include-data --format=json",
            prints("{\"message\":\"\",\"status\":\"active\",\"status-data\":{}}\n"),
        ),
    ];
    play.check("web/0", &table).await;
    assert_eq!(play.status("web/0"), "active");
}

#[tokio::test]
async fn item_22_only_the_leader_speaks_for_the_application() {
    let mut play = Play::settled(2, 0).await;
    play.check(
        "web/1",
        &[
            ("status-set --application=True active", refused("this unit is not the leader")),
            (
                "status-get --application=true",
                refused("finding application status: this unit is not the leader"),
            ),
            ("status-set --application=False active mine", prints("")),
        ],
    )
    .await;
    play.check(
        "web/0",
        &[
            ("status-set --application=True waiting 'for all'", prints("")),
            ("status-get --application", prints("waiting\n")),
            (
                "status-get --application --format=json",
                prints(
                    "{\"application-status\":{\"status\":\"waiting\",\"units\":\
                     {\"web/0\":{\"status\":\"unknown\"},\"web/1\":{\"status\":\"active\"}}}}\n",
                ),
            ),
        ],
    )
    .await;
    assert_eq!(play.status("web/1"), "active mine");
}

#[tokio::test]
async fn item_22_juju_sets_statuses_of_its_own_around_a_units_life() {
    let mut play = Play::new().await;
    let seen = "status-get --include-data --format=json >>\"$S/seen\"";
    for event in ["install", "stop", "remove"] {
        play.on("web", event, seen);
    }
    play.deploy("web", 1).await;
    play.settle().await;
    assert_eq!(play.status("web/0"), "unknown");
    play.bus.remove_application("web").unwrap();
    play.settle().await;
    let line = |message: &str| {
        format!("{{\"message\":\"{message}\",\"status\":\"maintenance\",\"status-data\":{{}}}}\n")
    };
    assert_eq!(
        play.note("web", "seen"),
        [
            line("installing charm software"),
            line("stopping charm software"),
            line("cleaning up prior to charm deletion")
        ]
        .concat()
    );
}

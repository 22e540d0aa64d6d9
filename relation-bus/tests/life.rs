//! What befalls a model in time: retries and timers, refreshed and evicted pods, restarts, storage,
//! secrets of the operator, leadership that is lost, scripts, and faults on demand.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use relation_bus::charm_folder::{CharmFolder, load};
use relation_bus::engine::{
    Bus, Churn, EngineError, Fault, InError, Leadership, Reach, Resolution, SecretChange, Settings,
};
use relation_bus::hook::{Moment, Strike};
use relation_bus::model::{SecretContent, StatusValue, TaskStatus};
use relation_bus::names::UnitName;
use relation_bus::uniter::StoragePosition;
use serde_json::{Map, json};

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number)
}

const METADATA: &str = "name: web
peers: {peers: {interface: web_peers}}
containers: {web: {mounts: [{storage: data, location: /data}]}}
storage: {data: {type: filesystem}, logs: {type: filesystem, multiple: {range: 0-2}}}
";

/// A charm whose dispatch is a shell script, in a model of its own.
struct Web {
    folder: tempfile::TempDir,
}

impl Web {
    fn new(script: &str) -> Self {
        let web = Self { folder: tempfile::tempdir().unwrap() };
        web.write("web", METADATA, script);
        web
    }

    fn write(&self, name: &str, metadata: &str, script: &str) -> CharmFolder {
        let folder: PathBuf = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let config = "options: {port: {type: int, default: 80}, key: {type: secret}}\n";
        let actions = "greet: {params: {name: {type: string}}, required: [name], \
                       additionalProperties: false}\n";
        for (file, text) in
            [("metadata.yaml", metadata), ("config.yaml", config), ("actions.yaml", actions)]
        {
            std::fs::write(folder.join(file), text).unwrap();
        }
        let dispatch = folder.join("dispatch");
        std::fs::write(&dispatch, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        std::fs::set_permissions(&dispatch, std::fs::Permissions::from_mode(0o755)).unwrap();
        load(&folder).unwrap()
    }

    /// Deployed and settled.
    async fn up(&self, units: u32, settings: Settings) -> Bus {
        let mut bus = Bus::empty("m", "0000", "3.6.8", settings).await.unwrap();
        bus.deploy("web", &load(&self.folder.path().join("web")).unwrap(), units).await.unwrap();
        bus.settle().await.unwrap();
        bus
    }
}

/// The hooks of a unit since the journal was so long.
fn since(bus: &Bus, first: usize, name: &str) -> Vec<String> {
    let own = bus.journal()[first..].iter().filter(|journal| journal.unit == unit(name));
    own.map(|journal| journal.hook.clone()).collect()
}

fn hooks(bus: &Bus, name: &str) -> Vec<String> {
    since(bus, 0, name)
}

#[tokio::test]
async fn update_status_comes_on_its_interval_and_never_in_settle() {
    let web = Web::new("status-set active");
    let mut bus = web.up(1, Settings::default()).await;
    let first = bus.journal().len();
    bus.advance(seconds(1501)).await.unwrap();
    assert_eq!(since(&bus, first, "web/0"), ["update-status"; 5]);
    bus.set_model_config("update-status-hook-interval", Some(json!("10s"))).unwrap();
    let first = bus.journal().len();
    bus.advance(seconds(60)).await.unwrap();
    let count = since(&bus, first, "web/0").len();
    assert!((5..=6).contains(&count), "{count}");
    assert_eq!(bus.settle().await.unwrap().hooks, 0);
}

#[tokio::test]
async fn a_failed_hook_waits_longer_each_time() {
    let web = Web::new(r#"date +%s >> log; [ "$JUJU_HOOK_NAME" != start ]"#);
    let mut bus = web.up(1, Settings { retries: 0, ..Settings::default() }).await;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let now = bus.now().seconds;
        let next = bus.next_due().unwrap().seconds;
        bus.advance(seconds(next - now)).await.unwrap();
        pauses.push(next - now);
    }
    // The hook itself takes a second of the clock.
    assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300]);
    bus.set_model_config("automatically-retry-hooks", Some(json!(false))).unwrap();
    bus.resolve(&unit("web/0"), Resolution::Retry).unwrap();
    let first = bus.journal().len();
    bus.settle().await.unwrap();
    assert_eq!(since(&bus, first, "web/0"), ["start"]);
    bus.advance(seconds(3600)).await.unwrap();
    assert_eq!(since(&bus, first, "web/0"), ["start"]);
    bus.resolve(&unit("web/0"), Resolution::Skip).unwrap();
    bus.settle().await.unwrap();
    let gone_on = since(&bus, first, "web/0");
    assert_eq!(gone_on[..3], ["start", "web-pebble-ready", "data-storage-attached"]);
    let refused = bus.resolve(&unit("web/0"), Resolution::Retry);
    assert!(matches!(refused, Err(EngineError::NotFailed(_))));
}

#[tokio::test]
async fn a_refreshed_application_rolls_through_its_units() {
    let web = Web::new("echo old > kept; status-set active old");
    let mut bus = web.up(2, Settings::default()).await;
    let before = bus.model().unit(&unit("web/0")).unwrap().address.clone();
    let metadata = format!("{METADATA}requires: {{db: {{interface: sql}}}}\n");
    let next = web.write("next", &metadata, "[ ! -e kept ]; status-set active new");
    let first = bus.journal().len();
    bus.refresh("web", &next, InError::Waits).unwrap();
    bus.settle().await.unwrap();
    let wanted = ["stop", "upgrade-charm", "config-changed", "start", "web-pebble-ready"];
    let ran = since(&bus, first, "web/1");
    assert_eq!(ran[..5], wanted, "{ran:?}");
    // The other one is replaced after that, and each hears of the other's new address.
    let other: Vec<_> = since(&bus, first, "web/0");
    assert_eq!(other.iter().filter(|hook| wanted.contains(&hook.as_str())).count(), 5, "{other:?}");
    assert!(other.contains(&"peers-relation-changed".to_owned()));
    let order: Vec<_> = bus.journal()[first..].iter().filter(|j| j.hook == "stop").collect();
    assert_eq!(order[0].unit, unit("web/1"));
    assert!(!hooks(&bus, "web/0")[1..].contains(&"install".to_owned()));
    assert_eq!(bus.status(&unit("web/0")).message, "new");
    assert_ne!(bus.model().unit(&unit("web/0")).unwrap().address, before);
    assert_eq!(bus.model().applications["web"].charm_revision, 1);
}

#[tokio::test]
async fn a_refresh_that_would_break_a_relation_is_refused() {
    let web = Web::new("status-set active");
    web.write("web", &format!("{METADATA}requires: {{db: {{interface: sql}}}}\n"), "true");
    let mut bus = web.up(1, Settings::default()).await;
    let db = web.write("db", "name: db\nprovides: {sql: {interface: sql}}\n", "true");
    bus.deploy("db", &db, 1).await.unwrap();
    bus.integrate("web", "db").unwrap();
    let lacking = web.write("lacking", METADATA, "true");
    assert_eq!(
        bus.refresh("web", &lacking, InError::Waits).unwrap_err().to_string(),
        "cannot upgrade application \"web\" to charm \"local:web-1\": would break relation \
         \"web:db db:sql\""
    );
}

#[tokio::test]
async fn an_evicted_pod_comes_back_elsewhere_with_its_storage() {
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             install) touch file-state; state-set kept=1;;
             data-storage-attached) echo data > "$JUJU_STORAGE_LOCATION/file";;
           esac
           status-set active"#,
    );
    let mut bus = web.up(2, Settings::default()).await;
    let charm = bus.root(&unit("web/0")).unwrap().join("var/lib/juju/agents/unit-web-0/charm");
    assert!(charm.join("file-state").exists());
    let peers = bus.relation("web", "peers", "web").unwrap();
    let before = bus.unit_databag(peers, &unit("web/0"))["ingress-address"].clone();
    let first = bus.journal().len();
    bus.churn(&unit("web/0"), Churn::Gracefully).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(
        since(&bus, first, "web/0"),
        ["stop", "config-changed", "start", "web-pebble-ready"]
    );
    assert_eq!(since(&bus, first, "web/1"), ["peers-relation-changed"]);
    assert!(!charm.join("file-state").exists());
    assert!(charm.join("dispatch").exists());
    assert_ne!(bus.unit_databag(peers, &unit("web/0"))["ingress-address"], before);
    assert_eq!(bus.model().unit(&unit("web/0")).unwrap().state["kept"], "1");
    let storage = bus.storage(&unit("web/0"));
    let file = std::path::Path::new(&storage[0].location).join("file");
    assert_eq!(std::fs::read_to_string(file).unwrap(), "data\n");
    let first = bus.journal().len();
    bus.churn(&unit("web/0"), Churn::Hard).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(since(&bus, first, "web/0"), ["config-changed", "start", "web-pebble-ready"]);
}

#[tokio::test]
async fn restarts_bring_pebble_ready_and_notices_again() {
    let web = Web::new(
        r#"[ -z "$JUJU_NOTICE_KEY" ] ||
             status-set active "$JUJU_NOTICE_ID $JUJU_NOTICE_TYPE $JUJU_NOTICE_KEY""#,
    );
    let mut bus = web.up(1, Settings::default()).await;
    let name = unit("web/0");
    bus.workload(&name, "web").unwrap().notify("example.com/a", &BTreeMap::new()).unwrap();
    let first = bus.journal().len();
    bus.settle().await.unwrap();
    assert_eq!(since(&bus, first, "web/0"), ["web-pebble-custom-notice"]);
    let told = bus.status(&name).message;
    assert!(told.ends_with(" custom example.com/a"), "{told}");
    let first = bus.journal().len();
    bus.restart_agent(&name).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(
        since(&bus, first, "web/0"),
        ["start", "web-pebble-ready", "web-pebble-custom-notice"]
    );
    let first = bus.journal().len();
    bus.restart_container(&name, "web").unwrap();
    bus.settle().await.unwrap();
    assert_eq!(since(&bus, first, "web/0"), ["web-pebble-ready"]);
    assert!(bus.restart_container(&name, "nope").is_err());
}

#[tokio::test]
async fn a_failing_notice_is_no_error_and_comes_again_with_all_that_is_retained() {
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             web-pebble-custom-notice) [ -e tried ] || { touch tried; exit 1; };;
           esac"#,
    );
    let mut bus = web.up(1, Settings::default()).await;
    let workload = bus.workload(&unit("web/0"), "web").unwrap();
    workload.notify("example.com/a", &BTreeMap::new()).unwrap();
    let first = bus.journal().len();
    bus.settle().await.unwrap();
    assert_eq!(
        since(&bus, first, "web/0"),
        ["web-pebble-custom-notice", "web-pebble-ready", "web-pebble-custom-notice"]
    );
    assert_ne!(bus.status(&unit("web/0")).value, StatusValue::Error);
}

#[tokio::test]
async fn storage_is_attached_added_and_detached() {
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             start) storage-add logs=2;;
             *-storage-attached)
               [ "$(storage-get location)" = "$JUJU_STORAGE_LOCATION" ]
               [ -d "$JUJU_STORAGE_LOCATION" ];;
           esac
           status-set active "$(storage-list | tr '\n' ' ')""#,
    );
    let mut bus = web.up(1, Settings::default()).await;
    assert_eq!(bus.status(&unit("web/0")).message, "data/0 logs/1 logs/2 ");
    let attached = |hook: &&String| hook.ends_with("-storage-attached");
    let ran = hooks(&bus, "web/0");
    assert_eq!(ran.iter().filter(attached).count(), 3);
    let again = bus.exec(&unit("web/0"), "storage-add logs", None).await.unwrap();
    assert_eq!(
        again.stderr,
        "ERROR adding storage \"logs\" for unit web/0: validating storage \"logs\": at most 2 \
         instances supported, 3 specified\n"
    );
    let first = bus.journal().len();
    bus.remove_unit("web").unwrap();
    bus.settle().await.unwrap();
    let last = since(&bus, first, "web/0");
    assert_eq!(
        last[..3],
        ["data-storage-detaching", "logs-storage-detaching", "logs-storage-detaching"]
    );
    let settings =
        Settings { storage_position: StoragePosition::BeforeInstall, ..Settings::default() };
    let bus = Web::new("true").up(1, settings).await;
    assert_eq!(hooks(&bus, "web/0")[..2], ["data-storage-attached", "install"]);
}

fn content(text: &str) -> SecretContent {
    SecretContent::new(BTreeMap::from([("token".to_owned(), text.as_bytes().to_vec())]))
}

#[tokio::test]
async fn a_secret_of_the_operator_reaches_a_charm_by_its_config() {
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             config-changed)
               key=$(config-get key)
               if [ -n "$key" ]; then
                 status-set active "$(secret-get "$key" token 2>&1 || true)"
               fi;;
             secret-changed) status-set active "$(secret-get "$JUJU_SECRET_ID" token --refresh)";;
           esac"#,
    );
    let mut bus = web.up(1, Settings::default()).await;
    let id = bus.add_secret("api", content("one"), "").unwrap();
    let again = bus.add_secret("api", content("one"), "").unwrap_err().to_string();
    assert_eq!(again, "secret with name \"api\" already exists");
    let wrong = bus.configure("web", "key", Some(json!("plain"))).unwrap_err().to_string();
    assert_eq!(wrong, "option \"key\" expected secret, got \"plain\"");
    bus.configure("web", "key", Some(json!(id.uri()))).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(bus.status(&unit("web/0")).message, "ERROR permission denied");
    bus.grant_secret(&id, "web").unwrap();
    assert_eq!(bus.settle().await.unwrap().hooks, 0);
    bus.configure("web", "port", Some(json!("81"))).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(bus.status(&unit("web/0")).message, "one");
    let change = |text: &str| SecretChange {
        content: Some(content(text)),
        auto_prune: Some(true),
        ..SecretChange::default()
    };
    bus.update_secret(&id, change("one")).unwrap();
    assert_eq!(bus.settle().await.unwrap().hooks, 0);
    bus.update_secret(&id, change("two")).unwrap();
    bus.settle().await.unwrap();
    assert_eq!(bus.status(&unit("web/0")).message, "two");
    assert_eq!(bus.model().secrets[&id].revisions.keys().copied().collect::<Vec<_>>(), [2]);
    bus.revoke_secret(&id, "web").unwrap();
    bus.update_secret(&id, change("three")).unwrap();
    assert_eq!(bus.settle().await.unwrap().hooks, 0);
    assert_eq!(bus.secret_named("api").unwrap(), id);
    bus.remove_secret(&id, None).unwrap();
    assert_eq!(bus.secret_named("api").unwrap_err().to_string(), "secret \"api\" not found");
}

#[tokio::test]
async fn secrets_rotate_and_expire_on_the_clock() {
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             start) secret-add --label key --rotate daily --expire 1h token=one;;
             secret-rotate) secret-set "$JUJU_SECRET_ID" "token=two-$(date +%N)";;
             secret-expired)
               n=$(cat expired 2>/dev/null || true); echo "x$n" > expired
               [ "x$n" != xx ] || secret-remove "$JUJU_SECRET_ID" --revision "$JUJU_SECRET_REVISION";;
           esac"#,
    );
    let settings = Settings { retries: 0, ..Settings::default() };
    let mut bus = web.up(1, settings).await;
    bus.set_model_config("update-status-hook-interval", Some(json!("60m"))).unwrap();
    let secret_hooks = |bus: &Bus, first: usize| {
        let ran = since(bus, first, "web/0");
        ran.into_iter().filter(|hook| hook.starts_with("secret-")).collect::<Vec<_>>()
    };
    let first = bus.journal().len();
    bus.advance(seconds(3590)).await.unwrap();
    assert_eq!(secret_hooks(&bus, first), Vec::<String>::new());
    // It is asked again after five minutes, until it removes the revision.
    bus.advance(seconds(1000)).await.unwrap();
    assert_eq!(secret_hooks(&bus, first), ["secret-expired", "secret-expired"]);
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             start) secret-add --label key --rotate daily token=one;;
             secret-rotate) secret-set "$JUJU_SECRET_ID" "token=two-$(date +%N)";;
           esac"#,
    );
    let mut bus = web.up(1, Settings::default()).await;
    bus.set_model_config("update-status-hook-interval", Some(json!("60m"))).unwrap();
    let first = bus.journal().len();
    bus.advance(seconds(2 * 86_400 + 100)).await.unwrap();
    // The revision that the rotation replaced is of no use to anybody.
    assert_eq!(
        secret_hooks(&bus, first),
        ["secret-rotate", "secret-remove", "secret-rotate", "secret-remove"]
    );
}

#[tokio::test]
async fn nobody_leads_until_the_lease_has_run_out() {
    let web = Web::new("status-set active");
    let mut bus = web.up(2, Settings::default()).await;
    bus.lose_leadership("web").unwrap();
    let first = bus.journal().len();
    bus.settle().await.unwrap();
    assert_eq!(bus.model().applications["web"].leader, None);
    // The former leader hears of it as a follower does.
    assert_eq!(since(&bus, first, "web/0"), ["leader-settings-changed"]);
    bus.advance(seconds(61)).await.unwrap();
    assert!(bus.model().is_leader(&unit("web/0")));
    assert!(since(&bus, first, "web/0").contains(&"leader-elected".to_owned()));
}

#[tokio::test]
async fn leadership_lost_inside_a_hook_fails_its_commit_and_the_retry_knows() {
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             config-changed)
               if [ "$(is-leader)" = True ]; then relation-set -r peers:0 --app by="$JUJU_UNIT_NAME"; fi;;
           esac"#,
    );
    let mut bus = web.up(2, Settings::default()).await;
    let strike = Strike::LoseLeadership;
    let fault = |moment| Fault {
        unit: unit("web/0"),
        hook: Some("config-changed".to_owned()),
        moment,
        strike: strike.clone(),
    };
    bus.add_fault(fault(Moment::Commit));
    bus.configure("web", "port", Some(json!(81))).unwrap();
    let first = bus.journal().len();
    bus.settle().await.unwrap();
    let ran: Vec<_> = bus.journal()[first..]
        .iter()
        .filter(|journal| journal.unit == unit("web/0") && journal.hook == "config-changed")
        .map(|journal| journal.succeeded)
        .collect();
    assert_eq!(ran, [false, true]);
    assert!(bus.model().is_leader(&unit("web/1")));
    assert_eq!(bus.faults(), []);
    let peers = bus.relation("web", "peers", "web").unwrap();
    assert_eq!(bus.application_databag(peers, "web")["by"], "web/1");
}

#[tokio::test]
async fn a_killed_hook_runs_again_and_is_no_failure() {
    let web = Web::new(
        r#"case "$JUJU_HOOK_NAME" in
             config-changed) relation-set -r peers:0 a=1; is-leader > /dev/null; relation-set -r peers:0 b=1;;
           esac"#,
    );
    for strike in [Strike::Kill, Strike::Terminate] {
        let mut bus = web.up(1, Settings::default()).await;
        bus.add_fault(Fault {
            unit: unit("web/0"),
            hook: Some("config-changed".to_owned()),
            moment: Moment::call(3),
            strike,
        });
        bus.configure("web", "port", Some(json!(81))).unwrap();
        let first = bus.journal().len();
        bus.settle().await.unwrap();
        assert_eq!(since(&bus, first, "web/0"), ["config-changed", "config-changed"]);
        let killed = &bus.journal()[first];
        assert_eq!((killed.exit, killed.succeeded), (None, false));
        assert_eq!(killed.writes, []);
        assert!(!bus.log(&unit("web/0")).iter().any(|line| line.contains("failed:")));
    }
}

#[tokio::test]
async fn a_container_dropped_in_mid_hook_stays_away() {
    let web = Web::new("is-leader > /dev/null");
    let mut bus = web.up(1, Settings::default()).await;
    let socket = bus.root(&unit("web/0")).unwrap().join("charm/containers/web/pebble.socket");
    assert!(socket.exists());
    bus.add_fault(Fault {
        unit: unit("web/0"),
        hook: None,
        moment: Moment::call(1),
        strike: Strike::DropPebble("web".to_owned()),
    });
    bus.configure("web", "port", Some(json!(81))).unwrap();
    bus.settle().await.unwrap();
    assert!(!socket.exists());
    bus.set_reach(&unit("web/0"), "web", Reach::Up).await.unwrap();
    assert!(socket.exists());
}

#[tokio::test]
async fn a_restless_leadership_moves_reproducibly() {
    let web = Web::new("is-leader > /dev/null; is-leader > /dev/null");
    let play = async || {
        let leadership = Leadership::Restless { seed: 5, one_in: 4 };
        let mut bus = web.up(3, Settings { leadership, ..Settings::default() }).await;
        for port in 0..4 {
            bus.configure("web", "port", Some(json!(port))).unwrap();
            bus.settle().await.unwrap();
        }
        bus.journal().iter().map(|j| format!("{} {}", j.unit, j.hook)).collect::<Vec<_>>()
    };
    let ran = play().await;
    assert_eq!(ran, play().await);
    assert!(ran.iter().filter(|hook| hook.ends_with("leader-elected")).count() > 1, "{ran:#?}");
}

#[tokio::test]
async fn a_script_of_the_operator_speaks_for_the_unit() {
    let web = Web::new("status-set active");
    let mut bus = web.up(1, Settings::default()).await;
    let peers = bus.relation("web", "peers", "web").unwrap();
    let script = "echo \"$JUJU_RELATION_ID $JUJU_UNIT_NAME [$JUJU_HOOK_NAME]\"\n\
                  relation-set said=hello; echo oh >&2; exit 3";
    let done = bus.exec(&unit("web/0"), script, Some(peers)).await.unwrap();
    assert_eq!((done.code, done.stderr.as_str()), (3, "oh\n"));
    assert_eq!(done.stdout, "peers:0 web/0 []\n");
    assert_eq!(bus.unit_databag(peers, &unit("web/0"))["said"], "hello");
    assert_ne!(bus.status(&unit("web/0")).value, StatusValue::Error);
    let operation = bus.enqueue_exec(&[unit("web/0")], "echo later", None).unwrap();
    bus.settle().await.unwrap();
    let task = bus.tasks()[&(operation + 1)].clone();
    assert_eq!((task.action.as_str(), task.status), ("juju-exec", TaskStatus::Completed));
    assert_eq!(task.results["stdout"], "later\n");
    assert!(bus.exec(&unit("web/9"), "true", None).await.is_err());
}

#[tokio::test]
async fn an_action_keeps_its_output_and_is_refused_what_it_does_not_declare() {
    let web =
        Web::new(r#"case "$JUJU_DISPATCH_PATH" in actions/*) echo out; printf '\377' >&2;; esac"#);
    let mut bus = web.up(1, Settings::default()).await;
    let name = unit("web/0");
    let parameters = |value: serde_json::Value| value.as_object().unwrap().clone();
    let done = bus.run_action(&name, "greet", parameters(json!({"name": "you"}))).await.unwrap();
    assert_eq!(done.results["stdout"], "out\n");
    assert_eq!(
        (&done.results["stderr"], &done.results["stderr-encoding"]),
        (&json!("/w=="), &json!("base64"))
    );
    for (given, why) in [
        (
            Map::new(),
            "validation failed: (root) : \"name\" property is missing and required, given {}",
        ),
        (
            parameters(json!({"name": 5})),
            "validation failed: (root).name : must be of type string, given 5",
        ),
    ] {
        assert_eq!(bus.run_action(&name, "greet", given).await.unwrap_err().to_string(), why);
    }
}

#[tokio::test]
async fn an_ordinal_is_used_again_after_its_unit_is_gone() {
    let web = Web::new(
        r#"[ "$JUJU_HOOK_NAME" != peers-relation-created ] ||
             [ "$JUJU_UNIT_NAME" != web/1 ] || [ -e "$CHARM_DIR/../../mark" ] || relation-set first=1"#,
    );
    let mut bus = web.up(2, Settings::default()).await;
    let peers = bus.relation("web", "peers", "web").unwrap();
    assert_eq!(bus.unit_databag(peers, &unit("web/1"))["first"], "1");
    bus.scale("web", 1).await.unwrap();
    // Asked for while the old one is still there.
    bus.scale("web", 2).await.unwrap();
    let first = bus.journal().len();
    bus.settle().await.unwrap();
    assert_eq!(bus.units(), [unit("web/0"), unit("web/1")]);
    let ran = since(&bus, first, "web/1");
    let removed = ran.iter().position(|hook| hook == "remove").unwrap();
    assert_eq!(ran[removed + 1], "install");
    let heard = since(&bus, first, "web/0");
    assert_eq!(
        heard[..3],
        ["peers-relation-departed", "peers-relation-joined", "peers-relation-changed"]
    );
}

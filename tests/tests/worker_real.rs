//! The shipped worker with a real Pebble daemon, a real process and a place that takes its logs.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use relation_bus::engine::{PebbleKind, Settings};
use relation_bus::testing::TestModel;
use serde_json::{Value, json};
use tests::log_store::{Line, LogStore};
use tests::pebble::{VERSIONS, program};
use tests::workspace;

/// How long a line may take to arrive.
const LIMIT: Duration = Duration::from_secs(5);

/// The workload: it says its process number with each line.
const TALLY: &str = "#!/bin/sh\n\
    case \"$1\" in -version) echo 'tally, version 9.9'; exit;; esac\n\
    [ -s /etc/worker/config.yaml ] || exit 3\n\
    n=0\n\
    while :; do n=$((n+1)); echo \"pid $$ line $n\"; sleep 0.2; done\n";

/// A charm that tells where logs go.
const STORE: &str = "#!/bin/sh\n\
    set -e\n\
    url=$(config-get url)\n\
    for id in $(relation-ids logging); do\n\
      relation-set -r \"$id\" endpoint=\"{\\\"url\\\": \\\"$url\\\"}\"\n\
    done\n\
    status-set active\n";

const SOLUTION: &str = "\
container: tally
cluster_endpoint: tally-cluster
layer:
  template: |
    services:
      tally:
        override: replace
        command: /bin/tally -config.file={{ paths.config }}
        startup: enabled
";

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

fn write_program(path: &Path, text: &str) {
    write(path, text);
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

/// The model file: a coordinator, one worker with an image, an object store and a log store.
fn lay_out(folder: &Path, url: &str) -> std::path::PathBuf {
    let shipped = workspace().join("charmcraft/worker/charmcraft.yaml");
    write(&folder.join("worker/solution.yaml"), SOLUTION);
    std::fs::copy(shipped, folder.join("worker/charmcraft.yaml")).unwrap();
    write_program(&folder.join("image/bin/tally"), TALLY);
    write(
        &folder.join("store/metadata.yaml"),
        "name: store\nprovides: {logging: {interface: loki_push_api}}\n",
    );
    write(&folder.join("store/config.yaml"), "options: {url: {type: string}}\n");
    write_program(&folder.join("store/dispatch"), STORE);
    let coordinator = workspace().join("charmcraft/coordinator");
    let model = json!({
        "model": "real",
        "applications": {
            "tally": {"charm": coordinator, "trust": true},
            "counter": {
                "charm": "worker", "trust": true, "config": {"role-all": true},
                "images": {"tally": "image"},
            },
            "store": {"charm": "store", "config": {"url": url}},
            "s3": {"charm": "cos:s3-integrator", "config": {
                "endpoint": "http://s3.example", "bucket": "one", "access-key": "a", "secret-key": "b",
            }},
        },
        "relations": [
            ["tally:tally-cluster", "counter:tally-cluster"],
            ["tally:s3", "s3:s3-credentials"],
            ["tally:logging", "store:logging"],
        ],
    });
    let file = folder.join("model.yaml");
    write(&file, &model.to_string());
    file
}

/// The process numbers in lines, each once.
fn pids(lines: &[Line]) -> BTreeSet<String> {
    lines.iter().filter_map(|line| line.text.split(' ').nth(1).map(str::to_owned)).collect()
}

/// Waits for a line of a kind; each wait is bounded.
async fn arrives(store: &LogStore, what: &str, fits: impl Fn(&Line) -> bool) -> Line {
    let deadline = Instant::now() + LIMIT;
    while Instant::now() < deadline {
        if let Some(line) = store.lines().into_iter().find(&fits) {
            return line;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("within {LIMIT:?} there is no {what}: {:?}", store.lines().last());
}

async fn play(version: &str) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (first, second) = (LogStore::start(), LogStore::start());
    let settings = Settings { pebble: PebbleKind::Real(program(version)), ..Settings::default() };
    let file = lay_out(folder.path(), &first.url());
    let mut model = TestModel::try_from_file(file, settings).await.unwrap();
    model.settle_within(500).await;
    model.assert_active();
    assert_eq!(model.plan("counter/0", "tally")["services"]["tally"]["startup"], "enabled");

    // A line that the process prints arrives, with the labels of its topology.
    let line = arrives(&first, "line", |line| line.text.starts_with("pid ")).await;
    let uuid = model.bus().model().uuid.clone();
    assert_eq!(
        Value::Object(line.labels),
        json!({
            "product": "Juju", "charm": "tally-worker-k8s", "juju_model": "real",
            "juju_model_uuid": uuid, "juju_application": "counter", "juju_unit": "counter/0",
            "job": format!("juju_real_{}_counter", &uuid[..8]), "pebble_service": "tally",
        }),
        "{version}"
    );
    let before = pids(&first.lines());
    assert_eq!(before.len(), 1, "{version}: the process was started once: {before:?}");

    // A change of the configuration restarts the process exactly once.
    model.configure("s3", "bucket", "two");
    model.settle_within(100).await;
    arrives(&first, "line of another process", |line| pids(std::slice::from_ref(line)) != before)
        .await;
    model.dispatch("counter/0", relation_bus::hook::LifeCycle::UpdateStatus).await;
    model.dispatch("counter/0", relation_bus::hook::LifeCycle::ConfigChanged).await;
    let known = first.lines().len();
    arrives(&first, "further line", |_| first.lines().len() > known).await;
    let after = pids(&first.lines());
    assert_eq!(after.len(), 2, "{version}: {before:?} was replaced once: {after:?}");

    // The store moves: new lines arrive at the new place, from the same process.
    model.configure("store", "url", second.url());
    model.settle_within(100).await;
    let moved = first.lines().into_iter().map(|line| line.time).max().unwrap();
    arrives(&second, "new line at the new place", |line| line.time > moved).await;
    assert!(pids(&second.lines()).is_subset(&after), "{version}: moving logs restarts nothing");

    // The relation goes, and with it the lines: what was on its way may still arrive.
    model.remove_relation("tally:logging", "store");
    model.settle_within(100).await;
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let silent = second.lines().len();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(second.lines().len(), silent, "{version}: lines arrive without a relation");
}

#[tokio::test]
#[ignore = "needs pebble and namespaces, run by tests/run"]
async fn a_worker_runs_logs_moves_and_restarts_on_the_newest_pebble() {
    play(VERSIONS[1]).await;
}

#[tokio::test]
#[ignore = "needs pebble and namespaces, run by tests/run"]
async fn a_worker_runs_logs_moves_and_restarts_on_the_pebble_that_juju_ships() {
    play(VERSIONS[0]).await;
}

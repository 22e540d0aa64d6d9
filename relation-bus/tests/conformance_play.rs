//! A case is played through a real process, and what it did is read back.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use relation_bus::conformance::case::Case;
use relation_bus::conformance::play::{Played, play};
use serde_json::{Value, json};

/// A case of a worker that has a relation, a container and a secret.
fn case() -> Value {
    json!({
        "input": {
            "name": "a", "summary": "A.", "role": "worker", "juju_version": "3.6.11",
            "label_matcher_injection": false,
            "charm": {
                "name": "loom-worker", "provides": {}, "peers": {}, "containers": ["loom"],
                "requires": {"coordinator": {"interface": "loom_cluster"}},
                "config_options": {"role-all": {"type": "boolean", "default": false}},
                "files": {"src/rules/a.rule": "alert: A"}, "dirs": ["src/empty"]
            },
            "solution": {"container": "loom", "readiness_endpoint": null},
            "model": {"name": "stage", "uuid": "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11"},
            "app": "weave", "unit": "weave/0", "leader": true, "config": {"role-all": true},
            "fqdn": "weave-0.weave-endpoints.stage.svc.cluster.local",
            "dns_server": "10.152.183.10", "ipv6": false, "env": {"MARK": "of the case"},
            "networks": {}, "peers": [],
            "relations": [{
                "endpoint": "coordinator", "interface": "loom_cluster", "id": 7,
                "remote_app": "loom", "local_app_data": {"old": "1"},
                "local_unit_data": {"private-address": "10.1.0.4"},
                "remote_app_data": {"worker_config": "\"a: 1\""}, "remote_units": {"loom/0": {}}
            }],
            "containers": [{
                "name": "loom", "can_connect": true, "files": {"/etc/a": "text"},
                "layers": {"base": {"services": {"loom": {
                    "override": "replace", "command": "loom", "startup": "enabled"
                }}}},
                "services": {"loom": "active"}, "checks": [], "execs": [], "restart_error": null
            }],
            "charm_container_files": {"/etc/kept": "kept", "/etc/altered": "before"},
            "secrets": [{
                "id": "secret:privatekey0000000001", "label": "key", "owner": "unit",
                "content": {"key": "hush"}, "grants": {"7": ["loom"]}
            }],
            "opened_ports": ["tcp/9400"], "workload_version": "1.0",
            "k8s": {"configmaps": {}, "statefulset": null, "pod": null, "patch_error": null,
                    "authorization_policies": []},
            "event": {"name": "relation-changed", "relation_id": 7, "remote_unit": "loom/0"}
        },
        "expected": {"raised": null}
    })
}

/// Plays the case with a shell script as the charm.
fn play_script(script: &str) -> Played {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let program = folder.path().join("charm");
    fs::write(&program, format!("#!/bin/sh\nset -eu\n{script}"))
        .expect("the script can be written");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("the script is ours");
    let case = Case::parse(&case().to_string()).expect("the case has every field");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be had");
    runtime.block_on(play(&case, &program)).expect("the case can be played")
}

#[test]
fn everything_that_a_hook_does_is_in_the_outcome() {
    let played = play_script(
        r#"
        if [ "$*" = "--dry-run --format json" ]; then
            echo '{"charm_tracing": {"url": "http://tempo/v1/traces", "ca": null}}'
            exit 0
        fi
        root="${CHARM_DIR%/var/lib/juju/*}"
        grep -q '"container":"loom"' "$CHARM_DIR/solution.yaml"
        test -d "$CHARM_DIR/src/empty"
        test "$(cat "$CHARM_DIR/src/rules/a.rule")" = "alert: A"
        relation-set --app -r 7 old= "role=$MARK"
        relation-set -r 7 "address=$(relation-get -r 7 worker_config loom --app)"
        status-set active "$(config-get role-all)"
        close-port 9400/tcp
        open-port 9095/tcp
        application-version-set 2.0
        echo after >"$root/etc/altered"
        mkdir -p "$root/usr/local/share"
        echo new >"$root/usr/local/share/new"
        "#,
    );
    assert_eq!(played.failure, None);
    let outcome = played.outcome.to_json();
    assert_eq!(outcome["unit_status"], json!({"name": "active", "message": "True"}));
    assert_eq!(outcome["app_status"], json!({"name": "unknown", "message": ""}));
    assert_eq!(outcome["relations"][0]["local_app_data"], json!({"role": "of the case"}));
    assert_eq!(outcome["relations"][0]["local_unit_data"]["address"], "\"a: 1\"");
    assert_eq!(outcome["opened_ports"], json!(["tcp/9095"]));
    assert_eq!(outcome["workload_version"], "2.0");
    assert_eq!(outcome["charm_tracing"]["url"], "http://tempo/v1/traces");
    assert_eq!(
        outcome["charm_container_files"],
        json!({"/etc/altered": "after\n", "/etc/kept": "kept", "/usr/local/share/new": "new\n"})
    );
    assert_eq!(
        outcome["secrets"],
        json!([{"id": "secret:privatekey0000000001", "label": "key", "owner": "unit",
                "content": {"key": "hush"}, "grants": {"7": ["loom"]}}])
    );
    let container = &outcome["containers"][0];
    assert_eq!(container["plan"]["services"]["loom"]["command"], "loom");
    assert_eq!(container["services"]["loom"], json!({"startup": "enabled", "current": "active"}));
    assert_eq!(container["files"], json!({"/etc/a": "text"}));
    assert_eq!(container["actions"], json!([]));
}

#[test]
fn a_hook_that_fails_tells_why_and_nothing_else() {
    let played = play_script("juju-log -l ERROR 'cannot use `solution.yaml`'\nexit 3\n");
    assert_eq!(played.outcome.to_json(), json!({"raised": {"kind": "invalid-configuration"}}));
    assert!(played.failure.unwrap().contains("solution.yaml"));
}

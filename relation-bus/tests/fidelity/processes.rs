//! Item 1 and the cheap ones: the process of a hook, its output, its children and its tool server.

use std::time::{Duration, Instant};

use relation_bus::hook::Hook;

use crate::stage::{Play, prints, refused, unit};

#[tokio::test]
async fn item_01_a_hook_inherits_nothing() {
    // This test's own process has these; a hook must not.
    assert!(std::env::var_os("PATH").is_some() && std::env::var_os("CARGO_MANIFEST_DIR").is_some());
    let mut play = Play::settled(1, 0).await;
    play.run("web/0", "tr '\\0' '\\n' </proc/$$/environ >\"$S/environ\"").await;
    let environ = play.note("web", "environ");
    for absent in ["HOME", "USER", "SHELL", "PWD", "CARGO_MANIFEST_DIR", "LD_LIBRARY_PATH"] {
        let line = format!("{absent}=");
        assert!(!environ.lines().any(|variable| variable.starts_with(&line)), "{environ}");
    }
    let path = environ.lines().find_map(|line| line.strip_prefix("PATH=")).unwrap();
    assert!(path.split(':').next().unwrap().ends_with("/var/lib/juju/tools/unit-web-0"), "{path}");
    assert!(path.ends_with(":/charm/bin"), "{path}");
}

#[tokio::test]
async fn item_01_dispatch_runs_in_the_charm_directory_without_arguments_and_input() {
    let mut play = Play::settled(1, 0).await;
    let script = "echo \"$# $(pwd)\" >\"$S/seen\"; readlink /proc/$$/fd/0 >>\"$S/seen\"";
    play.run("web/0", script).await;
    let charm = play.bus.root(&unit("web/0")).unwrap().join("var/lib/juju/agents/unit-web-0/charm");
    assert_eq!(play.note("web", "seen"), format!("0 {}\n/dev/null\n", charm.display()));
}

#[tokio::test]
async fn further_output_is_logged_by_line_and_long_lines_are_cut() {
    let mut play = Play::settled(1, 0).await;
    let script = "echo out; echo err >&2; head -c 5000 /dev/zero | tr '\\0' x; echo";
    play.run("web/0", script).await;
    let model = play.bus.model();
    let lines: Vec<_> = model.log.iter().filter(|line| line.module == "unit.web/0.probe").collect();
    let logged = |level: &str, message: &str| {
        lines.iter().any(|line| line.level.as_str() == level && line.message == message)
    };
    assert!(logged("DEBUG", "out"));
    assert!(logged("WARNING", "err"));
    assert!(logged("DEBUG", &"x".repeat(4096)));
    assert!(logged("DEBUG", &"x".repeat(904)));
}

#[tokio::test]
async fn further_a_child_that_outlives_dispatch_holds_nothing_up() {
    let mut play = Play::settled(1, 0).await;
    let started = Instant::now();
    let journal = play.run("web/0", "sleep 30 &\necho $! >\"$S/child\"; echo done").await;
    assert!(journal.succeeded);
    assert!(started.elapsed() < Duration::from_secs(20));
    let child = play.note("web", "child");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", child.trim())).unwrap();
    assert!(!state.contains(") Z"), "{state}");
    let killed = std::process::Command::new("kill").arg(child.trim()).status().unwrap();
    assert!(killed.success());
}

#[tokio::test]
async fn further_a_tool_called_after_its_hook_fails_to_connect() {
    let mut play = Play::settled(1, 0).await;
    // The child waits until the hook is over; its note is there when it has tried.
    let script = "( while [ ! -e \"$S/over\" ]; do sleep 0.02; done
        status-set active late 2>\"$S/late.tmp\" || echo \"$?\" >>\"$S/late.tmp\"
        mv \"$S/late.tmp\" \"$S/late\" ) >/dev/null 2>&1 &";
    play.run("web/0", script).await;
    std::fs::write(play.scripts("web").join("over"), "").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    while play.note("web", "late").is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let late = play.note("web", "late");
    assert!(late.starts_with("ERROR ") && late.ends_with("\n1\n"), "{late:?}");
    assert_eq!(play.status("web/0"), "unknown");
}

#[tokio::test]
async fn further_a_wrong_context_id_is_refused() {
    let mut play = Play::settled(1, 0).await;
    let table = [
        (
            "JUJU_CONTEXT_ID=web/0-start-00 is-leader",
            refused("bad request: wrong context ID; got \"web/0-start-00\""),
        ),
        ("JUJU_CONTEXT_ID= is-leader", refused("JUJU_CONTEXT_ID not set")),
        ("JUJU_AGENT_SOCKET_ADDRESS= is-leader", refused("JUJU_AGENT_SOCKET_ADDRESS not set")),
        ("is-leader", prints("True\n")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn further_a_killed_hook_is_queued_again_and_is_no_error() {
    let mut play = Play::new().await;
    let script = "if [ ! -e \"$S/killed\" ]; then
        touch \"$S/killed\"; relation-set -r peers:0 lost=1; kill -TERM $$; fi";
    play.on("web", "config-changed", script);
    play.deploy("web", 1).await;
    play.settle().await;
    let events = play.events("web/0");
    let tries = events.iter().filter(|event| *event == "config-changed").count();
    assert_eq!(tries, 2, "{events:?}");
    let log = play.bus.log(&unit("web/0"));
    assert!(!log.iter().any(|line| line.contains("awaiting error resolution")), "{log:#?}");
    assert!(play.own_keys(play.peers(), "web/0").is_empty());
}

#[tokio::test]
async fn further_two_calls_at_once_are_served_one_after_the_other() {
    let mut play = Play::settled(1, 1).await;
    let mut script = String::new();
    for number in 0..16 {
        script += &format!("relation-set -r backend:1 key{number}={number} &\n");
    }
    let journal = play.run("web/0", &format!("{script}wait\n")).await;
    assert!(journal.succeeded);
    assert_eq!(journal.counts()["relation-set"], 16);
    assert_eq!(play.own_keys(play.backend(), "web/0").len(), 16);
}

#[tokio::test]
async fn further_a_bag_takes_a_mebibyte_through_a_file() {
    let mut play = Play::settled(1, 1).await;
    let script = "{ printf '{\"rules\": \"'; head -c 1048576 /dev/zero | tr '\\0' r
        printf '\"}'; } | relation-set -r backend:1 --app --file -";
    let journal = play.run("web/0", script).await;
    assert!(journal.succeeded, "{:?}", play.bus.log(&unit("web/0")));
    play.settle().await;
    let line = "relation-get -r http:1 --app rules web | wc -c";
    assert_eq!(play.say_one("api/0", line).await.stdout.trim(), "1048577");
}

#[tokio::test]
async fn further_writes_are_seen_by_others_after_the_commit_only() {
    let mut play = Play::settled(1, 1).await;
    let hook = Hook::Other("probe".to_owned());
    let script = "relation-set -r backend:1 a=1; touch \"$S/inside\"
        while [ ! -e \"$S/go\" ]; do sleep 0.02; done";
    play.on("web", "probe", script);
    let running = play.bus.begin_hook(&unit("web/0"), hook).unwrap();
    let task = tokio::spawn(running.run());
    let inside = play.scripts("web").join("inside");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !inside.exists() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(play.own_keys(play.backend(), "web/0").is_empty());
    std::fs::write(play.scripts("web").join("go"), "").unwrap();
    play.bus.finish(task.await.unwrap()).unwrap();
    assert_eq!(play.own_keys(play.backend(), "web/0")["a"], "1");
}

#[tokio::test]
async fn further_unit_names_may_have_dashes() {
    let mut play = Play::new().await;
    play.charm("my-web-app", "requires: {back-end: {interface: http}}");
    play.on("my-web-app", "back-end-relation-changed", "pwd >\"$S/seen\"");
    play.deploy("my-web-app", 1).await;
    play.deploy("api", 1).await;
    play.bus.integrate("my-web-app", "api").unwrap();
    play.settle().await;
    assert!(play.note("my-web-app", "seen").ends_with("/agents/unit-my-web-app-0/charm\n"));
    let events = play.events("my-web-app/0");
    assert_eq!(events.last().unwrap(), "back-end-relation-changed api/0");
}

#[tokio::test]
async fn further_without_dispatch_the_file_of_the_hook_runs_or_nothing_does() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut play = Play::new().await;
    let folder = play.charm_folder("web");
    std::fs::remove_file(folder.join("dispatch")).unwrap();
    std::fs::create_dir(folder.join("hooks")).unwrap();
    let start = folder.join("hooks/start");
    std::fs::write(&start, "#!/bin/sh\nstatus-set active by-file\n").unwrap();
    std::fs::set_permissions(&start, std::fs::Permissions::from_mode(0o755)).unwrap();
    play.deploy("web", 1).await;
    play.settle().await;
    assert_eq!(play.status("web/0"), "active by-file");
    assert!(play.bus.journal().iter().all(|journal| journal.succeeded));
}

#[tokio::test]
async fn further_no_two_models_have_the_same_uuid_in_their_hooks() {
    let mut play = Play::settled(1, 0).await;
    play.run("web/0", "echo $JUJU_MODEL_NAME $JUJU_MODEL_UUID >\"$S/seen\"").await;
    let model = play.bus.model();
    assert_eq!(play.note("web", "seen"), format!("{} {}\n", model.name, model.uuid));
}

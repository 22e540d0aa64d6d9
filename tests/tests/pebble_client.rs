//! The charm's Pebble client against the bus's Pebble.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use charm::layer::Layer;
use charm::pebble::{Client, ExecOutput, PebbleError};
use charm::snapshot::{CheckState, FileRead, ServiceState};
use relation_bus::pebble::{CheckSetup, CheckStatus, ContainerSetup, ExecAnswer, Workload};
use serde_json::{Value, json};

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn layer(command: &str) -> Layer {
    let Value::Object(web) =
        json!({"override": "replace", "command": command, "startup": "enabled"})
    else {
        unreachable!("an object was written")
    };
    Layer { services: BTreeMap::from([("web".to_owned(), web)]), ..Layer::default() }
}

async fn with_pebble(
    setup: ContainerSetup,
    below: &Path,
    test: impl AsyncFnOnce(Client, Workload),
) {
    std::fs::create_dir_all(below).unwrap();
    let socket = below.join("p.sock");
    let workload = Workload::new(setup).unwrap();
    let server = workload.serve(&socket).await.unwrap();
    test(Client::new(&socket).unwrap(), workload).await;
    server.stop().await;
}

#[tokio::test]
async fn a_container_that_is_not_up_is_told_apart() {
    let missing = Client::new(Path::new("/nonexistent/pebble.socket")).unwrap();
    let error = missing.system_info().await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
}

#[tokio::test]
async fn layers_make_the_plan_and_services_follow() {
    let folder = tempfile::tempdir().unwrap();
    with_pebble(ContainerSetup::default(), folder.path(), async |client, _| {
        assert!(!client.system_info().await.unwrap().boot_id.is_empty());
        client.add_layer("web", &layer("/bin/web: now")).await.unwrap();
        let plan = client.plan().await.unwrap();
        assert_eq!(plan.services["web"]["command"], "/bin/web: now");
        assert_eq!(client.services().await.unwrap()["web"], ServiceState::Inactive);
        client.replan().await.unwrap();
        assert_eq!(client.services().await.unwrap()["web"], ServiceState::Active);
        client.stop(&words("web")).await.unwrap();
        client.start(&words("web")).await.unwrap();
        client.restart(&words("web")).await.unwrap();
        let error = client.start(&words("nothing")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot start `nothing`: Pebble answered 400: cannot start services: service \"nothing\" does not exist"
        );
    })
    .await;
}

#[tokio::test]
async fn a_restart_that_fails_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let setup = ContainerSetup {
        layers: vec![(
            "web".to_owned(),
            json!({"services": {"web": {"override": "replace", "command": "/bin/web"}}}),
        )],
        restart_error: Some("exited quickly with code 3".to_owned()),
        ..ContainerSetup::default()
    };
    with_pebble(setup, folder.path(), async |client, _| {
        let error = client.restart(&words("web")).await.unwrap_err();
        assert!(matches!(error, PebbleError::ChangeFailed { .. }), "{error}");
        assert!(error.to_string().contains("exited quickly with code 3"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn files_are_written_read_and_removed_whatever_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    with_pebble(ContainerSetup::default(), folder.path(), async |client, workload| {
        let binary: Vec<u8> = (0..=255).chain(*b"\r\n--").collect();
        for path in ["/etc/a/b.yaml", "/etc/with \"quotes\" and blanks é"] {
            assert_eq!(client.read_file(path).await.unwrap(), FileRead::Missing);
            client.write_file(path, &binary, 0o600).await.unwrap();
            assert_eq!(client.read_file(path).await.unwrap(), FileRead::Content(binary.clone()));
            assert_eq!(workload.files()[path], binary);
            client.remove_file(path).await.unwrap();
            client.remove_file(path).await.unwrap();
            assert_eq!(client.read_file(path).await.unwrap(), FileRead::Missing);
        }
        let large = vec![b'x'; 3 << 20];
        client.write_file("/large", &large, 0o644).await.unwrap();
        assert_eq!(client.read_file("/large").await.unwrap(), FileRead::Content(large));
    })
    .await;
}

#[tokio::test]
async fn commands_answer_with_code_and_output() {
    let folder = tempfile::tempdir().unwrap();
    let setup = ContainerSetup {
        execs: vec![ExecAnswer {
            command: words("/bin/web -version"),
            return_code: 2,
            stdout: "web, version 3\n".to_owned(),
            stderr: "oops\n".to_owned(),
        }],
        ..ContainerSetup::default()
    };
    with_pebble(setup, folder.path(), async |client, _| {
        let output = client.exec(&words("/bin/web -version")).await.unwrap();
        let expected = ExecOutput {
            code: 2,
            stdout: "web, version 3\n".to_owned(),
            stderr: "oops\n".to_owned(),
        };
        assert_eq!(output, expected);
        let error = client.exec(&words("/bin/none")).await.unwrap_err();
        assert!(error.to_string().contains("cannot find executable"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn checks_and_health_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let setup = ContainerSetup {
        layers: vec![(
            "web".to_owned(),
            json!({"checks": {"ready": {"override": "replace", "level": "ready", "threshold": 3,
                "http": {"url": "http://localhost/ready"}}}}),
        )],
        checks: vec![CheckSetup {
            name: "ready".to_owned(),
            level: Some("ready".to_owned()),
            status: CheckStatus::Down,
            failures: 4,
            threshold: 3,
        }],
        ..ContainerSetup::default()
    };
    with_pebble(setup, folder.path(), async |client, _| {
        let down = CheckState { status: "down".to_owned(), failures: 4, threshold: 3 };
        assert_eq!(client.checks().await.unwrap(), BTreeMap::from([("ready".to_owned(), down)]));
        assert!(!client.healthy().await.unwrap());
        let id = client.notify("example.com/a", &BTreeMap::new()).await.unwrap();
        assert_eq!(client.notify("example.com/a", &BTreeMap::new()).await.unwrap(), id);
    })
    .await;
}

#[tokio::test]
async fn a_socket_far_down_a_long_path_is_reached() {
    let folder = tempfile::tempdir().unwrap();
    let far: PathBuf = folder.path().join("a".repeat(60)).join("b".repeat(60));
    std::fs::create_dir_all(&far).unwrap();
    // The server binds by a short way; the charm knows only the long one.
    let short = folder.path().join("s");
    std::os::unix::fs::symlink(&far, &short).unwrap();
    let workload = Workload::new(ContainerSetup::default()).unwrap();
    let server = workload.serve(&short.join("p.sock")).await.unwrap();
    let client = Client::new(&far.join("p.sock")).unwrap();
    assert!(!client.system_info().await.unwrap().boot_id.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_rejected_layer_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    with_pebble(ContainerSetup::default(), folder.path(), async |client, _| {
        let Value::Object(web) = json!({"command": "/bin/web"}) else { unreachable!("an object") };
        let bad = Layer { services: BTreeMap::from([("web".to_owned(), web)]), ..Layer::default() };
        let error = client.add_layer("web", &bad).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot add layer `web`: Pebble answered 400: layer \"web\" must define \"override\" for service \"web\""
        );
        let services: BTreeSet<String> = client.plan().await.unwrap().services.into_keys().collect();
        assert_eq!(services, BTreeSet::new());
    })
    .await;
}

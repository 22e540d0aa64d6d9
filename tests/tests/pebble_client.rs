//! The charm's Pebble client against the bus's Pebble.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use charm::layer::Layer;
use charm::pebble::{
    CheckLevel, Combine, Exec, ExecOutput, FileOwner, FileWrite, Health, PebbleClient, PebbleError,
    Removal, ServiceAction,
};
use charm::snapshot::{FileRead, ServiceState};
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

async fn state(client: &PebbleClient) -> ServiceState {
    client.services(&words("web")).await.unwrap().remove(0).current
}

async fn read(client: &PebbleClient, path: &str) -> FileRead {
    client.read_files(&[path.to_owned()]).await.unwrap().remove(path).unwrap()
}

async fn write(client: &PebbleClient, path: &str, content: &[u8]) {
    let (path, content) = (path.to_owned(), content.to_owned());
    let file = FileWrite { path, content, mode: 0o600, owner: FileOwner::default() };
    client.write_files(vec![file]).await.unwrap();
}

async fn with_pebble(
    setup: ContainerSetup,
    below: &Path,
    test: impl AsyncFnOnce(PebbleClient, Workload),
) {
    std::fs::create_dir_all(below).unwrap();
    let socket = below.join("p.sock");
    let workload = Workload::new(setup).unwrap();
    let server = workload.serve(&socket).await.unwrap();
    test(PebbleClient::new(&socket).unwrap(), workload).await;
    server.stop().await;
}

#[tokio::test]
async fn a_container_that_is_not_up_is_told_apart() {
    let missing = PebbleClient::new(Path::new("/nonexistent/pebble.socket")).unwrap();
    let error = missing.system_info().await.unwrap_err();
    assert!(error.is_gone(), "{error}");
}

#[tokio::test]
async fn layers_make_the_plan_and_services_follow() {
    let folder = tempfile::tempdir().unwrap();
    with_pebble(ContainerSetup::default(), folder.path(), async |client, _| {
        assert!(!client.system_info().await.unwrap().boot_id.is_empty());
        client.add_layer("web", &layer("/bin/web: now"), Combine::Merge).await.unwrap();
        let plan = client.plan().await.unwrap();
        assert_eq!(plan.services["web"]["command"], "/bin/web: now");
        assert_eq!(state(&client).await, ServiceState::Inactive);
        client.change_services(ServiceAction::Replan, &[]).await.unwrap();
        assert_eq!(state(&client).await, ServiceState::Active);
        client.change_services(ServiceAction::Stop, &words("web")).await.unwrap();
        client.change_services(ServiceAction::Start, &words("web")).await.unwrap();
        client.change_services(ServiceAction::Restart, &words("web")).await.unwrap();
        let error = client.change_services(ServiceAction::Start, &words("nothing")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use Pebble's `/v1/services`: cannot start services: service \"nothing\" does not exist (400)"
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
        let error =
            client.change_services(ServiceAction::Restart, &words("web")).await.unwrap_err();
        assert!(matches!(error, PebbleError::Change { .. }), "{error}");
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
            assert_eq!(read(&client, path).await, FileRead::Missing);
            write(&client, path, &binary).await;
            assert_eq!(read(&client, path).await, FileRead::Content(binary.clone()));
            assert_eq!(workload.files()[path], binary);
            client.remove_files(&[path.to_owned()], Removal::Recursive).await.unwrap();
            client.remove_files(&[path.to_owned()], Removal::Recursive).await.unwrap();
            assert_eq!(read(&client, path).await, FileRead::Missing);
        }
        let large = vec![b'x'; 3 << 20];
        write(&client, "/large", &large).await;
        assert_eq!(read(&client, "/large").await, FileRead::Content(large));
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
        let output = client.exec(&Exec::new(words("/bin/web -version"))).await.unwrap();
        let expected = ExecOutput {
            code: 2,
            stdout: b"web, version 3\n".to_vec(),
            stderr: b"oops\n".to_vec(),
        };
        assert_eq!(output, expected);
        let error = client.exec(&Exec::new(words("/bin/none"))).await.unwrap_err();
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
        let checks = client.checks(Some(CheckLevel::Ready), &[]).await.unwrap();
        assert_eq!(
            (checks[0].name.as_str(), checks[0].status.as_str(), checks[0].failures),
            ("ready", "down", 4)
        );
        assert_eq!(client.health(None, &[]).await.unwrap(), Health::Unhealthy);
        let id = client.notify("example.com/a", &BTreeMap::new(), None).await.unwrap();
        assert_eq!(client.notify("example.com/a", &BTreeMap::new(), None).await.unwrap(), id);
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
    let client = PebbleClient::new(&far.join("p.sock")).unwrap();
    assert!(!client.system_info().await.unwrap().boot_id.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn a_rejected_layer_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    with_pebble(ContainerSetup::default(), folder.path(), async |client, _| {
        let Value::Object(web) = json!({"command": "/bin/web"}) else { unreachable!("an object") };
        let bad = Layer { services: BTreeMap::from([("web".to_owned(), web)]), ..Layer::default() };
        let error = client.add_layer("web", &bad, Combine::Merge).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot use Pebble's `/v1/layers`: layer \"web\" must define \"override\" for service \"web\" (400)"
        );
        let services: BTreeSet<String> = client.plan().await.unwrap().services.into_keys().collect();
        assert_eq!(services, BTreeSet::new());
    })
    .await;
}

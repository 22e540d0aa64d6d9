//! The charm's Pebble client, and what our charms rely on, against the daemons that Juju ships.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use charm::layer::Layer;
use charm::pebble::{
    Combine, Exec, FileOwner, FileWrite, PebbleClient, PebbleError, Removal, ServiceAction,
};
use charm::snapshot::{FileRead, ServiceState};
use serde_json::{Map, Value, json};
use tests::pebble::{Daemon, VERSIONS};

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        other => panic!("expected an object, found {other}"),
    }
}

fn service(command: &str) -> Layer {
    let web = members(json!({"override": "replace", "command": command, "startup": "enabled"}));
    Layer { services: BTreeMap::from([("web".to_owned(), web)]), ..Layer::default() }
}

async fn current(client: &PebbleClient) -> ServiceState {
    client.services(&words("web")).await.unwrap().remove(0).current
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn services_start_restart_and_say_why_they_do_not() {
    for version in VERSIONS {
        let daemon = Daemon::start(version);
        let client = PebbleClient::new(&daemon.socket()).unwrap();
        assert_eq!(client.system_info().await.unwrap().version, version);

        client.add_layer("web", &service("sleep 300"), Combine::Merge).await.unwrap();
        assert_eq!(current(&client).await, ServiceState::Inactive);
        client.change_services(ServiceAction::Replan, &[]).await.unwrap();
        assert_eq!(current(&client).await, ServiceState::Active);
        client.change_services(ServiceAction::Restart, &words("web")).await.unwrap();
        client.change_services(ServiceAction::Stop, &words("web")).await.unwrap();
        assert_eq!(current(&client).await, ServiceState::Inactive);

        client.add_layer("web", &service("sh -c 'exit 3'"), Combine::Merge).await.unwrap();
        let error =
            client.change_services(ServiceAction::Restart, &words("web")).await.unwrap_err();
        assert!(matches!(error, PebbleError::Change { .. }), "{version}: {error}");
        assert!(error.to_string().contains("exited quickly with code 3"), "{version}: {error}");
        client.change_services(ServiceAction::Stop, &words("web")).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn files_go_both_ways_whatever_they_hold() {
    for version in VERSIONS {
        let daemon = Daemon::start(version);
        let client = PebbleClient::new(&daemon.socket()).unwrap();
        let content: Vec<u8> = (0..=255).cycle().take(300_000).collect();
        let path = daemon.folder().join("a/with \"quotes\" é").display().to_string();
        let read = async || {
            client.read_files(std::slice::from_ref(&path)).await.unwrap().remove(&path).unwrap()
        };
        assert_eq!(read().await, FileRead::Missing, "{version}");
        let file = FileWrite {
            path: path.clone(),
            content: content.clone(),
            mode: 0o600,
            owner: FileOwner::default(),
        };
        client.write_files(vec![file]).await.unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), content, "{version}");
        assert_eq!(read().await, FileRead::Content(content), "{version}");
        client.remove_files(std::slice::from_ref(&path), Removal::Recursive).await.unwrap();
        assert_eq!(read().await, FileRead::Missing, "{version}");
    }
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn commands_run_to_their_end() {
    for version in VERSIONS {
        let daemon = Daemon::start(version);
        let client = PebbleClient::new(&daemon.socket()).unwrap();
        let mut exec = Exec::new(["sh", "-c", "cat; echo oops >&2; exit 7"]);
        exec.stdin = b"hello".to_vec();
        let output = client.exec(&exec).await.unwrap();
        assert_eq!(
            (output.code, output.stdout.as_slice(), output.stderr.as_slice()),
            (7, b"hello".as_slice(), b"oops\n".as_slice()),
            "{version}"
        );
        let error = client.exec(&Exec::new(["/bin/no-such-program"])).await.unwrap_err();
        assert!(error.is_missing_program(), "{version}: {error}");
    }
}

#[tokio::test]
#[ignore = "needs pebble"]
async fn a_service_that_prints_reaches_a_log_target_with_its_labels() {
    for version in VERSIONS {
        let daemon = Daemon::start(version);
        let client = PebbleClient::new(&daemon.socket()).unwrap();
        let (url, pushed) = log_store();
        let mut layer = service("sh -c 'while :; do echo a line of the workload; sleep 0.2; done'");
        layer.log_targets.insert(
            "loki/0".to_owned(),
            members(json!({
                "override": "replace", "services": ["all"], "type": "loki", "location": url,
                "labels": {"juju_unit": "tally-read/0", "product": "Juju"},
            })),
        );
        client.add_layer("web", &layer, Combine::Merge).await.unwrap();
        client.change_services(ServiceAction::Replan, &[]).await.unwrap();
        let push = pushed.recv_timeout(Duration::from_secs(5)).expect("a push within 5 s");
        let stream = &push["streams"][0];
        assert_eq!(
            stream["stream"],
            json!({"juju_unit": "tally-read/0", "pebble_service": "web", "product": "Juju"}),
            "{version}"
        );
        assert_eq!(stream["values"][0][1], "a line of the workload", "{version}");

        layer.log_targets.insert(
            "loki/0".to_owned(),
            members(json!({
                "override": "replace", "services": ["-all"], "type": "loki", "location": "(removed)",
            })),
        );
        client.add_layer("web", &layer, Combine::Merge).await.unwrap();
        // What was buffered may still arrive; then it is quiet.
        std::thread::sleep(Duration::from_millis(1500));
        while pushed.try_recv().is_ok() {}
        std::thread::sleep(Duration::from_millis(1500));
        assert!(
            pushed.try_recv().is_err(),
            "{version}: lines arrive after the target was disabled"
        );
    }
}

/// A place on loopback that takes Loki pushes, and what was pushed to it.
fn log_store() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/loki/api/v1/push", listener.local_addr().unwrap());
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let deadline = Instant::now() + Duration::from_secs(60);
        for stream in listener.incoming().flatten() {
            if Instant::now() > deadline {
                return;
            }
            let mut stream = stream;
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            while let Some(body) = request_body(&mut stream) {
                let _ = stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
                if serde_json::from_slice(&body).is_ok_and(|push: Value| sender.send(push).is_err())
                {
                    return;
                }
            }
        }
    });
    (url, receiver)
}

fn request_body(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"))?.trim();
    let mut body = vec![0; length.parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

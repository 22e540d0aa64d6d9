//! The client against a socket that plays back answers.

use std::path::PathBuf;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;

use super::*;
use crate::snapshot::FileRead;

/// Answers one connection after the other, each request on it with the next answer, and gives the
/// requests that came in.
async fn exchange<T>(
    answers: &[(&str, &str, &str)],
    ask: impl AsyncFnOnce(PebbleClient) -> T,
) -> (T, Vec<String>) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("p.sock");
    let listener = UnixListener::bind(&path).expect("bound");
    let serve = async {
        let mut requests = Vec::new();
        for (status, kind, body) in answers {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = Vec::new();
            let mut piece = [0; 4096];
            while !complete(&request) {
                let count = stream.read(&mut piece).await.expect("readable");
                request.extend_from_slice(&piece[..count]);
            }
            requests.push(String::from_utf8_lossy(&request).into_owned());
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await.expect("writable");
        }
        requests
    };
    let client = PebbleClient::new(&path).expect("a client");
    let (answer, requests) = tokio::join!(ask(client), serve);
    (answer, requests)
}

fn complete(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let header = |name: &str| {
        let value =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix(name).map(str::to_owned));
        value.map(|value| value.trim().to_owned())
    };
    match header("content-length:") {
        Some(length) => body.len() >= length.parse().unwrap_or(0),
        None => header("transfer-encoding:").is_none() || body.ends_with("0\r\n\r\n"),
    }
}

const JSON: &str = "application/json";

#[tokio::test(flavor = "current_thread")]
async fn the_plan_is_read() {
    let body = r#"{"type":"sync","status-code":200,"result":"services:\n    web:\n        override: replace\n        command: /bin/web\n"}"#;
    let (plan, requests) =
        exchange(&[("200 OK", JSON, body)], async |client| client.plan().await).await;
    let plan = plan.expect("a plan");
    assert_eq!(plan.services["web"]["command"], "/bin/web");
    assert!(requests[0].starts_with("GET /v1/plan?format=yaml HTTP/1.1\r\n"), "{requests:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_refusal_keeps_kind_and_words() {
    let body = r#"{"type":"error","status-code":400,"result":{"message":"no default services","kind":"no-default-services"}}"#;
    let (result, _) = exchange(&[("400 Bad Request", JSON, body)], async |client| {
        client.change_services(ServiceAction::Autostart, &[]).await
    })
    .await;
    let error = result.expect_err("refused");
    assert!(!error.is_gone());
    let PebbleError::Refused { code, kind, message, .. } = error else { panic!("{error}") };
    assert_eq!((code, kind.as_deref()), (400, Some("no-default-services")));
    assert_eq!(message, "no default services");
}

#[tokio::test(flavor = "current_thread")]
async fn unhealthy_is_an_answer() {
    let body = r#"{"type":"sync","status-code":502,"result":{"healthy":false}}"#;
    let (health, _) = exchange(&[("502 Bad Gateway", JSON, body)], async |client| {
        client.health(Some(CheckLevel::Alive), &[]).await
    })
    .await;
    assert_eq!(health.expect("an answer"), Health::Unhealthy);
}

#[tokio::test(flavor = "current_thread")]
async fn waiting_goes_on_after_504_and_reports_the_failure() {
    let begun = r#"{"type":"async","status-code":202,"change":"4","result":null}"#;
    let late = r#"{"type":"error","status-code":504,"result":{"message":"timed out"}}"#;
    let failed = r#"{"type":"sync","result":{"id":"4","kind":"start","summary":"Start service \"a\"",
        "status":"Error","ready":true,
        "err":"cannot perform the following tasks:\n- Start service \"a\" (exited quickly with code 3, will restart)",
        "tasks":[{"log":["INFO hello"]}]}}"#;
    let answers =
        [("202 Accepted", JSON, begun), ("504 Timeout", JSON, late), ("200 OK", JSON, failed)];
    let (result, requests) = exchange(&answers, async |client| {
        client.change_services(ServiceAction::Start, &["a".to_owned()]).await
    })
    .await;
    let error = result.expect_err("failed");
    assert_eq!(
        error.to_string(),
        "cannot start service \"a\": Start service \"a\" (exited quickly with code 3, will restart)"
    );
    assert!(requests[0].contains(r#"{"action":"start","services":["a"]}"#), "{requests:?}");
    assert!(requests[1].starts_with("GET /v1/changes/4/wait?timeout=4.000s"), "{requests:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn files_are_read_and_written_as_multipart() {
    let read = "--bb\r\nContent-Disposition: form-data; name=\"files\"; filename=\"/a\"\r\n\r\nhello\r\n\
        --bb\r\nContent-Disposition: form-data; name=\"response\"\r\n\r\n\
        {\"type\":\"sync\",\"result\":[{\"path\":\"/a\"},{\"path\":\"/b\",\"error\":{\"kind\":\"not-found\",\"message\":\"stat /b\"}}]}\r\n--bb--\r\n";
    let answers = [("200 OK", "multipart/form-data; boundary=bb", read)];
    let (files, requests) = exchange(&answers, async |client| {
        client.read_files(&["/a".to_owned(), "/b".to_owned()]).await
    })
    .await;
    let files = files.expect("read");
    assert_eq!(files["/a"], FileRead::Content(b"hello".to_vec()));
    assert_eq!(files["/b"], FileRead::Missing);
    assert!(requests[0].contains("accept: multipart/form-data\r\n"), "{requests:?}");

    let refused = r#"{"type":"sync","result":[{"path":"/x","error":{"message":"open /x: permission denied","kind":"permission-denied"}}]}"#;
    let write = FileWrite {
        path: "/x y".to_owned(),
        content: b"content".to_vec(),
        mode: 0o600,
        owner: FileOwner::default(),
    };
    let (result, requests) = exchange(&[("200 OK", JSON, refused)], async |client| {
        client.write_files(vec![write]).await
    })
    .await;
    assert_eq!(
        result.expect_err("refused").to_string(),
        "cannot write `/x` in the container: open /x: permission denied"
    );
    assert!(requests[0].contains(r#""path":"/x y","make-dirs":true,"permissions":"600""#));
    assert!(requests[0].contains(r#"name="files"; filename="/x y""#), "{requests:?}");
}

#[tokio::test(flavor = "current_thread")]
async fn nobody_at_the_socket_is_a_state() {
    let client = PebbleClient::new(&PathBuf::from("/nonexistent/pebble.socket")).expect("a client");
    assert!(client.system_info().await.expect_err("nobody").is_gone());
}

#[tokio::test(flavor = "current_thread")]
async fn long_paths_are_reached_through_their_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let deep = folder.path().join("d".repeat(120));
    std::fs::create_dir_all(&deep).expect("created");
    let short = folder.path().join("s.sock");
    let listener = UnixListener::bind(&short).expect("bound");
    std::os::unix::fs::symlink(&short, deep.join("pebble.socket")).expect("linked");
    let client = PebbleClient::new(&deep.join("pebble.socket")).expect("a client");
    let body = r#"{"type":"sync","result":{"version":"v1.26.0","boot-id":"x"}}"#;
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let serve = async {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let _ = stream.read(&mut [0; 4096]).await.expect("readable");
        stream.write_all(answer.as_bytes()).await.expect("writable");
        stream
    };
    let (info, _stream) = tokio::join!(client.system_info(), serve);
    assert_eq!(info.expect("an answer").version, "v1.26.0");
}

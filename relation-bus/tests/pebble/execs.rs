//! Commands and their websockets.

use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use relation_bus::pebble::{ContainerSetup, ExecAnswer};
use serde_json::{Value, json};
use tokio::net::UnixStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::target::{Expected, Target, bad};

crate::cases!(
    streams_are_kept_apart,
    output_arrives_whole,
    a_service_lends_its_context,
    commands_are_signalled_and_killed,
    commands_time_out,
    requests_that_cannot_be_run,
    websockets_that_are_not_there,
    streams_must_come_in_time,
);

type Socket = WebSocketStream<UnixStream>;

async fn connect(target: &Target, task: &str, stream: &str) -> Result<Socket, tungstenite::Error> {
    let unix = UnixStream::connect(target.socket()).await.unwrap();
    let url = format!("ws://localhost/v1/tasks/{task}/websocket/{stream}");
    tokio_tungstenite::client_async(url, unix).await.map(|(socket, _)| socket)
}

/// A command that was begun.
struct Exec {
    change: String,
    task: String,
    answer: Value,
}

async fn begin(target: &Target, request: Value) -> Exec {
    let (status, answer) = target.send("POST /v1/exec", request.to_string()).await;
    assert_eq!((status, answer["type"].as_str()), (202, Some("async")), "{answer}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Exec {
        change: text(&answer["change"]),
        task: text(&answer["result"]["task-id"]),
        answer: answer["result"].clone(),
    }
}

// All that comes until the end of the stream.
async fn drain(socket: &mut Socket) -> String {
    let mut output = Vec::new();
    loop {
        match tokio::time::timeout(Duration::from_secs(10), socket.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap()
        {
            Message::Binary(data) => output.extend_from_slice(&data),
            Message::Text(text) => {
                assert_eq!(
                    serde_json::from_str::<Value>(&text).unwrap(),
                    json!({"command": "end"})
                );
                return String::from_utf8(output).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

fn exit_code(change: &Value) -> i64 {
    change["tasks"][0]["data"]["exit-code"].as_i64().unwrap()
}

async fn streams_are_kept_apart(target: Target) {
    let exec = begin(
        &target,
        json!({"command": ["sh", "-c", "cat; echo err >&2; exit 5"], "split-stderr": true, "timeout": null,
               "user-id": null, "user": null, "group-id": null, "group": null, "working-dir": null,
               "service-context": null, "environment": {}}),
    )
    .await;
    let mut control = connect(&target, &exec.task, "control").await.unwrap();
    let mut stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    let mut stderr = connect(&target, &exec.task, "stderr").await.unwrap();
    stdio.send(Message::Binary(b"hello in\n".to_vec().into())).await.unwrap();
    stdio.send(Message::Text("{\"command\":\"end\"}".into())).await.unwrap();
    assert_eq!(drain(&mut stdio).await, "hello in\n");
    assert_eq!(drain(&mut stderr).await, "err\n");
    let change = target.wait(&exec.change).await;
    assert_eq!(
        (
            change["kind"].as_str(),
            change["summary"].as_str(),
            change["status"].as_str(),
            change.get("err")
        ),
        (Some("exec"), Some("Execute command \"sh\""), Some("Done"), None)
    );
    assert_eq!(exit_code(&change), 5);
    let cut = tokio::time::timeout(Duration::from_secs(5), control.next()).await.unwrap();
    assert!(matches!(cut, None | Some(Err(_))), "{cut:?}");
    // The other streams stay open.
    assert!(tokio::time::timeout(Duration::from_millis(100), stdio.next()).await.is_err());
}

async fn output_arrives_whole(target: Target) {
    let command = json!(["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x"]);
    let exec = begin(&target, json!({"command": command})).await;
    let mut stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    assert_eq!(drain(&mut stdio).await.len(), 300_000);
    assert_eq!(exit_code(&target.wait(&exec.change).await), 0);
}

async fn a_service_lends_its_context(target: Target) {
    target
        .layer(
            "l",
            "services: {ctx: {override: replace, command: sleep 300, environment: {FOO: bar, BAZ: q}, working-dir: /usr}}",
        )
        .await;
    let command = json!(["sh", "-c", "echo $FOO $BAZ $PWD; echo e >&2"]);
    let exec = begin(
        &target,
        json!({"command": command, "service-context": "ctx", "environment": {"BAZ": "z"}}),
    )
    .await;
    assert_eq!(
        (exec.answer["working-dir"].as_str(), exec.answer["environment"]["FOO"].as_str()),
        (Some("/usr"), Some("bar"))
    );
    let refused = format!("GET /v1/tasks/{}/websocket/stderr", exec.task);
    let (status, answer) = target.send(&refused, "").await;
    assert_eq!(
        (status, answer["result"]["message"].clone()),
        (404, json!(format!("cannot find stderr websocket for task \"{}\"", exec.task)))
    );
    let mut stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    assert_eq!(drain(&mut stdio).await, "bar z /usr\ne\n");
    assert_eq!(exit_code(&target.wait(&exec.change).await), 0);
}

async fn commands_are_signalled_and_killed(target: Target) {
    let exec = begin(&target, json!({"command": ["sleep", "100"]})).await;
    let mut control = connect(&target, &exec.task, "control").await.unwrap();
    let _stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    control
        .send(Message::Text("{\"command\":\"signal\",\"signal\":{\"name\":\"SIGTERM\"}}".into()))
        .await
        .unwrap();
    let change = target.wait(&exec.change).await;
    assert_eq!((change["status"].as_str(), exit_code(&change)), (Some("Done"), 143));

    let exec = begin(&target, json!({"command": ["sleep", "100"]})).await;
    let control = connect(&target, &exec.task, "control").await.unwrap();
    let _stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    drop(control);
    let change = target.wait(&exec.change).await;
    assert_eq!((change["status"].as_str(), exit_code(&change)), (Some("Done"), 137));
}

async fn commands_time_out(target: Target) {
    let exec = begin(&target, json!({"command": ["sleep", "100"], "timeout": "0.5s"})).await;
    let mut stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    assert_eq!(drain(&mut stdio).await, "");
    let change = target.wait(&exec.change).await;
    assert!(
        change["err"]
            .as_str()
            .unwrap()
            .ends_with("(timed out after 500ms: context deadline exceeded)"),
        "{change}"
    );
    assert_eq!(exit_code(&change), -1);
}

async fn requests_that_cannot_be_run(target: Target) {
    let cases: [(&str, Expected); 7] = [
        (r#"{"command":[]}"#, bad("must specify command")),
        (r#"{"command":["/no/such"]}"#, bad("cannot find executable \"/no/such\"")),
        (
            r#"{"command":["pwd"],"service-context":"nosuch"}"#,
            bad("context service \"nosuch\" not found"),
        ),
        (r#"{"command":["pwd"],"timeout":"5"}"#, bad("invalid timeout: …")),
        (r#"{"command":["pwd"],"user":"nosuch"}"#, bad("user: unknown user nosuch")),
        (
            r#"{"command":["pwd"],"working-dir":"/nosuch"}"#,
            Expected::Error(
                500,
                "cannot call exec: working directory \"/nosuch\" does not exist",
                None,
            ),
        ),
        (
            r#"{"command":["pwd"],"interactive":true}"#,
            Expected::Error(
                500,
                "cannot call exec: cannot use interactive mode without a terminal",
                None,
            ),
        ),
    ];
    for (body, expected) in cases {
        target.check("POST /v1/exec", body, expected).await;
    }
}

async fn websockets_that_are_not_there(target: Target) {
    let refused = |error: tungstenite::Error| match error {
        tungstenite::Error::Http(response) => {
            let body = response.body().clone().unwrap_or_default();
            let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
            (
                response.status().as_u16(),
                answer["result"]["message"].as_str().unwrap_or_default().to_owned(),
            )
        }
        other => panic!("{other}"),
    };
    let error = connect(&target, "999", "stdio").await.unwrap_err();
    assert_eq!(refused(error), (404, "cannot find task \"999\"".to_owned()));
    target.layer("l", "services: {web: {override: replace, command: sleep 300}}").await;
    let change = target.run("start", &["web"]).await;
    let error =
        connect(&target, change["tasks"][0]["id"].as_str().unwrap(), "stdio").await.unwrap_err();
    assert_eq!(refused(error), (400, "\"start\" tasks do not have websockets".to_owned()));
    let exec = begin(&target, json!({"command": ["sleep", "0.5"]})).await;
    let _stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    let error = connect(&target, &exec.task, "stdio").await.unwrap_err();
    assert_eq!(refused(error), (500, "stdio websocket already connected".to_owned()));
    target.wait(&exec.change).await;
    let error = connect(&target, &exec.task, "stdio").await.unwrap_err();
    assert_eq!(refused(error), (200, String::new()));
}

async fn streams_must_come_in_time(target: Target) {
    let began = Instant::now();
    let exec = begin(&target, json!({"command": ["true"]})).await;
    let change = target.wait(&exec.change).await;
    assert!(began.elapsed() >= Duration::from_secs(5));
    let reason = format!(
        "(exec {}: timeout waiting for websocket connections: context deadline exceeded)",
        exec.task
    );
    assert!(change["err"].as_str().unwrap().ends_with(&reason), "{change}");
}

#[tokio::test]
async fn declared_commands_answer_by_their_beginning() {
    let answer = ExecAnswer {
        command: vec!["loki".to_owned(), "-version".to_owned()],
        return_code: 2,
        stdout: "3.0\n".to_owned(),
        stderr: "oops\n".to_owned(),
    };
    let target =
        Target::with_setup(ContainerSetup { execs: vec![answer], ..ContainerSetup::default() })
            .await;
    target
        .check("POST /v1/exec", r#"{"command":["loki"]}"#, bad("cannot find executable \"loki\""))
        .await;
    let command = json!(["loki", "-version", "-long"]);
    let exec = begin(&target, json!({"command": command, "split-stderr": true})).await;
    let mut stdio = connect(&target, &exec.task, "stdio").await.unwrap();
    let mut stderr = connect(&target, &exec.task, "stderr").await.unwrap();
    assert_eq!(
        (drain(&mut stdio).await.as_str(), drain(&mut stderr).await.as_str()),
        ("3.0\n", "oops\n")
    );
    assert_eq!(exit_code(&target.wait(&exec.change).await), 2);
    let journal: Vec<Value> =
        target.workload.as_ref().unwrap().journal().iter().map(|action| action.to_json()).collect();
    assert_eq!(journal, [json!(["exec", ["loki", "-version", "-long"]])]);
}

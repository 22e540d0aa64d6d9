use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::snapshot::Snapshot;

fn traced() -> (Trace, Option<String>) {
    let snapshot = Snapshot::for_test("tempo/0").charm("tempo-k8s").build();
    let trace = Trace::begin(&snapshot.identity, &snapshot.metadata);
    let subscriber = tracing_subscriber::registry().with(trace.layer());
    let context = tracing::subscriber::with_default(subscriber, || {
        tracing::info_span!("dispatch").in_scope(|| {
            tracing::info_span!("snapshot").in_scope(|| {});
            traceparent()
        })
    });
    (trace, context)
}

fn played(folder: &Path) -> HostRoot {
    let root = HostRoot::of_charm_dir(&folder.join("var/lib/juju/agents/unit-tempo-0/charm"));
    std::fs::create_dir_all(folder.join("etc")).expect("created");
    std::fs::write(folder.join("etc/hosts"), "127.0.0.1 tempo.example\n").expect("written");
    root
}

#[test]
fn requests_carry_the_dispatch_as_their_context() {
    let (trace, context) = traced();
    let context = context.expect("a context");
    assert!(context.starts_with(&format!("00-{}-", trace.id())), "{context}");
    assert_eq!(context.len(), 55);
    assert_eq!(traceparent(), None);
}

#[tokio::test(flavor = "current_thread")]
async fn traces_wait_and_are_sent_later_by_the_hosts_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = played(folder.path());
    traced().0.end(None, &root, folder.path()).await;
    assert!(folder.path().join(".traces.otlp").exists());

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let serve = async {
        let mut bodies = Vec::new();
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut request = Vec::new();
        while bodies.len() < 2 {
            let mut piece = [0; 4096];
            let count = stream.read(&mut piece).await.expect("readable");
            request.extend_from_slice(&piece[..count]);
            let text = String::from_utf8_lossy(&request).into_owned();
            let Some((head, _)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.and_then(|text| text.parse().ok()).expect("a length");
            let end = head.len() + 4 + length;
            if request.len() >= end {
                bodies.push(String::from_utf8_lossy(&request[..end]).into_owned());
                request.drain(..end);
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer).await.expect("writable");
            }
        }
        bodies
    };
    let url = format!("http://tempo.example:{port}/v1/traces");
    let destination = TraceDestination { url, ca: None };
    let (trace, _) = traced();
    let (bodies, ()) = tokio::join!(serve, trace.end(Some(&destination), &root, folder.path()));
    for body in bodies {
        assert!(body.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{body}");
        for word in ["dispatch", "snapshot", "tempo-k8s-charm", "juju_unit", "tempo/0"] {
            assert!(body.contains(word), "{word}");
        }
    }
    assert!(!folder.path().join(".traces.otlp").exists());
}

#[tokio::test(flavor = "current_thread")]
async fn a_dead_receiver_costs_less_than_a_second() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = played(folder.path());
    // It accepts and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("http://tempo.example:{port}/v1/traces");
    let begun = std::time::Instant::now();
    let destination = TraceDestination { url, ca: None };
    traced().0.end(Some(&destination), &root, folder.path()).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(1));
    assert!(folder.path().join(".traces.otlp").exists());

    let nowhere = TraceDestination { url: "http://elsewhere.example/".to_owned(), ca: None };
    traced().0.end(Some(&nowhere), &root, folder.path()).await;
}

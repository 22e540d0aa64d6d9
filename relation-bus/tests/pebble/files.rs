//! The files API.

use reqwest::Method;
use serde_json::{Value, json};

use crate::target::{Expected, Target, bad, sync};

crate::cases!(
    files_are_written_and_read,
    problems_of_single_files_stand_in_one_answer,
    several_files_are_read_at_once,
    malformed_requests,
    folders_are_listed,
    folders_are_made,
    paths_are_removed,
);

const BOUNDARY: &str = "0123456789abcdef0123456789abcdef";

fn multipart(parts: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, filename, content) in parts {
        let filename = filename.replace('"', "\\\"");
        let filename =
            if filename.is_empty() { String::new() } else { format!("; filename=\"{filename}\"") };
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n\r\n"
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

async fn post(target: &Target, content_type: &str, body: Vec<u8>) -> (u16, Value) {
    let request =
        target.request(Method::POST, "/v1/files").header("Content-Type", content_type).body(body);
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn write(target: &Target, entries: Value, contents: &[(&str, &[u8])]) -> Value {
    let metadata = json!({"action": "write", "files": entries}).to_string();
    let mut parts = vec![("request", "", metadata.as_bytes())];
    parts.extend(contents.iter().map(|(path, content)| ("files", *path, *content)));
    let content_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let (status, answer) = post(target, &content_type, multipart(&parts)).await;
    assert_eq!(status, 200, "{answer}");
    answer["result"].clone()
}

// The raw parts of a read: body after the head of each, with the head.
async fn read(target: &Target, query: &str) -> Vec<(String, Vec<u8>)> {
    let request = target.request(Method::GET, &format!("/v1/files?action=read&{query}"));
    let response = request.header("Accept", "multipart/form-data").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap().to_owned();
    let body = response.bytes().await.unwrap();
    let delimiter = format!("--{boundary}");
    let find = |text: &[u8], wanted: &[u8]| text.windows(wanted.len()).position(|at| at == wanted);
    let mut parts = Vec::new();
    let mut rest = &body[delimiter.len()..];
    while let Some(head_end) = find(rest, b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..head_end]).into_owned();
        let end = find(rest, format!("\r\n{delimiter}").as_bytes()).unwrap();
        parts.push((head, rest[head_end + 4..end].to_vec()));
        rest = &rest[end + 2 + delimiter.len()..];
    }
    parts
}

async fn files_are_written_and_read(target: Target) {
    let large = vec![b'x'; 1 << 20];
    let contents: [(&str, &[u8]); 6] = [
        ("$D/sub/x.txt", b"hello"),
        ("$D/sub/crlf", b"a\r\n--b\r\n\r\nc"),
        ("$D/sub/binary", &[0, 255, 13, 10, 0]),
        ("$D/sub/empty", b""),
        ("$D/sub/large", &large),
        ("$D/sub/a \"b\" \u{e9}.txt", b"name"),
    ];
    for (path, content) in contents {
        let path = target.at(path);
        let entry = json!([{"path": path, "make-dirs": true, "permissions": "640"}]);
        assert_eq!(write(&target, entry, &[(&path, content)]).await, json!([{"path": path}]));
        let query = reqwest::Url::parse_with_params("http://x/", [("path", &path)]).unwrap();
        let parts = read(&target, query.query().unwrap()).await;
        assert_eq!(parts[0].1, content, "{path}");
    }
    let (_, listed) = target.send("GET /v1/files?action=list&path=$D/sub/x.txt", "").await;
    assert_eq!(listed["result"][0]["permissions"], "640");
    let (_, listed) = target.send("GET /v1/files?action=list&path=$D/sub&itself=true", "").await;
    assert_eq!(listed["result"][0]["permissions"], "755");
    let plain = target.at("$D/plain");
    write(&target, json!([{"path": plain}]), &[(&plain, b"x")]).await;
    let (_, listed) = target.send("GET /v1/files?action=list&path=$D/plain", "").await;
    assert_eq!(listed["result"][0]["permissions"], "644");
}

async fn problems_of_single_files_stand_in_one_answer(target: Target) {
    let entries = [
        (json!({"path": "$D/nodir/a"}), "not-found", "open …: no such file or directory"),
        (
            json!({"path": "$D/z", "permissions": "0600"}),
            "generic-file-error",
            "permissions must be a 3-digit octal string, got \"0600\"",
        ),
        (json!({"path": "rel/x"}), "generic-file-error", "paths must be absolute, got \"rel/x\""),
        (
            json!({"path": "$D/u", "user": "nosuchuser"}),
            "generic-file-error",
            "cannot look up user and group: user: unknown user nosuchuser",
        ),
        (
            json!({"path": "$D/g", "group-id": 1}),
            "generic-file-error",
            "cannot look up user and group: must specify user, not just group",
        ),
        (
            json!({"path": "$D/nocontent"}),
            "generic-file-error",
            "no file content for path \"$D/nocontent\"",
        ),
        (json!({"path": "$D/ok.txt"}), "", ""),
    ];
    let mut asked = Vec::new();
    let mut wanted = Vec::new();
    for (entry, kind, message) in entries {
        let entry: Value = serde_json::from_str(&target.at(&entry.to_string())).unwrap();
        let path = entry["path"].clone();
        wanted.push(if kind.is_empty() {
            json!({"path": path})
        } else {
            json!({"path": path, "error": {"message": message, "kind": kind}})
        });
        asked.push(entry);
    }
    let paths: Vec<String> =
        asked.iter().map(|entry| entry["path"].as_str().unwrap().to_owned()).collect();
    let with_content = paths.iter().filter(|path| !path.ends_with("nocontent"));
    let contents: Vec<(&str, &[u8])> =
        with_content.map(|path| (path.as_str(), b"content".as_slice())).collect();
    let result = write(&target, asked.into(), &contents).await;
    target.compare(&wanted.into(), &result, "write");
}

async fn several_files_are_read_at_once(target: Target) {
    let path = target.at("$D/x.txt");
    write(&target, json!([{"path": path}]), &[(&path, b"hello")]).await;
    let parts = read(&target, "path=$D/x.txt&path=$D/nosuch&path=$D&path=rel").await;
    assert_eq!(parts.len(), 2);
    assert!(
        parts[0].0.contains("name=\"files\"")
            && parts[0].0.contains(&format!("filename=\"{path}\"")),
        "{parts:?}"
    );
    assert_eq!(parts[0].1, b"hello");
    assert!(parts[1].0.contains("name=\"response\""));
    let response: Value = serde_json::from_slice(&parts[1].1).unwrap();
    let error = |message: &str, kind: &str| json!({"message": message, "kind": kind});
    let wanted = json!({"type": "sync", "status-code": 200, "status": "OK", "result": [
        {"path": "$D/x.txt"},
        {"path": "$D/nosuch", "error": error("stat $D/nosuch: no such file or directory", "not-found")},
        {"path": "$D", "error": error("can only read a regular file: \"$D\"", "generic-file-error")},
        {"path": "rel", "error": error("paths must be absolute, got \"rel\"", "generic-file-error")},
    ]});
    target.compare(&wanted, &response, "read");
}

async fn malformed_requests(target: Target) {
    target
        .check("GET /v1/files?action=read&path=/x", "", bad("must accept multipart/form-data"))
        .await;
    target.check("GET /v1/files?action=zap", "", bad("invalid action \"zap\"")).await;
    target.check("GET /v1/files", "", bad("invalid action \"\"")).await;
    let request = target
        .request(Method::GET, "/v1/files?action=read")
        .header("Accept", "multipart/form-data");
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["result"]["message"], "must specify one or more paths");
    target
        .check(
            "POST /v1/files",
            "{\"action\":\"write\"}",
            bad("must use multipart with \"write\" action"),
        )
        .await;
    target.check("POST /v1/files", "{\"action\":\"zap\"}", bad("invalid action \"zap\"")).await;

    let multipart_type = format!("multipart/form-data; boundary={BOUNDARY}");
    let one = br#"{"action":"write","files":[{"path":"/tmp/a"}]}"#.as_slice();
    let cases: [(&str, Vec<u8>, &str); 7] = [
        ("multipart/form-data; boundary=short", Vec::new(), "invalid boundary \"short\""),
        (
            &multipart_type,
            multipart(&[("other", "", one)]),
            "metadata field name must be \"request\", got \"other\"",
        ),
        (
            &multipart_type,
            multipart(&[("request", "", br#"{"action":"read"}"#)]),
            "multipart action must be \"write\", got \"read\"",
        ),
        (
            &multipart_type,
            multipart(&[("request", "", br#"{"action":"write","files":[]}"#)]),
            "must specify one or more files",
        ),
        (
            &multipart_type,
            multipart(&[("request", "", one), ("file", "/tmp/a", b"x")]),
            "field name must be \"files\", got \"file\"",
        ),
        (
            &multipart_type,
            multipart(&[("request", "", one), ("files", "/tmp/other", b"x")]),
            "no metadata for path \"/tmp/other\"",
        ),
        ("text/plain", Vec::new(), "invalid media type \"text/plain\""),
    ];
    for (content_type, body, message) in cases {
        let (status, answer) = post(&target, content_type, body).await;
        assert_eq!((status, answer["result"]["message"].as_str()), (400, Some(message)));
    }
}

async fn folders_are_listed(target: Target) {
    let path = target.at("$D/ok.txt");
    write(&target, json!([{"path": path}]), &[(&path, b"hello")]).await;
    target
        .send("POST /v1/files", target.at(r#"{"action":"make-dirs","dirs":[{"path":"$D/a"}]}"#))
        .await;
    let (_, listed) = target.send("GET /v1/files?action=list&path=$D", "").await;
    let entries = listed["result"].as_array().unwrap();
    let names: Vec<_> = entries.iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a", "ok.txt"]);
    let (folder, file) = (&entries[0], &entries[1]);
    assert_eq!((folder["type"].as_str(), folder.get("size")), (Some("directory"), None));
    assert_eq!((file["type"].as_str(), file["size"].as_u64()), (Some("file"), Some(5)));
    assert_eq!(file["path"], path);
    assert!(
        file["last-modified"].is_string() && file["user-id"].is_u64() && file["user"].is_string()
    );
    for (query, wanted) in
        [("&pattern=*.txt", 1), ("&pattern=z*", 0), ("&itself=true", 1), ("/ok.txt", 1)]
    {
        let (_, listed) =
            target.send(&format!("GET /v1/files?action=list&path=$D{query}"), "").await;
        assert_eq!(listed["result"].as_array().unwrap().len(), wanted, "{query}");
    }
    let refused: [(&str, Expected); 5] = [
        (
            "&path=$D&pattern=[",
            Expected::Error(400, "syntax error in pattern", Some("generic-file-error")),
        ),
        (
            "&path=$D/nosuch",
            Expected::Error(404, "stat $D/nosuch: no such file or directory", Some("not-found")),
        ),
        ("&path=rel", bad("path must be absolute, got \"rel\"")),
        ("", bad("must specify path")),
        ("&path=$D&itself=yes", bad("itself parameter must be \"true\" or \"false\"")),
    ];
    for (query, expected) in refused {
        target.check(&format!("GET /v1/files?action=list{query}"), "", expected).await;
    }
}

async fn folders_are_made(target: Target) {
    let path = target.at("$D/ok.txt");
    write(&target, json!([{"path": path}]), &[(&path, b"hello")]).await;
    let generic = |message: &str| json!({"message": message, "kind": "generic-file-error"});
    let cases = [
        (json!({"path": "$D/d1"}), Value::Null),
        (json!({"path": "$D/d1"}), generic("mkdir $D/d1: file exists")),
        (json!({"path": "$D/d1", "make-parents": true}), Value::Null),
        (
            json!({"path": "$D/p/q/r"}),
            json!({"message": "mkdir …: no such file or directory", "kind": "not-found"}),
        ),
        (json!({"path": "$D/p/q/r", "make-parents": true, "permissions": "750"}), Value::Null),
        (json!({"path": "rel"}), generic("paths must be absolute, got \"rel\"")),
        (
            json!({"path": "$D/ok.txt", "make-parents": true}),
            generic("mkdir $D/ok.txt: not a directory"),
        ),
        (
            json!({"path": "$D/b", "permissions": "9"}),
            generic("permissions must be a 3-digit octal string, got \"9\""),
        ),
    ];
    let dirs: Vec<&Value> = cases.iter().map(|(entry, _)| entry).collect();
    let wanted = cases.iter().map(|(entry, error)| {
        let path = entry["path"].clone();
        if error.is_null() { json!({"path": path}) } else { json!({"path": path, "error": error}) }
    });
    let body = json!({"action": "make-dirs", "dirs": dirs}).to_string();
    target.check("POST /v1/files", &body, sync(wanted.collect())).await;
    let (_, listed) = target.send("GET /v1/files?action=list&path=$D/p&itself=true", "").await;
    assert_eq!(listed["result"][0]["permissions"], "750");
    target.check("POST /v1/files", "{\"action\":\"make-dirs\"}", sync(json!([]))).await;
}

async fn paths_are_removed(target: Target) {
    let dirs =
        r#"{"action":"make-dirs","dirs":[{"path":"$D/d1"},{"path":"$D/p/q","make-parents":true}]}"#;
    target.send("POST /v1/files", target.at(dirs)).await;
    let paths = r#"{"action":"remove","paths":[{"path":"$D/d1"},{"path":"$D/d1"},{"path":"$D/d1","recursive":true},
        {"path":"$D/p"},{"path":"$D/p","recursive":true},{"path":"rel"}]}"#;
    let error = |message: &str, kind: &str| json!({"message": message, "kind": kind});
    let wanted = json!([
        {"path": "$D/d1"},
        {"path": "$D/d1", "error": error("remove $D/d1: no such file or directory", "not-found")},
        {"path": "$D/d1"},
        {"path": "$D/p", "error": error("remove $D/p: directory not empty", "generic-file-error")},
        {"path": "$D/p"},
        {"path": "rel", "error": error("paths must be absolute, got \"rel\"", "generic-file-error")},
    ]);
    target.check("POST /v1/files", paths, sync(wanted)).await;
}

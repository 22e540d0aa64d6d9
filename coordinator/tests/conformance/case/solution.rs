//! The configuration of a case in the form of `solution.yaml` (JSON is YAML).

use serde_json::{Map, Value, json};

/// The solution of a case.
pub(crate) fn of_case(recorded: &Value) -> Value {
    let mut solution = Map::new();
    for (key, value) in recorded.as_object().expect("an object") {
        let (key, value) = match (key.as_str(), value) {
            ("coherence_override", Value::Bool(answer)) => {
                ("coherence", json!(if *answer { "always" } else { "never" }))
            }
            (_, Value::Null) => continue,
            ("external_url" | "workers_config", text) => (key.as_str(), verbatim(text)),
            ("worker_ports", ports) => (key.as_str(), json!({"by_role_text": ports})),
            ("remote_write_endpoints", urls) => {
                let urls = urls.as_array().expect("a list").iter();
                let urls: Vec<Value> =
                    urls.map(|entry| json!({"url": verbatim(&entry["url"])})).collect();
                (key.as_str(), json!({"fixed": urls}))
            }
            ("catalogue_item", item) => (key.as_str(), catalogue(item)),
            ("nginx", nginx) => {
                let mut nginx = nginx.clone();
                nginx["server_name"] = verbatim(&nginx["server_name"]);
                (key.as_str(), nginx)
            }
            (key, value) => (key, value.clone()),
        };
        solution.insert(key.to_owned(), value);
    }
    solution.insert("label_matcher_injection".to_owned(), json!("off"));
    Value::Object(solution)
}

fn catalogue(item: &Value) -> Value {
    let mut item = item.clone();
    for (key, value) in item.as_object_mut().into_iter().flatten() {
        *value = match &*value {
            Value::Object(entries) if key == "api_endpoints" => {
                entries.iter().map(|(name, url)| (name.clone(), verbatim(url))).collect()
            }
            Value::Null => Value::Null,
            text => verbatim(text),
        };
    }
    item
}

fn verbatim(text: &Value) -> Value {
    json!({"verbatim": text})
}

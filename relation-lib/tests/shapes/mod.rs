//! What the structured values of databags look like, as JSON Schema.

use relation_lib::interface::Side;
use serde_json::{Map, Value, json};

fn of_type(name: &str) -> Value {
    json!({ "type": name })
}

fn text() -> Value {
    of_type("string")
}

fn truth() -> Value {
    of_type("boolean")
}

fn port() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": 65535 })
}

fn url() -> Value {
    json!({ "type": "string", "format": "uri" })
}

fn list(items: Value) -> Value {
    json!({ "type": "array", "items": items })
}

/// An object of any names.
fn map(values: Value) -> Value {
    json!({ "type": "object", "additionalProperties": values })
}

fn or_null(mut schema: Value) -> Value {
    let name = schema["type"].take();
    schema["type"] = json!([name, "null"]);
    schema
}

/// An object of known members; a required one has an exclamation mark.
fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let required: Vec<&str> =
        members.iter().filter_map(|(name, _)| name.strip_suffix('!')).collect();
    let properties: Map<String, Value> = members
        .iter()
        .map(|(name, schema)| (name.trim_end_matches('!').to_owned(), schema.clone()))
        .collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

fn alert_rules() -> Value {
    let rule = object([
        ("alert", text()),
        ("record", text()),
        ("expr!", text()),
        ("for", text()),
        ("labels", of_type("object")),
        ("annotations", of_type("object")),
    ]);
    let group = object([("name!", text()), ("rules!", list(rule))]);
    object([("groups", list(group))])
}

fn feedback() -> Value {
    object([("errors", text()), ("scrape_job_errors", text()), ("valid", truth())])
}

fn topology() -> Value {
    object([
        ("model!", text()),
        ("model_uuid!", text()),
        ("application!", text()),
        ("unit", text()),
        ("charm_name", text()),
    ])
}

fn scrape_job() -> Value {
    let config = object([("targets", list(text())), ("labels", map(text()))]);
    object([
        ("job_name", text()),
        ("metrics_path", text()),
        ("scheme", text()),
        ("static_configs", list(config)),
        ("relabel_configs", list(of_type("object"))),
        ("metric_relabel_configs", list(of_type("object"))),
    ])
}

fn dashboards() -> Value {
    let template = object([
        ("charm", text()),
        (
            "content!",
            json!({ "type": "string", "description": "The dashboard, xz-compressed.", "contentEncoding": "base64" }),
        ),
        ("juju_topology", of_type("object")),
        ("inject_dropdowns", truth()),
        ("dashboard_alt_uid", text()),
    ]);
    object([("templates!", map(template)), ("uuid", text())])
}

fn api_urls() -> Value {
    object([("direct_url!", url()), ("ingress_url", url())])
}

fn issued() -> Value {
    list(object([
        ("ca!", text()),
        ("certificate_signing_request!", text()),
        ("certificate!", text()),
        ("chain", list(text())),
        ("revoked", truth()),
    ]))
}

fn refused() -> Value {
    let details = object([
        ("code!", of_type("integer")),
        ("name!", text()),
        ("message!", text()),
        ("reason", text()),
        ("provider", text()),
        ("endpoint", text()),
    ]);
    list(object([("csr!", text()), ("error!", details)]))
}

fn capabilities() -> Value {
    object([
        ("supports_ip_sans", truth()),
        ("supports_wildcard_dns", truth()),
        ("supports_subdomain", truth()),
        ("supports_ca_certificates", truth()),
        ("allowed_domains", list(text())),
        ("provider_type", text()),
    ])
}

fn policies() -> Value {
    let endpoint = object([
        ("hosts", or_null(list(text()))),
        ("ports", or_null(list(port()))),
        ("methods", or_null(list(text()))),
        ("paths", or_null(list(text()))),
    ]);
    list(object([
        ("source_namespace!", text()),
        ("source_app_name!", text()),
        ("target_namespace!", text()),
        ("target_app_name", or_null(text())),
        ("target_selector_labels", or_null(map(text()))),
        ("target_service", or_null(text())),
        ("target_type!", text()),
        ("endpoints!", list(endpoint)),
    ]))
}

fn istio_config() -> Value {
    let routes = || list(object([("name!", text())]));
    let listener = object([("port!", port()), ("protocol!", text())]);
    object([
        ("model!", text()),
        ("listeners!", list(listener)),
        ("http_routes!", routes()),
        ("grpc_routes!", routes()),
    ])
}

fn source() -> Value {
    object([
        ("model!", text()),
        ("model_uuid!", text()),
        ("application!", text()),
        ("type!", text()),
        ("extra_fields", or_null(of_type("object"))),
        ("secure_extra_fields", or_null(of_type("object"))),
    ])
}

fn receivers() -> Value {
    let protocol = object([("name!", text()), ("type!", text())]);
    list(object([("protocol!", protocol), ("url!", text())]))
}

/// The shape of a key that is no plain text.
pub(crate) fn of(interface: &str, side: Side, key: &str) -> Option<Value> {
    Some(match (interface, key) {
        (_, "event") if interface == "grafana_dashboard" => {
            object([("errors", list(object([("dashboard_id", text()), ("error", text())])))])
        }
        (_, "event") => feedback(),
        (_, "alert_rules") => alert_rules(),
        (_, "metadata" | "scrape_metadata") => topology(),
        (
            "cluster",
            "loki_endpoints"
            | "charm_tracing_receivers"
            | "workload_tracing_receivers"
            | "worker_labels",
        ) => map(text()),
        ("cluster", "remote_write_endpoints") => list(object([("url!", text())])),
        ("cluster", "worker_ports") => list(port()),
        ("cluster", "juju_topology") => {
            object([("application!", text()), ("unit!", text()), ("charm_name!", text())])
        }
        ("cluster", "features") => list(text()),
        ("cluster", "restart_turn") => {
            object([("unit!", text()), ("until!", json!({ "type": "integer", "minimum": 0 }))])
        }
        ("cluster", _) | ("peers", "fqdn") => text(),
        ("loki_push_api", "endpoint") | ("prometheus_remote_write", "remote_write") => {
            object([("url!", url())])
        }
        ("loki_push_api", "promtail_binary_zip_url") => map(object([
            ("filename!", text()),
            ("zipsha!", text()),
            ("binsha!", text()),
            ("url!", url()),
        ])),
        ("prometheus_scrape", "scrape_jobs") => list(scrape_job()),
        ("tracing", "receivers") if side == Side::Provider => receivers(),
        ("tracing", "receivers") => list(text()),
        ("grafana_dashboard", "dashboards") => dashboards(),
        ("catalogue", "api_endpoints") => or_null(map(text())),
        ("s3", "tls-ca-chain" | "attributes") => list(text()),
        ("s3", "data") => map(text()),
        ("tls-certificates", "certificate_signing_requests") => {
            list(object([("certificate_signing_request!", text()), ("ca", truth())]))
        }
        ("tls-certificates", "certificates") => issued(),
        ("tls-certificates", "request_errors") => refused(),
        ("tls-certificates", "capabilities") => capabilities(),
        ("service_mesh", "labels") => map(text()),
        ("service_mesh", "mesh_type") => text(),
        ("service_mesh", "policies") => policies(),
        (_, "cmr_data") => object([("app_name!", text()), ("juju_model_name!", text())]),
        ("grafana_datasource", "grafana_source_data") => source(),
        ("grafana_datasource", "datasource_uids") => map(text()),
        ("grafana_datasource_exchange", "datasources") => {
            list(object([("type!", text()), ("uid!", text()), ("grafana_uid!", text())]))
        }
        ("ingress", "port") => json!({ "type": "integer", "minimum": 1, "maximum": 65534 }),
        ("ingress", "is_port_open" | "strip-prefix" | "redirect-https") => truth(),
        ("ingress", "healthcheck_params") => of_type("object"),
        ("ingress", "ingress") => object([("url!", url())]),
        ("ingress", _) => text(),
        ("ingress_per_unit", "ingress") => map(object([("url!", url())])),
        ("traefik_route", "config" | "static") => of_type("object"),
        ("istio_ingress_route", "config") => istio_config(),
        ("tempo_api", "http" | "grpc") => api_urls(),
        ("certificate_transfer", "version") => of_type("integer"),
        ("certificate_transfer", "certificates" | "chain") => list(text()),
        ("certificate_transfer", "ca" | "certificate") => text(),
        _ => return None,
    })
}

/// Whether a value has the shape: of what JSON Schema knows, what is used here.
pub(crate) fn admits(schema: &Value, value: &Value) -> bool {
    let found = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let typed = match &schema["type"] {
        Value::String(name) => name == found,
        Value::Array(names) => names.iter().any(|name| name == found),
        _ => true,
    };
    let within = match value {
        Value::Array(items) => items.iter().all(|item| admits(&schema["items"], item)),
        Value::Object(members) => members.iter().all(|(name, member)| {
            let known = schema["properties"].get(name);
            admits(known.unwrap_or(&schema["additionalProperties"]), member)
        }),
        _ => true,
    };
    let complete = schema["required"].as_array().is_none_or(|names| {
        names.iter().filter_map(Value::as_str).all(|name| value.get(name).is_some())
    });
    typed && within && complete
}

//! The exporter of the web server's metrics: its container.

use charm::desired::{Comparison, Desired, FileGoal, ServiceGoal};
use charm::layer::Layer;
use charm::secret::SecretText;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::facts::Facts;
use crate::nginx;

/// The container, its service and its layer have the same name.
pub(crate) const CONTAINER: &str = "nginx-prometheus-exporter";
/// A file that the exporter reads.
pub(crate) const KEY: &str = "/etc/exporter/certs/server.key";
/// A file that the exporter reads.
pub(crate) const CERTIFICATE: &str = "/etc/exporter/certs/server.crt";
/// A file that the exporter reads.
pub(crate) const WEB_CONFIG: &str = "/etc/exporter/web-config.yaml";

/// What should be true in the exporter's container.
pub(crate) fn decide(facts: &Facts<'_>, desired: &mut Desired) {
    let containers = &facts.snapshot.metadata.containers;
    let Some(container) = containers.iter().find(|name| name.as_str() == CONTAINER) else {
        return;
    };
    let goal = desired.container(container);
    let web_config = match facts.tls.in_hand() {
        Some(tls) => {
            let secret = |content: &str| FileGoal::Present {
                content: SecretText::new(content),
                mode: 0o600,
                comparison: Comparison::Bytes,
            };
            goal.files.insert(KEY.to_owned(), secret(tls.key.reveal()));
            goal.files.insert(CERTIFICATE.to_owned(), secret(&tls.certificate));
            format!("tls_server_config:\n  cert_file: {CERTIFICATE}\n  key_file: {KEY}\n")
        }
        None => {
            goal.files.insert(KEY.to_owned(), FileGoal::Absent);
            goal.files.insert(CERTIFICATE.to_owned(), FileGoal::Absent);
            "{}\n".to_owned()
        }
    };
    goal.layers.push((CONTAINER.to_owned(), layer(facts, &web_config)));
    goal.files.insert(WEB_CONFIG.to_owned(), FileGoal::text(web_config));
    goal.services = ServiceGoal::Replanned([CONTAINER.to_owned()].into());
}

fn layer(facts: &Facts<'_>, web_config: &str) -> Layer {
    let tls = facts.tls.in_hand();
    let pair = tls.map(|tls| format!("{}{}", tls.key.reveal(), tls.certificate));
    let default = if tls.is_some() { 443 } else { 8080 };
    let port = nginx::status_port(facts).map_or(default, std::num::NonZeroU16::get);
    let command = format!(
        "nginx-prometheus-exporter --web.listen-address=:9113 \
         --nginx.scrape-uri={}://127.0.0.1:{port}/status --no-nginx.ssl-verify \
         --web.config.file={WEB_CONFIG}",
        facts.scheme_text()
    );
    let service = json!({
        "override": "replace",
        "summary": "Nginx prometheus exporter",
        "command": command,
        "startup": "enabled",
        // The exporter reads its files once: another hash is another layer, and that a restart.
        "environment": {"_reload": format!("{},{}", hex(&pair.unwrap_or_default()), hex(web_config))},
    });
    let Value::Object(service) = service else { return Layer::default() };
    Layer {
        summary: "Nginx prometheus exporter layer".to_owned(),
        description: "Pebble config layer for nginx-prometheus-exporter".to_owned(),
        services: [(CONTAINER.to_owned(), service)].into(),
        ..Layer::default()
    }
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

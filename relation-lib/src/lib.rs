//! The relation interfaces of the Canonical Observability Stack, typed, both sides.
//!
//! One module for each interface. Its wire types say which key lies in which databag, how it is
//! written, and who owns it; `decode` reads what any revision of the other side wrote and lists
//! what it had to skip, `encode` writes what the Python libraries would write, to the byte.
//!
//! Pure data: no I/O, no clock, no randomness. What needs either takes it as an argument.

pub mod alert_rules;
pub mod alertmanager_dispatch;
pub mod catalogue;
pub mod certificate_transfer;
pub mod cluster;
pub mod cross_model_mesh;
pub mod databag;
pub mod encoding;
pub mod grafana_dashboard;
pub mod grafana_datasource;
pub mod grafana_datasource_exchange;
pub mod http_url;
pub mod ingress;
pub mod ingress_per_unit;
pub mod injection;
pub mod interface;
pub mod istio_ingress_route;
pub mod loki_push_api;
pub mod peers;
pub mod prometheus_api;
pub mod prometheus_remote_write;
pub mod prometheus_scrape;
pub mod rules;
pub mod s3;
pub mod service_mesh;
pub mod tempo_api;
pub mod tls_certificates;
pub mod topology;
pub mod tracing;
pub mod traefik_route;
mod url_parts;
pub mod yaml;

pub use databag::{Databag, DatabagPatch, DecodeError, Decoded, Skipped};

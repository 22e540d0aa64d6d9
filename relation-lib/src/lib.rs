//! The relation interfaces of the Canonical Observability Stack, typed, both sides.
//!
//! One module for each interface. Its wire types say which key lies in which databag, how it is
//! written, and who owns it; `decode` reads what any revision of the other side wrote and lists
//! what it had to skip, `encode` writes what the Python libraries would write, to the byte.
//!
//! Pure data: no I/O, no clock, no randomness. What needs either takes it as an argument.
//!
//! | interface | module | provider writes | requirer writes |
//! |---|---|---|---|
//! | `<product>_cluster` | [`cluster`] | application | application, unit |
//! | `<product>_peers` | [`peers`] | unit | |
//! | `loki_push_api` | [`loki_push_api`] | application, unit | application |
//! | `prometheus_scrape` | [`prometheus_scrape`] | application, unit | application |
//! | `prometheus_remote_write` | [`prometheus_remote_write`] | application, unit | application |
//! | `tracing` | [`tracing`] | application | application |
//! | `grafana_dashboard` | [`grafana_dashboard`] | application | application |
//! | `grafana_datasource` | [`grafana_datasource`] | application, unit | application |
//! | `grafana_datasource_exchange` | [`grafana_datasource_exchange`] | application | application |
//! | `catalogue` | [`catalogue`] | | application |
//! | `s3` | [`s3`] | application | application |
//! | `tls-certificates` | [`tls_certificates`] | application | application or unit |
//! | `certificate_transfer` | [`certificate_transfer`] | application or unit | application |
//! | `service_mesh` | [`service_mesh`] | application | application |
//! | `cross_model_mesh` | [`cross_model_mesh`] | | application |
//! | `ingress` | [`ingress`] | application | application, unit |
//! | `ingress_per_unit` | [`ingress_per_unit`] | application | unit |
//! | `traefik_route` | [`traefik_route`] | application | application |
//! | `istio_ingress_route` | [`istio_ingress_route`] | application | application |
//! | `tempo_api` | [`tempo_api`] | application | |
//! | `prometheus_api` | [`prometheus_api`] | application | |
//! | `alertmanager_dispatch` | [`alertmanager_dispatch`] | unit | |
//!
//! What several of them carry: who sent it ([`topology`]), rules ([`alert_rules`], and how they
//! come about in [`rules`] and [`injection`]), Python's way to write JSON ([`encoding`]) and YAML
//! ([`yaml`]). [`interface`] has all of them in one table, for inspectors.

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

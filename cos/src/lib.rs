//! The other end of every relation: small charms that do on the wire what the charms of the
//! Canonical Observability Stack do.
//!
//! One binary serves all of them and picks one by the name in the charm's metadata
//! ([`CosCharm::named`]). They run on the same runtime as our own charms; what they write and when
//! follows the published charms, what runs in their containers is the plain open-source program.
//!
//! | charm | what it does on the wire |
//! |---|---|
//! | `prometheus-k8s` | reads scrape jobs and rules, answers with `event`, offers remote write, is a data source |
//! | `loki-k8s` | offers push endpoints, reads rules, answers with `event`, is a data source |
//! | `tempo-coordinator-k8s` | offers trace receivers on request |
//! | `s3-integrator` | hands out a bucket |
//! | `self-signed-certificates` | signs what it is asked to |
//! | `traefik-k8s` | offers URLs from outside |
//! | `catalogue-k8s` | lists who asks for it |
//! | `grafana-k8s` | gives ids to data sources, takes dashboards |

pub mod catalogue;
pub mod certificates;
mod charms;
mod datasource;
pub mod grafana;
pub mod loki;
mod names;
pub mod prometheus;
mod received_rules;
pub mod s3_integrator;
pub mod tempo;
pub mod traefik;
mod workload;

pub use charms::CosCharm;

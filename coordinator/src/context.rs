//! What the templates of a solution see. `docs/solution.md` lists it.

use charm::patterns::template::{RenderError, Template};
use minijinja::value::{Serde, Value};
use serde_json::json;

use crate::facts::Facts;

impl Facts<'_> {
    /// The names that templates can use. A name that has nothing to say is null, empty or false,
    /// never undefined, so a template can ask for it.
    pub fn context(&self) -> Value {
        let identity = &self.snapshot.identity;
        let by_role: std::collections::BTreeMap<&str, Vec<&str>> =
            self.solution
                .roles
                .all
                .iter()
                .map(|role| (role.as_str(), Vec::new()))
                .chain(self.cluster.addresses_by_role().into_iter().map(|(role, hosts)| {
                    (role, hosts.into_iter().map(|host| host.as_str()).collect())
                }))
                .collect();
        let workers: Vec<_> = self.cluster.workers().collect();
        let mut addresses: Vec<&str> = workers.iter().map(|w| w.address.as_str()).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let topology: Vec<_> = workers
            .iter()
            .map(|worker| {
                json!({
                    "address": worker.address.as_str(),
                    "application": worker.topology.application,
                    "unit": worker.topology.unit,
                    "charm_name": worker.topology.charm_name,
                })
            })
            .collect();
        let s3 = self.store.connection().map(|connection| {
            json!({
                "endpoint": connection.endpoint,
                "region": connection.region,
                "access_key_id": connection.access_key_id.expose(),
                "secret_access_key": connection.secret_access_key.expose(),
                "bucket_name": connection.bucket_name,
                "insecure": connection.insecure,
                "tls_ca_path": connection.tls_ca_path(),
            })
        });
        let (told, remote_write) = self.told_to_workers();
        Value::from(Serde(json!({
            "identity": {
                "model": identity.model.as_str(),
                "model_uuid": identity.model_uuid.as_str(),
                "application": identity.application.as_str(),
                "unit": identity.unit.as_str(),
                "charm_name": self.snapshot.metadata.name,
            },
            "topology": topology,
            "fqdn": self.snapshot.host.fqdn,
            "app_host": self.app_host,
            "scheme": self.scheme_text(),
            "tls": self.tls.in_hand().is_some(),
            "config": self.snapshot.config,
            "addresses": addresses,
            "addresses_by_role": by_role,
            "s3": s3,
            "loki_endpoints": told.logs,
            "receivers": {"charm": told.charm, "workload": told.workload},
            "remote_write": remote_write.unwrap_or_default(),
            "correlation": self.correlation.context(),
            "ingress_url": self.ingress.url(),
            "external_url": self.external_url,
        })))
    }

    /// What the templates of an action see: the parameters of the call besides everything else.
    pub fn context_of(&self, call: &charm::ActionCall) -> Value {
        let parameters = Value::from(Serde(call.parameters.clone()));
        minijinja::context! { parameters, ..self.context() }
    }

    /// Renders a text of the solution; `what` is how errors call it.
    ///
    /// # Errors
    /// When the template names something that the context doesn't have.
    pub fn render(&self, what: &str, template: &Template) -> Result<String, RenderError> {
        template.render(what, &self.context())
    }
}

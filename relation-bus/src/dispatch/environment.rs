//! The environment of a hook: exactly what Juju sets, nothing inherited.

use std::collections::BTreeMap;

use super::{Agent, Environment};
use crate::hook::HookContext;
use crate::model::Model;

/// What the cluster around a unit looks like.
#[derive(Debug, Clone, Default)]
pub struct Surroundings {
    /// Where the Kubernetes API answers in plain http, as `host:port`.
    pub kubernetes: Option<String>,
    /// Further variables, such as the model's proxies; they win over the usual ones.
    pub variables: BTreeMap<String, String>,
}

/// The agent's own search path on Kubernetes, which follows the tools directory.
const AGENT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/charm/bin";

/// The environment in which the hook of a context runs.
#[must_use]
pub fn environment(agent: &Agent, model: &Model, context: &HookContext) -> Environment {
    let charm = agent.root.charm().display().to_string();
    let hook_name = match context.action {
        Some(_) => String::new(),
        None => context.hook.name(),
    };
    let mut variables = Environment::new();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("CHARM_DIR", &charm);
    set("JUJU_CHARM_DIR", &charm);
    set("JUJU_DISPATCH_PATH", &context.hook.dispatch_path());
    set("JUJU_HOOK_NAME", &hook_name);
    set("JUJU_UNIT_NAME", agent.unit.as_str());
    set("JUJU_MODEL_NAME", &model.name);
    set("JUJU_MODEL_UUID", &model.uuid);
    set("JUJU_VERSION", &model.juju_version);
    set("JUJU_API_ADDRESSES", "10.152.183.2:17070");
    set("JUJU_CONTEXT_ID", &context.id);
    set("JUJU_AGENT_SOCKET_NETWORK", "unix");
    set("JUJU_AGENT_SOCKET_ADDRESS", &agent.root.socket().display().to_string());
    set("CLOUD_API_VERSION", "1.33.0");
    for empty in [
        "JUJU_MACHINE_ID",
        "JUJU_PRINCIPAL_UNIT",
        "JUJU_AVAILABILITY_ZONE",
        "JUJU_CHARM_HTTP_PROXY",
        "JUJU_CHARM_HTTPS_PROXY",
        "JUJU_CHARM_FTP_PROXY",
        "JUJU_CHARM_NO_PROXY",
    ] {
        set(empty, "");
    }
    if !model.juju_version.starts_with('4') {
        set("JUJU_SLA", "unsupported");
    }
    if let Some((host, port)) =
        agent.surroundings.kubernetes.as_deref().and_then(|address| address.rsplit_once(':'))
    {
        set("KUBERNETES_SERVICE_HOST", host);
        set("KUBERNETES_SERVICE_PORT", port);
        set("KUBERNETES_SERVICE_PORT_HTTPS", port);
        set("KUBERNETES_PORT", &format!("tcp://{host}:{port}"));
        set("KUBERNETES_PORT_443_TCP", &format!("tcp://{host}:{port}"));
        set("KUBERNETES_PORT_443_TCP_ADDR", host);
        set("KUBERNETES_PORT_443_TCP_PORT", port);
        set("KUBERNETES_PORT_443_TCP_PROTO", "tcp");
        set("KUBERNETES_SERVICE", "kubernetes");
    }
    set("PATH", &format!("{}:{AGENT_PATH}", agent.root.tools().display()));
    set("LANG", "C.UTF-8");
    set("TERM", "tmux-256color");
    set("DEBIAN_FRONTEND", "noninteractive");
    set("APT_LISTCHANGES_FRONTEND", "none");
    for (name, value) in context.hook.variables() {
        set(name, &value);
    }
    variables.extend(agent.surroundings.variables.clone());
    variables
}

//! The environment of a hook: exactly what Juju sets, nothing inherited.

use std::collections::BTreeMap;

use super::{Agent, Environment};
use crate::hook::{Hook, HookContext};
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
    let hook_name = match context.hook {
        Hook::Action { .. } | Hook::Commands { .. } => String::new(),
        _ => context.hook.name(),
    };
    let mut variables = Environment::new();
    let mut set = |name: &str, value: &str| variables.insert(name.to_owned(), value.to_owned());
    set("CHARM_DIR", &charm);
    set("JUJU_CHARM_DIR", &charm);
    if !matches!(context.hook, Hook::Commands { .. }) {
        set("JUJU_DISPATCH_PATH", &context.hook.dispatch_path());
    }
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
    for empty in ["JUJU_MACHINE_ID", "JUJU_PRINCIPAL_UNIT", "JUJU_AVAILABILITY_ZONE"] {
        set(empty, "");
    }
    // What was set only: the defaults name this machine, and would say nothing to a charm.
    for kind in ["http", "https", "ftp", "no"] {
        let variable = format!("JUJU_CHARM_{}_PROXY", kind.to_uppercase());
        set(&variable, &model.setting_text(&format!("juju-{kind}-proxy")));
        let legacy = model.setting_text(&format!("{kind}-proxy"));
        if !legacy.is_empty() {
            set(&format!("{kind}_proxy"), &legacy);
            set(&format!("{}_PROXY", kind.to_uppercase()), &legacy);
        }
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
    if let Hook::Secret { id, .. } = &context.hook
        && let Some(uuid) = model.source_of(id)
    {
        // Only with its model is a secret of another one found.
        variables.insert("JUJU_SECRET_ID".to_owned(), format!("secret://{uuid}/{id}"));
    }
    variables.extend(agent.surroundings.variables.clone());
    variables
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::dispatch::UnitRoot;
    use crate::hook::LifeCycle;
    use crate::names::UnitName;

    fn variables(model: &Model, hook: Hook) -> Environment {
        let unit = UnitName::new("web", 0);
        let agent = Agent {
            unit: unit.clone(),
            root: UnitRoot::at(Path::new("/r"), &unit),
            surroundings: Surroundings::default(),
            time_limit: Duration::from_secs(1),
            runner: None,
            confinement: crate::dispatch::Confinement::None,
        };
        environment(&agent, model, &HookContext::new(unit, hook, 0))
    }

    #[test]
    fn proxies_of_the_model_reach_the_charm() {
        let mut model = Model::new("m", "u", "3.6.8");
        let plain = variables(&model, LifeCycle::Start.into());
        assert_eq!(plain["JUJU_CHARM_HTTP_PROXY"], "");
        assert!(!plain.contains_key("http_proxy"));
        for (name, value) in [("juju-http-proxy", "http://p:1"), ("no-proxy", "10.0.0.0/8")] {
            model.set_setting(name, Some(value.into())).unwrap();
        }
        let told = variables(&model, LifeCycle::Start.into());
        assert_eq!(told["JUJU_CHARM_HTTP_PROXY"], "http://p:1");
        assert_eq!(
            (told["no_proxy"].as_str(), told["NO_PROXY"].as_str()),
            ("10.0.0.0/8", "10.0.0.0/8")
        );
        assert!(!told.contains_key("http_proxy"));
    }

    #[test]
    fn a_script_of_the_operator_is_no_hook() {
        let model = Model::new("m", "u", "3.6.8");
        let hook = Hook::Commands { id: 1, script: "true".to_owned(), relation: None };
        let told = variables(&model, hook);
        assert!(!told.contains_key("JUJU_DISPATCH_PATH"));
        assert_eq!(told["JUJU_HOOK_NAME"], "");
        assert!(told["JUJU_CONTEXT_ID"].starts_with("web/0-run-commands-"));
    }
}

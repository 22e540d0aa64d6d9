//! Where the containers of a unit are, for people who look into them.

use super::{Bus, Serving};
use crate::controller::acts::{CHARM_CONTAINER, Place};
use crate::dispatch::{environment, lock};
use crate::hook::{Hook, HookContext};
use crate::names::UnitName;

/// What only a hook has, beside the rest of a charm's environment.
const OF_A_HOOK: [&str; 4] =
    ["JUJU_CONTEXT_ID", "JUJU_HOOK_NAME", "JUJU_AGENT_SOCKET_NETWORK", "JUJU_AGENT_SOCKET_ADDRESS"];

impl Bus {
    /// The names of a unit's containers, the charm's first.
    #[must_use]
    pub fn containers(&self, unit: &UnitName) -> Vec<String> {
        let runtime = self.units.get(unit).into_iter();
        let workloads = runtime.flat_map(|runtime| runtime.containers.keys().cloned());
        std::iter::once(CHARM_CONTAINER.to_owned()).chain(workloads).collect()
    }

    /// Where a container of a unit is; nothing when it isn't there, or can't be reached.
    #[must_use]
    pub fn place(&self, unit: &UnitName, container: &str) -> Option<Place> {
        let runtime = self.units.get(unit)?;
        let agent = &runtime.agent;
        if container == CHARM_CONTAINER {
            let hook = Hook::Commands { id: 0, script: String::new(), relation: None };
            let context = HookContext::new(unit.clone(), hook, 0);
            let mut environment = environment(agent, &lock(&self.model), &context);
            environment.retain(|name, _| !OF_A_HOOK.contains(&name.as_str()));
            let root = agent.root.path().to_owned();
            return Some(Place::Charm { root, entry: agent.entry(), environment });
        }
        let entry = runtime.containers.get(container)?;
        match entry.server.as_ref()? {
            Serving::Embedded(_) => {
                Some(Place::Embedded { socket: agent.root.container_socket(container) })
            }
            Serving::Real(daemon) => Some(Place::Real {
                socket: daemon.socket().to_owned(),
                program: entry.real.as_ref()?.program.clone(),
            }),
        }
    }
}

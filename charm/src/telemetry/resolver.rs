//! Names as the charm container's own hosts file has them.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::host::HostRoot;

/// Resolves names through the hosts file of a root and never asks a server: a unit that is played
/// on a machine must not reach beyond it.
#[derive(Debug)]
pub(super) struct HostsFile(BTreeMap<String, Vec<IpAddr>>);

impl HostsFile {
    pub(super) fn of(root: &HostRoot) -> Self {
        let mut names: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (address, aliases) in root.hosts() {
            let Ok(address) = address.parse() else { continue };
            for alias in aliases {
                names.entry(alias.to_lowercase()).or_default().push(address);
            }
        }
        Self(names)
    }
}

impl Resolve for HostsFile {
    fn resolve(&self, name: Name) -> Resolving {
        let found = self.0.get(&name.as_str().to_lowercase()).cloned();
        let name = name.as_str().to_owned();
        Box::pin(async move {
            let addresses = found.ok_or_else(|| format!("no line for `{name}` in /etc/hosts"))?;
            let addresses: Addrs =
                Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

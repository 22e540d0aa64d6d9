//! The charm container as a host: its file system and what its files say of it.

use std::fs;
use std::path::{Component, Path, PathBuf};

use crate::snapshot::{Host, Ipv6};

const AGENTS: &str = "/var/lib/juju/agents/";

/// Where the charm container's file system begins.
///
/// On a real Juju that is `/`. A Juju that plays several units on one machine puts each unit's
/// charm below a folder of its own (`<root>/var/lib/juju/agents/…`); all files of the charm
/// container then lie below that folder too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostRoot(PathBuf);

impl HostRoot {
    /// The root that belongs to a charm directory: what precedes `/var/lib/juju/agents/`.
    pub fn of_charm_dir(charm_dir: &Path) -> Self {
        let prefix = charm_dir
            .to_str()
            .and_then(|text| text.rfind(AGENTS).map(|at| &text[..at]))
            .filter(|prefix| !prefix.is_empty());
        Self(PathBuf::from(prefix.unwrap_or("/")))
    }

    /// Whether this is the file system's own root.
    pub fn is_real(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where an absolute path of the charm container really is. Steps upwards are left out, so
    /// nothing outside the root can be named.
    pub fn path(&self, absolute: &Path) -> PathBuf {
        let inside = absolute.components().filter(|part| matches!(part, Component::Normal(_)));
        self.0.join(inside.collect::<PathBuf>())
    }

    /// The Pebble socket of a workload container.
    pub fn pebble_socket(&self, container: &crate::names::ContainerName) -> PathBuf {
        self.path(Path::new("/charm/containers")).join(container.as_str()).join("pebble.socket")
    }

    fn text(&self, absolute: &str) -> Option<String> {
        fs::read_to_string(self.path(Path::new(absolute))).ok()
    }

    /// The host's own name, without its domain as a rule.
    pub fn hostname(&self) -> String {
        let real = || self.is_real().then(|| self.text("/proc/sys/kernel/hostname")).flatten();
        let name = self.text("/etc/hostname").or_else(real).unwrap_or_default();
        name.trim().to_owned()
    }

    /// The lines of `/etc/hosts`: an address and its names.
    pub fn hosts(&self) -> Vec<(String, Vec<String>)> {
        let text = self.text("/etc/hosts").unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let line = line.split('#').next().unwrap_or_default();
                let mut words = line.split_whitespace().map(str::to_owned);
                Some((words.next()?, words.collect()))
            })
            .collect()
    }

    /// Facts of the charm container.
    pub fn facts(&self) -> Host {
        let hostname = self.hostname();
        let named = self.hosts().into_iter().find(|(_, names)| names.contains(&hostname));
        let canonical = named.and_then(|(_, names)| {
            names.iter().find(|name| name.contains('.')).or(names.first()).cloned()
        });
        let nameserver = self.text("/etc/resolv.conf").and_then(|text| {
            text.lines()
                .filter_map(|line| line.strip_prefix("nameserver"))
                .find_map(|rest| rest.split_whitespace().next().map(str::to_owned))
        });
        Host { fqdn: canonical.unwrap_or(hostname), nameserver, ipv6: self.ipv6() }
    }

    fn ipv6(&self) -> Ipv6 {
        let interfaces = self.text("/proc/net/if_inet6").unwrap_or_default();
        let outside = interfaces
            .lines()
            .filter_map(|line| line.split_whitespace().next_back())
            .any(|interface| interface != "lo");
        if outside { Ipv6::Available } else { Ipv6::Absent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(files: &[(&str, &str)]) -> (tempfile::TempDir, HostRoot) {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            fs::write(path, content).expect("written");
        }
        let root = HostRoot(folder.path().to_path_buf());
        (folder, root)
    }

    #[test]
    fn the_root_precedes_the_agents_folder() {
        let root = |dir: &str| HostRoot::of_charm_dir(Path::new(dir));
        assert!(root("/var/lib/juju/agents/unit-a-0/charm").is_real());
        assert!(root("/somewhere/charm").is_real());
        let nested = root("/tmp/model/a-0/var/lib/juju/agents/unit-a-0/charm");
        assert_eq!(nested.path(Path::new("/etc/../../x")), Path::new("/tmp/model/a-0/etc/x"));
    }

    #[test]
    fn the_name_is_that_of_the_hosts_file() {
        let (_folder, root) = root(&[
            ("etc/hostname", "tempo-0\n"),
            (
                "etc/hosts",
                "127.0.0.1 localhost\n10.1.2.3\ttempo-0.tempo-endpoints.s.svc tempo-0 # own\n",
            ),
            ("etc/resolv.conf", "search s.svc\nnameserver 10.152.183.10\nnameserver 1.1.1.1\n"),
            ("proc/net/if_inet6", "00000000000000000000000000000001 01 80 10 80       lo\n"),
        ]);
        let facts = root.facts();
        assert_eq!(facts.fqdn, "tempo-0.tempo-endpoints.s.svc");
        assert_eq!(facts.nameserver.as_deref(), Some("10.152.183.10"));
        assert_eq!(facts.ipv6, Ipv6::Absent);
    }

    #[test]
    fn without_a_line_the_name_is_the_hostname() {
        let (_folder, root) = root(&[
            ("etc/hostname", "tempo-0"),
            ("proc/net/if_inet6", "fe80000000000000025056fffec00008 02 40 20 80 eth0\n"),
        ]);
        assert_eq!(root.facts().fqdn, "tempo-0");
        assert_eq!(root.facts().ipv6, Ipv6::Available);
    }
}

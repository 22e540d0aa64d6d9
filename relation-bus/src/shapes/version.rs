//! `juju version`.

use serde_json::{Value, json};

use super::architecture;

/// The client's version as Juju spells it, `3.6.8-ubuntu-amd64`.
#[must_use]
pub fn text(juju_version: &str) -> String {
    format!("{juju_version}-ubuntu-{}", architecture())
}

/// The document of `juju version --all --format json`. The commit is the bus's own version, since
/// no commit of Juju runs here.
#[must_use]
pub fn all(juju_version: &str) -> Value {
    json!({
        "version": text(juju_version),
        "git-commit": format!("relation-bus-{}", env!("CARGO_PKG_VERSION")),
        "git-tree-state": "archive",
        "compiler": "rustc",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_names_release_and_architecture() {
        let version = text("3.6.8");
        assert_eq!(version.split('-').collect::<Vec<_>>()[..2], ["3.6.8", "ubuntu"]);
        assert_eq!(all("3.6.8")["version"], version);
    }
}

//! `solution.yaml` of a worker: everything that makes it the worker of one product.
//!
//! The file is read once and refused with line, column and what was expected. README.md of the
//! charm folder explains every key with an example.

use std::num::{NonZeroU16, NonZeroU32};
use std::path::Path;
use std::time::Duration;

use charm::desired::Retry;
use charm::names::{ContainerName, EndpointName};
use charm::patterns::compute_resources::Resources;
use charm::patterns::solution_file::{self, name};
pub use charm::patterns::solution_file::{FILE_NAME, SolutionError};
use charm::patterns::template::Template;
use serde::Deserialize;

use crate::layer::LayerSource;
use crate::restart::RestartRules;

/// The configuration of one worker charm.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solution {
    /// The workload container. Its name is also the label of our layer.
    #[serde(deserialize_with = "name")]
    pub container: ContainerName,
    /// The endpoint that coordinators are related to.
    #[serde(deserialize_with = "name")]
    pub cluster_endpoint: EndpointName,
    /// The workload's layer.
    pub layer: LayerSource,
    /// URL that answers when the workload is ready; empty when rendered: none.
    #[serde(default)]
    pub readiness_endpoint: Option<Template>,
    /// CPU and memory of the workload container.
    #[serde(default)]
    pub resources: Option<Resources>,
    /// The command that prints the workload's version; by default `/bin/<container> -version`.
    /// An empty list: none.
    #[serde(default)]
    pub version_probe: Option<Vec<String>>,
    /// Ports to open while the coordinator names none, as old coordinators do.
    #[serde(default)]
    pub legacy_ports: Vec<NonZeroU16>,
    /// What changes of the workload's inputs call for.
    #[serde(default)]
    pub restart: RestartRules,
    /// How often a failed start is tried again in one hook.
    #[serde(default)]
    pub restart_retry: RestartRetry,
}

/// How often a failed start is tried again before the hook fails, so that Juju tries later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestartRetry {
    /// Attempts in all.
    pub attempts: NonZeroU32,
    /// Pause before the second attempt, in seconds. It doubles after each attempt.
    pub pause_seconds: u32,
    /// The longest pause, in seconds. Without it every pause is as long as the first.
    pub longest_pause_seconds: Option<u32>,
}

impl Default for RestartRetry {
    /// A minute in steps of five seconds, as the published workers do it.
    fn default() -> Self {
        let attempts = NonZeroU32::MIN.saturating_add(11);
        Self { attempts, pause_seconds: 5, longest_pause_seconds: None }
    }
}

impl From<RestartRetry> for Retry {
    fn from(retry: RestartRetry) -> Self {
        let seconds = |count: u32| Duration::from_secs(count.into());
        Self {
            attempts: retry.attempts.get(),
            pause: seconds(retry.pause_seconds),
            longest_pause: seconds(retry.longest_pause_seconds.unwrap_or(retry.pause_seconds)),
        }
    }
}

impl Solution {
    /// Reads `solution.yaml` in a charm's root folder.
    ///
    /// # Errors
    ///
    /// When the file can't be read or isn't of the schema.
    pub fn load(charm_root: &Path) -> Result<Self, SolutionError> {
        Self::parse(FILE_NAME, &solution_file::text(charm_root)?)
    }

    /// Reads the text of a solution; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// When the text isn't of the schema.
    pub fn parse(file: &str, text: &str) -> Result<Self, SolutionError> {
        solution_file::parse(file, text)
    }

    /// The command that prints the workload's version, if there is one.
    pub fn version_command(&self) -> Option<Vec<String>> {
        match &self.version_probe {
            Some(command) if command.is_empty() => None,
            Some(command) => Some(command.clone()),
            None => Some(vec![format!("/bin/{}", self.container), "-version".to_owned()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str =
        "container: tally\ncluster_endpoint: tally-cluster\nlayer: {template: '{}'}\n";

    fn refused(addition: &str) -> (u64, String) {
        let text = format!("{MINIMAL}{addition}");
        match Solution::parse("solution.yaml", &text) {
            Err(SolutionError::Malformed { line, reason, .. }) => (line, reason),
            other => unreachable!("{other:?}"),
        }
    }

    #[test]
    fn the_least_is_container_endpoint_and_layer() {
        let solution = Solution::parse("solution.yaml", MINIMAL).expect("valid");
        assert_eq!(solution.version_command(), Some(vec!["/bin/tally".into(), "-version".into()]));
        let retry = Retry::from(solution.restart_retry);
        assert_eq!(retry, Retry::default());
    }

    #[test]
    fn everything_can_be_said() {
        let text = "\
container: tally
cluster_endpoint: tally-cluster
layer:
  verbatim:
    summary: tally
    services: {tally: {override: replace, command: /bin/tally, startup: enabled}}
readiness_endpoint: {verbatim: 'http://localhost:9400/ready'}
resources: {container: tally, requests: {cpu: 50m, memory: 200Mi}}
version_probe: []
legacy_ports: [9400]
restart:
  on: {certificate: reload, trust_store: reload, environment: restart}
  paths: {overrides: reload, memberlist.join_members: none}
  reload: {post: 'http://localhost:9400/-/reload'}
  rolling: on
restart_retry: {attempts: 2, pause_seconds: 1, longest_pause_seconds: 30}
";
        let solution = Solution::parse("solution.yaml", text).expect("valid");
        assert_eq!(solution.version_command(), None);
        assert_eq!(solution.legacy_ports.len(), 1);
        let retry = Retry::from(solution.restart_retry);
        assert_eq!((retry.attempts, retry.longest_pause), (2, Duration::from_secs(30)));
        assert_eq!(solution.restart.rolling(), crate::restart::Rolling::On);
    }

    #[test]
    fn errors_name_the_line_and_what_was_expected() {
        let (line, reason) = refused("colour: blue\n");
        assert_eq!(line, 4, "{reason}");
        assert!(
            reason.starts_with("unknown field `colour`, expected one of container,"),
            "{reason}"
        );
        assert!(reason.ends_with("restart_retry"), "{reason}");
        let (line, reason) = refused("legacy_ports: [http]\n");
        assert_eq!(line, 4, "{reason}");
        let (line, reason) = refused("restart_retry: {attempts: 0}\n");
        assert_eq!(line, 4, "{reason}");
        let (line, reason) = refused("restart: {paths: {overrides: reload}}\n");
        assert_eq!(line, 4, "{reason}");
        assert!(reason.starts_with("`reload` is missing: expected"), "{reason}");
    }
}

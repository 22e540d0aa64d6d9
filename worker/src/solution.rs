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
use charm::patterns::template::Template;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

use crate::layer::LayerSource;

/// The file's name below the charm's root.
pub const FILE_NAME: &str = "solution.yaml";

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
    /// How often a failed restart is tried again in one hook.
    #[serde(default)]
    pub restart_retry: RestartRetry,
}

/// How often a failed restart is tried again before the hook fails, so that Juju tries later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RestartRetry {
    /// Attempts in all.
    pub attempts: NonZeroU32,
    /// Pause between two attempts, in seconds.
    pub pause_seconds: u32,
}

impl Default for RestartRetry {
    /// A minute in steps of five seconds, as the published workers do it.
    fn default() -> Self {
        Self { attempts: NonZeroU32::MIN.saturating_add(12), pause_seconds: 5 }
    }
}

impl From<RestartRetry> for Retry {
    fn from(retry: RestartRetry) -> Self {
        Self {
            attempts: retry.attempts.get(),
            pause: Duration::from_secs(retry.pause_seconds.into()),
        }
    }
}

/// Why a solution can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SolutionError {
    /// The file can't be read.
    #[error("cannot read `{file}`")]
    Unreadable {
        /// The file.
        file: String,
        /// Why.
        source: std::io::Error,
    },
    /// The text is not YAML, or not of the schema.
    #[error("cannot read `{file}`, line {line}, column {column}: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// Line, from 1; 0 where the parser doesn't say.
        line: u64,
        /// Column, from 1; 0 where the parser doesn't say.
        column: u64,
        /// What was found and what was expected.
        reason: String,
    },
}

impl Solution {
    /// Reads `solution.yaml` in a charm's root folder.
    ///
    /// # Errors
    ///
    /// When the file can't be read or isn't of the schema.
    pub fn load(charm_root: &Path) -> Result<Self, SolutionError> {
        let text = std::fs::read_to_string(charm_root.join(FILE_NAME))
            .map_err(|source| SolutionError::Unreadable { file: FILE_NAME.to_owned(), source })?;
        Self::parse(FILE_NAME, &text)
    }

    /// Reads the text of a solution; `file` is what errors call it.
    ///
    /// # Errors
    ///
    /// When the text isn't of the schema.
    pub fn parse(file: &str, text: &str) -> Result<Self, SolutionError> {
        serde_yaml::from_str(text).map_err(|error| {
            let location = error.location();
            SolutionError::Malformed {
                file: file.to_owned(),
                line: location.map_or(0, |place| place.line()),
                column: location.map_or(0, |place| place.column()),
                reason: reason(&error),
            }
        })
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

/// The parser's words without the place, which stands beside them.
fn reason(error: &serde_yaml::Error) -> String {
    let text = error.without_snippet().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.split_once(" at line ").map_or(line, |(reason, _)| reason).to_owned()
}

fn name<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: std::str::FromStr<Err = charm::names::NameError>,
{
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
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
        assert_eq!((retry.attempts, retry.pause), (13, Duration::from_secs(5)));
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
restart_retry: {attempts: 2, pause_seconds: 0}
";
        let solution = Solution::parse("solution.yaml", text).expect("valid");
        assert_eq!(solution.version_command(), None);
        assert_eq!(solution.legacy_ports.len(), 1);
        assert_eq!(Retry::from(solution.restart_retry).attempts, 2);
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
    }
}

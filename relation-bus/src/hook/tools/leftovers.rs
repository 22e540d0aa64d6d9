//! Tools of features that ended: `add-metric`, `payload-*`. Juju 3 still has them, Juju 4 doesn't.

use super::{
    Output, Print, Releases, Run, Tool, ToolError, failed, key_values, refuse_extra, usage,
};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "add-metric",
        purpose: "Add metrics.",
        flags: &[],
        output: Output::None,
        releases: Releases::Before(4),
        run: add_metric,
    },
    Tool {
        name: "payload-register",
        purpose: "Register a charm payload with Juju.",
        flags: &[],
        output: Output::None,
        releases: Releases::Before(4),
        run: payload_register,
    },
    Tool {
        name: "payload-unregister",
        purpose: "Stop tracking a payload.",
        flags: &[],
        output: Output::None,
        releases: Releases::Before(4),
        run: |run| payload(run, 2),
    },
    Tool {
        name: "payload-status-set",
        purpose: "Update the status of a payload.",
        flags: &[],
        output: Output::None,
        releases: Releases::Before(4),
        run: |run| payload(run, 3),
    },
];

/// Metrics are taken in `collect-metrics` only, which machines have.
fn add_metric(run: &mut Run<'_>) -> Result<Print, ToolError> {
    if run.parsed.words.is_empty() {
        return usage("no metrics specified");
    }
    let pairs = key_values(&run.parsed.words)?;
    if let Some((key, _)) = pairs.iter().find(|(_, value)| value.is_empty()) {
        return usage(format!("expected \"key=value\", got \"{key}=\""));
    }
    failed("cannot record metric: metrics not allowed in this context")
}

/// No charm here declares payloads, so no class is ever known.
fn payload_register(run: &mut Run<'_>) -> Result<Print, ToolError> {
    match run.parsed.words.as_slice() {
        [_, class, _, ..] => failed(format!("payload {class:?} not found in metadata.yaml")),
        _ => usage("missing required arguments"),
    }
}

/// None is ever registered.
fn payload(run: &mut Run<'_>, count: usize) -> Result<Print, ToolError> {
    let words = &run.parsed.words;
    if words.len() < count {
        return usage("missing required arguments");
    }
    refuse_extra(&words[count..])?;
    failed(format!("payload \"{}/{}\" not found", words[0], words[1]))
}

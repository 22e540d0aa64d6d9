//! `secret-*`: the owner's side in [`manage`], the reader's in [`read`].

mod manage;
mod read;

use super::options::{Flag, RELATION, switch, text};
use super::{Output, Releases, Run, Tool, ToolError, failed, usage};
use crate::model::{Secret, SecretOwner};
use crate::names::SecretId;

/// Options that describe a secret.
const DESCRIPTION: [Flag; 6] = [
    text(&["label"]),
    text(&["description"]),
    text(&["owner"]),
    text(&["rotate"]),
    text(&["expire"]),
    text(&["file"]),
];

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "secret-add",
        purpose: "Add a new secret.",
        flags: &DESCRIPTION,
        output: Output::None,
        releases: Releases::Since(3, 0),
        run: manage::add,
    },
    Tool {
        name: "secret-set",
        purpose: "Update an existing secret.",
        flags: &DESCRIPTION,
        output: Output::None,
        releases: Releases::Since(3, 0),
        run: manage::set,
    },
    Tool {
        name: "secret-remove",
        purpose: "Remove an existing secret.",
        flags: &[text(&["revision"])],
        output: Output::None,
        releases: Releases::Since(3, 0),
        run: manage::remove,
    },
    Tool {
        name: "secret-grant",
        purpose: "Grant access to a secret.",
        flags: &[RELATION, text(&["unit"])],
        output: Output::None,
        releases: Releases::Since(3, 0),
        run: manage::grant,
    },
    Tool {
        name: "secret-revoke",
        purpose: "Revoke access to a secret.",
        flags: &[RELATION, text(&["unit"]), text(&["app", "application"])],
        output: Output::None,
        releases: Releases::Since(3, 0),
        run: manage::revoke,
    },
    Tool {
        name: "secret-get",
        purpose: "Get the content of a secret.",
        flags: &[text(&["label"]), switch(&["peek"]), switch(&["refresh"])],
        output: Output::Yaml,
        releases: Releases::Since(3, 0),
        run: read::get,
    },
    Tool {
        name: "secret-info-get",
        purpose: "Get a secret's metadata info.",
        flags: &[text(&["label"])],
        output: Output::Yaml,
        releases: Releases::Since(3, 0),
        run: read::info,
    },
    Tool {
        name: "secret-ids",
        purpose: "Print secret IDs.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::Since(3, 0),
        run: read::ids,
    },
];

/// The secret that the first word names.
fn uri(run: &Run<'_>) -> Result<SecretId, ToolError> {
    match run.parsed.word(0) {
        None => usage("missing secret URI"),
        Some(text) => parse_uri(text),
    }
}

fn parse_uri(text: &str) -> Result<SecretId, ToolError> {
    text.parse().map_err(|_| ToolError::Usage(format!("secret URI {text:?} not valid")))
}

fn not_found<T>(id: &SecretId) -> Result<T, ToolError> {
    failed(format!("secret {:?} not found", id.as_str()))
}

/// A secret of the model or one that this hook made.
fn lookup<'a>(run: &'a Run<'_>, id: &SecretId) -> Option<&'a Secret> {
    run.context.pending.created.get(id).or_else(|| run.model.secrets.get(id)).filter(|secret| {
        !run.context
            .pending
            .removed
            .iter()
            .any(|(gone, revision)| *gone == secret.id && revision.is_none())
    })
}

/// A secret that this unit may change; refuses with Juju's words.
fn managed(run: &mut Run<'_>, id: &SecretId) -> Result<Secret, ToolError> {
    let unit = run.context.unit.clone();
    let secret = match lookup(run, id).filter(|secret| secret.is_owned_by(&unit)) {
        Some(secret) => secret.clone(),
        None => return not_found(id),
    };
    if matches!(secret.owner, SecretOwner::Application(_)) {
        run.require_leader()?;
    }
    Ok(secret)
}

/// The owner's secret of that label; an update of the label in this hook counts.
fn owned_by_label(run: &Run<'_>, label: &str) -> Option<SecretId> {
    let unit = &run.context.unit;
    let pending = &run.context.pending;
    let stored =
        run.model.secrets.values().filter(|secret| !pending.created.contains_key(&secret.id));
    pending
        .created
        .values()
        .chain(stored)
        .filter(|secret| secret.is_owned_by(unit))
        .find(|secret| {
            let update = pending.updated.get(&secret.id).and_then(|update| update.label.as_deref());
            update.unwrap_or(&secret.label) == label
        })
        .map(|secret| secret.id.clone())
}

//! `relation-ids`, `relation-list`, `relation-get`, `relation-set`, `relation-model-get`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::options::{RELATION, switch, text};
use super::settings::read_settings;
use super::{
    Output, Print, Releases, Run, Tool, ToolError, failed, key_values, refuse_extra, usage,
};
use crate::hook::BrokenReads;
use crate::model::{DataBag, merge_changes};
use crate::names::{RelationId, UnitName, is_application_name};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "relation-ids",
        purpose: "List all relation IDs for the given endpoint.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::All,
        run: relation_ids,
    },
    Tool {
        name: "relation-list",
        purpose: "List relation units.",
        flags: &[RELATION, switch(&["app"])],
        output: Output::Smart,
        releases: Releases::All,
        run: relation_list,
    },
    Tool {
        name: "relation-get",
        purpose: "Get relation settings.",
        flags: &[RELATION, switch(&["app"])],
        output: Output::Smart,
        releases: Releases::All,
        run: relation_get,
    },
    Tool {
        name: "relation-set",
        purpose: "Set relation settings.",
        flags: &[RELATION, switch(&["app"]), text(&["file"])],
        output: Output::Deprecated,
        releases: Releases::All,
        run: relation_set,
    },
    Tool {
        name: "relation-model-get",
        purpose: "Get details about the model hosting a related application.",
        flags: &[RELATION],
        output: Output::Smart,
        releases: Releases::Since(3, 6),
        run: relation_model_get,
    },
];

fn relation_ids(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let own = run.context.hook.relation().map(|hook| hook.endpoint.clone());
    let Some(endpoint) = run.parsed.word(0).map(ToOwned::to_owned).or(own) else {
        return usage("no endpoint name specified");
    };
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let mut ids: Vec<String> = run
        .context
        .relations
        .iter()
        .filter(|(_, relation)| relation.is_listed && relation.endpoint == endpoint)
        .map(|(id, _)| id.with_endpoint(&endpoint))
        .collect();
    ids.sort();
    Ok(Print::Value(json!(ids)))
}

fn relation_list(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = run.relation()?;
    refuse_extra(&run.parsed.words)?;
    let Some(relation) = run.context.relations.get(&id) else {
        return failed("permission denied");
    };
    Ok(Print::Value(if run.parsed.is_on("app") {
        json!(relation.remote_application)
    } else {
        json!(relation.members.iter().map(UnitName::as_str).collect::<Vec<_>>())
    }))
}

fn relation_model_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = run.relation()?;
    refuse_extra(&run.parsed.words)?;
    let uuid = run.model.links.get(&id).map_or(&run.model.uuid, |link| &link.model_uuid);
    Ok(Print::Value(json!({ "uuid": uuid })))
}

/// Whose databag is read.
enum Target {
    Application(String),
    Unit(UnitName),
}

fn relation_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = run.relation()?;
    let key = run.parsed.word(0).filter(|key| *key != "-").map(ToOwned::to_owned);
    let target = target(run)?;
    refuse_extra(run.parsed.words.get(2..).unwrap_or_default())?;
    let bag = match target {
        Target::Application(name) => application_bag(run, id, &name)?,
        Target::Unit(unit) => unit_bag(run, id, &unit)?,
    };
    Ok(Print::Value(match key {
        Some(key) => bag.get(&key).map_or(Value::Null, |value| json!(value)),
        None => json!(bag),
    }))
}

/// What the words name, or else what the hook is about, also when `-r` names another relation.
fn target(run: &Run<'_>) -> Result<Target, ToolError> {
    let by_application = run.parsed.is_on("app");
    let Some(name) = run.parsed.word(1) else {
        let Some(hook) = run.context.hook.relation() else {
            return usage("no unit or application specified");
        };
        return Ok(match &hook.remote_unit {
            Some(unit) if !by_application => Target::Unit(unit.clone()),
            _ => Target::Application(hook.remote_application.clone()),
        });
    };
    if by_application {
        let application = name.split_once('/').map_or(name, |(application, _)| application);
        return Ok(Target::Application(application.to_owned()));
    }
    match name.parse() {
        Ok(unit) => Ok(Target::Unit(unit)),
        Err(_) if is_application_name(name) => {
            usage(format!("expected unit name, got application name {name:?}"))
        }
        Err(_) => usage(format!("invalid unit name {name:?}")),
    }
}

fn application_bag(run: &mut Run<'_>, id: RelationId, name: &str) -> Result<DataBag, ToolError> {
    let own = name == run.context.application();
    let (is_peer, remote) = match run.context.relations.get(&id) {
        Some(relation) => (relation.is_peer, relation.remote_application.clone()),
        None => return failed("permission denied"),
    };
    if own {
        if run.context.is_leader(run.model) {
            return own_application_bag(run, id).cloned();
        }
        if !is_peer {
            return failed("permission denied");
        }
    } else if name != remote {
        return failed("permission denied");
    }
    if let Some(bag) = broken_bag(run, id)? {
        return Ok(bag);
    }
    let key = (id, name.to_owned());
    if let Some(bag) = run.context.foreign_cache.get(&key) {
        return Ok(bag.clone());
    }
    let side = run.model.relations.get(&id).and_then(|relation| relation.side(name));
    let Some(side) = side else { return failed("permission denied") };
    let bag = side.bag.content.clone();
    run.context.foreign_cache.insert(key, bag.clone());
    Ok(bag)
}

fn unit_bag(run: &mut Run<'_>, id: RelationId, unit: &UnitName) -> Result<DataBag, ToolError> {
    if *unit == run.context.unit {
        return own_unit_bag(run, id).cloned();
    }
    let (is_member, known) = match run.context.relations.get(&id) {
        Some(relation) => (
            relation.members.contains(unit),
            unit.application() == relation.remote_application
                || unit.application() == run.context.application(),
        ),
        None => return failed("permission denied"),
    };
    if !known {
        return failed("permission denied");
    }
    if let Some(bag) = broken_bag(run, id)? {
        return Ok(bag);
    }
    let key = (id, unit.to_string());
    let cached = match is_member {
        true => run.context.member_cache.get(&id).and_then(|bags| bags.get(unit)),
        false => run.context.foreign_cache.get(&key),
    };
    if let Some(bag) = cached {
        return Ok(bag.clone());
    }
    let Some(relation) = run.model.relations.get(&id) else {
        return failed("permission denied");
    };
    let Some(bag) = relation.unit_bag(unit).map(|bag| bag.content.clone()) else {
        let sides: Vec<_> =
            relation.sides.iter().map(|s| format!("{}:{}", s.application, s.endpoint)).collect();
        return failed(format!(
            "cannot read settings for unit \"{unit}\" in relation \"{}\": unit \"{unit}\": \
             settings not found",
            sides.join(" ")
        ));
    };
    if is_member {
        run.context.member_cache.entry(id).or_default().insert(unit.clone(), bag.clone());
    } else {
        run.context.foreign_cache.insert(key, bag.clone());
    }
    Ok(bag)
}

/// What a read of the other side gives in `broken`, when it isn't the databag itself.
fn broken_bag(run: &Run<'_>, id: RelationId) -> Result<Option<DataBag>, ToolError> {
    if !run.context.is_breaking(id) {
        return Ok(None);
    }
    match run.context.broken_reads {
        BrokenReads::Kept => Ok(None),
        BrokenReads::Empty => Ok(Some(DataBag::new())),
        BrokenReads::PermissionDenied => failed("permission denied"),
        BrokenReads::RelationNotFound => failed("relation not found"),
    }
}

/// Refuses to write, or to read what is the unit's own, when the relation is gone at the
/// controller; `what` is how Juju calls the databag.
fn refuse_broken(run: &Run<'_>, id: RelationId, what: &str) -> Result<(), ToolError> {
    let reason = match run.context.broken_reads {
        BrokenReads::PermissionDenied => "permission denied (unauthorized access)",
        BrokenReads::RelationNotFound => "relation not found",
        BrokenReads::Kept | BrokenReads::Empty => return Ok(()),
    };
    match run.context.is_breaking(id) {
        true => failed(format!("cannot read {what}: {reason}")),
        false => Ok(()),
    }
}

/// The own unit databag with this hook's writes, as it was at first use.
fn own_unit_bag<'a>(run: &'a mut Run<'_>, id: RelationId) -> Result<&'a mut DataBag, ToolError> {
    let context = &mut *run.context;
    if !context.pending.unit_bags.contains_key(&id) {
        let relation = run.model.relations.get(&id);
        let Some(bag) = relation.and_then(|relation| relation.unit_bag(&context.unit)) else {
            return failed("cannot read relation settings: permission denied");
        };
        context.pending.unit_bags.insert(id, bag.content.clone());
    }
    Ok(context.pending.unit_bags.entry(id).or_default())
}

/// The own application databag with this hook's writes; only for the leader.
fn own_application_bag<'a>(
    run: &'a mut Run<'_>,
    id: RelationId,
) -> Result<&'a mut DataBag, ToolError> {
    let context = &mut *run.context;
    if !context.pending.application_bags.contains_key(&id) {
        let relation = run.model.relations.get(&id);
        let Some(side) = relation.and_then(|relation| relation.side(context.unit.application()))
        else {
            return failed("cannot read relation application settings: permission denied");
        };
        context.pending.application_bags.insert(id, side.bag.content.clone());
    }
    Ok(context.pending.application_bags.entry(id).or_default())
}

fn relation_set(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let id = run.relation()?;
    let mut changes = BTreeMap::new();
    let pairs = key_values(&run.parsed.words)?;
    if let Some(path) = run.parsed.value("file") {
        changes = read_settings(&run.read_file(path)?)?;
    }
    for (key, value) in pairs {
        changes.insert(key.trim().to_owned(), Some(value.trim().to_owned()));
    }
    if run.parsed.is_on("app") {
        if !run.context.is_leader(run.model) {
            return failed("cannot write relation settings");
        }
        refuse_broken(run, id, "relation application settings")?;
        let bag = own_application_bag(run, id)?;
        merge_changes(bag, &changes);
        if !changes.is_empty() {
            run.context.pending.application_writes.insert(id);
        }
    } else {
        refuse_broken(run, id, "relation settings")?;
        merge_changes(own_unit_bag(run, id)?, &changes);
    }
    Ok(Print::Nothing)
}

//! `juju deploy` of a bundle: its applications, then its relations.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::charm_source::{Source, find, prepare};
use super::target::{Target, say};
use super::{CommandError, Exit, talk};
use crate::bundle::{Bundle, read};
use crate::controller::acts::{Act, Deploy, Integrate};
use crate::engine::Trust;
use crate::server::Parts;
use crate::server::protocol::Refusal;

/// Deploys what a bundle file holds. Applications and relations that are there already stay.
pub(super) fn deploy(target: &Target, path: &Path, trust: Trust) -> Result<Exit, CommandError> {
    let text = std::fs::read_to_string(path).map_err(|error| Refusal::of(&error))?;
    let bundle = read(&text).map_err(|error| Refusal::of(&error))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    for note in &bundle.notes {
        talk(note);
    }
    let known = target.model(Parts::model()).map(|view| view.model).ok();
    let acts = deploys(&bundle, folder, trust)?;
    talk("Executing changes:");
    for act in acts {
        let name = act.application.clone().unwrap_or_default();
        if known.as_ref().is_some_and(|model| model.applications.contains_key(&name)) {
            continue;
        }
        talk(&format!("- deploy application {name}"));
        say(target.act(Act::Deploy(act))?);
    }
    for (one, other) in &bundle.relations {
        let (one, other) = (one.to_string(), other.to_string());
        talk(&format!("- add relation {one} - {other}"));
        match target.act(Act::Integrate(Integrate { one, other })) {
            Ok(outcome) => say(outcome),
            Err(error) if error.to_string().ends_with("already exists") => {}
            Err(error) => return Err(error.into()),
        }
    }
    talk("Deploy of bundle completed.");
    Ok(Exit::Done)
}

/// The deployment of each application. All charms are found before anything is deployed.
fn deploys(bundle: &Bundle, folder: &Path, trust: Trust) -> Result<Vec<Deploy>, CommandError> {
    let mut acts = Vec::new();
    for (name, application) in &bundle.applications {
        let beside = folder.join(&application.charm);
        let named = match beside.exists() {
            true => beside.display().to_string(),
            false => application.charm.clone(),
        };
        let Source::Charm(charm) = find(&named)? else {
            let message = format!("\"{named}\" of application \"{name}\" is not a charm");
            return Err(Refusal { message }.into());
        };
        prepare(&charm)?;
        let mut config = BTreeMap::new();
        for (option, value) in &application.options {
            config.insert(option.clone(), spelled(value, folder)?);
        }
        acts.push(Deploy {
            charm,
            application: Some(name.clone()),
            units: application.units,
            config,
            trust: if application.trust { Trust::Granted } else { trust },
        });
    }
    Ok(acts)
}

/// An option's value as it would be typed; `include-file://` stands for a file's text.
fn spelled(value: &Value, folder: &Path) -> Result<String, Refusal> {
    let Some(text) = value.as_str() else { return Ok(value.to_string()) };
    let Some(file) = text.strip_prefix("include-file://") else { return Ok(text.to_owned()) };
    let path = folder.join(file);
    std::fs::read_to_string(&path).map_err(|error| Refusal {
        message: format!("cannot read \"{}\": {error}", path.display()),
    })
}

//! `is-leader`, `config-get`, `unit-get`, `network-get`, `goal-state`, `juju-log`, `resource-get`,
//! `credential-get`, `juju-reboot`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::format::Format;
use super::options::{RELATION, switch, text};
use super::{Output, Print, Releases, Run, Tool, ToolError, failed, refuse_extra, usage};
use crate::model::{ConfigValue, Level, Life};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "is-leader",
        purpose: "Print application leadership status.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::All,
        run: is_leader,
    },
    Tool {
        name: "config-get",
        purpose: "Print application configuration.",
        flags: &[switch(&["all", "a"])],
        output: Output::Smart,
        releases: Releases::All,
        run: config_get,
    },
    Tool {
        name: "unit-get",
        purpose: "Print public-address or private-address.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::All,
        run: unit_get,
    },
    Tool {
        name: "network-get",
        purpose: "Get network config.",
        flags: &[
            RELATION,
            switch(&["bind-address"]),
            switch(&["ingress-address"]),
            switch(&["egress-subnets"]),
            switch(&["primary-address"]),
        ],
        output: Output::Smart,
        releases: Releases::All,
        run: network_get,
    },
    Tool {
        name: "goal-state",
        purpose: "Print the status of the charm's peers and related units.",
        flags: &[],
        output: Output::Yaml,
        releases: Releases::All,
        run: goal_state,
    },
    Tool {
        name: "juju-log",
        purpose: "Write a message to the juju log.",
        flags: &[text(&["log-level", "l"]), switch(&["debug"])],
        output: Output::Deprecated,
        releases: Releases::All,
        run: juju_log,
    },
    Tool {
        name: "resource-get",
        purpose: "Get the path to the locally cached resource file.",
        flags: &[],
        output: Output::None,
        releases: Releases::All,
        run: resource_get,
    },
    Tool {
        name: "credential-get",
        purpose: "Access cloud credentials.",
        flags: &[],
        output: Output::Smart,
        releases: Releases::All,
        run: credential_get,
    },
    Tool {
        name: "juju-reboot",
        purpose: "Reboot the host machine.",
        flags: &[switch(&["now"])],
        output: Output::None,
        releases: Releases::All,
        run: juju_reboot,
    },
];

fn is_leader(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(&run.parsed.words)?;
    Ok(Print::Value(json!(run.context.is_leader(run.model))))
}

/// Go prints a whole float without a point.
fn as_go_prints(value: &ConfigValue) -> Value {
    match value.as_f64() {
        #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 1e15 => {
            json!(number as i64)
        }
        _ => value.clone(),
    }
}

fn config_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let key = run.parsed.word(0).map(ToOwned::to_owned);
    let all = run.parsed.is_on("all");
    if let Some(key) = key.as_ref().filter(|_| all) {
        return usage(format!("cannot use argument --all together with key {key:?}"));
    }
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let Some(application) = run.model.applications.get(run.context.application()) else {
        return failed("permission denied");
    };
    let values = match &run.context.config {
        Some(values) => values.clone(),
        None => application.effective_config(),
    };
    run.context.config = Some(values.clone());
    if let Some(key) = key {
        return Ok(Print::Value(values.get(&key).map_or(Value::Null, as_go_prints)));
    }
    let mut printed = Map::new();
    if all {
        printed.extend(application.charm.config.keys().map(|name| (name.clone(), Value::Null)));
    }
    printed.extend(values.iter().map(|(name, value)| (name.clone(), as_go_prints(value))));
    Ok(Print::Value(Value::Object(printed)))
}

fn unit_address(run: &Run<'_>) -> String {
    run.model.unit(&run.context.unit).map(|unit| unit.address.clone()).unwrap_or_default()
}

fn unit_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    match run.parsed.word(0) {
        None => return usage("no setting specified"),
        Some("private-address" | "public-address") => {}
        Some(other) => return usage(format!("unknown setting {other:?}")),
    }
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    Ok(Print::Value(json!(unit_address(run))))
}

fn network_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    run.relation_option()?;
    let Some(binding) = run.parsed.word(0) else { return usage("no arguments specified") };
    if binding.is_empty() {
        return usage("no binding name specified");
    }
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let application = run.model.applications.get(run.context.application());
    let known = binding == "juju-info"
        || application.is_some_and(|app| app.charm.endpoints.contains_key(binding));
    if !known {
        return failed(format!("no network config found for binding {binding:?}"));
    }
    let address = match run.context.networks.get(binding) {
        Some(address) => address.clone(),
        None => unit_address(run),
    };
    let ingress = application
        .map(|application| application.service_address.as_str())
        .filter(|service| !service.is_empty() && !run.context.networks.contains_key(binding))
        .unwrap_or(&address);
    let egress = json!([format!("{ingress}/32")]);
    let mut parts = Map::new();
    for (flag, value) in [
        ("bind-address", json!(address)),
        ("ingress-address", json!(ingress)),
        ("egress-subnets", egress.clone()),
    ] {
        if run.parsed.is_on(flag) {
            parts.insert(flag.to_owned(), value);
        }
    }
    let is_primary = run.parsed.is_on("primary-address");
    Ok(match parts.len() {
        0 if is_primary => Print::Value(json!(address)),
        _ if is_primary => return failed("--primary-address must be the only flag specified"),
        0 => Print::Fields(json!({
            "bind-addresses": [bind_address(&address, run.format)],
            "egress-subnets": egress,
            "ingress-addresses": [ingress],
        })),
        1 => Print::Value(parts.into_iter().next().map_or(Value::Null, |(_, value)| value)),
        _ => Print::Value(Value::Object(parts)),
    })
}

/// The only network of a pod. YAML has some of its fields once more under their older names.
fn bind_address(address: &str, format: Format) -> Value {
    match format {
        Format::Json => json!({
            "mac-address": "", "interface-name": "",
            "addresses": [{"hostname": "", "value": address, "cidr": ""}],
        }),
        Format::Yaml | Format::Smart => json!({
            "mac-address": "", "interface-name": "",
            "addresses": [{"hostname": "", "value": address, "cidr": "", "address": address}],
            "macaddress": "", "interfacename": "",
        }),
    }
}

fn goal_state(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(&run.parsed.words)?;
    let model = &*run.model;
    let entry = |unit: &crate::model::Unit| {
        let status = match unit.life {
            Life::Alive => unit.status.value.as_str(),
            Life::Dying | Life::Dead => "dying",
        };
        json!({ "status": status, "since": unit.status.since.timestamp() })
    };
    let units = |application: &str| -> Map<String, Value> {
        let units = model.applications.get(application).map(|application| &application.units);
        let units = units.into_iter().flatten();
        units.map(|(name, unit)| (name.to_string(), entry(unit))).collect()
    };
    let own = run.context.application();
    let mut relations: BTreeMap<&str, BTreeMap<String, Value>> = BTreeMap::new();
    for (side, relation) in model.relations_of(own) {
        let Some(remote) = relation.remote(own) else { continue };
        let related = relations.entry(&side.endpoint).or_default();
        let joined = json!({ "status": "joined", "since": model.clock.timestamp() });
        related.insert(remote.application.clone(), joined);
        related.extend(units(&remote.application));
    }
    Ok(Print::Fields(json!({ "units": units(own), "relations": relations })))
}

fn juju_log(run: &mut Run<'_>) -> Result<Print, ToolError> {
    if run.parsed.words.is_empty() {
        return usage("no message specified");
    }
    let unit = run.context.unit.clone();
    let module = format!("unit.{unit}.juju-log");
    let level = match run.parsed.value("log-level").filter(|word| !word.is_empty()) {
        _ if run.parsed.is_on("debug") => Level::Debug,
        Some(word) => word.parse().unwrap_or_else(|()| {
            let warning = format!("Specified log level of {word:?} is not valid");
            run.model.add_log(unit.as_str(), &module, Level::Warning, warning);
            Level::Info
        }),
        None => Level::Info,
    };
    let text = run.parsed.words.join(" ");
    let message = match run.context.hook.relation() {
        Some(hook) => format!("{}: {text}", hook.relation.with_endpoint(&hook.endpoint)),
        None => text,
    };
    run.model.add_log(unit.as_str(), &module, level, message);
    Ok(Print::Nothing)
}

fn resource_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let Some(name) = run.parsed.word(0) else { return usage("missing required resource name") };
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    let folder = run.context.places.resources.join(name);
    let file = std::fs::read_dir(&folder)
        .ok()
        .and_then(|mut entries| entries.find_map(Result::ok))
        .map(|entry| entry.path());
    match file {
        Some(path) => Ok(Print::Raw(path.display().to_string())),
        None => failed(format!("could not download resource: resource {name:?} not found")),
    }
}

fn credential_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(&run.parsed.words)?;
    failed("cannot access cloud credentials: credential-get on a \"caas\" model not supported")
}

fn juju_reboot(run: &mut Run<'_>) -> Result<Print, ToolError> {
    refuse_extra(&run.parsed.words)?;
    if run.context.action.is_some() {
        return failed("juju-reboot is not supported when running an action.");
    }
    failed("juju-reboot is not supported on a unit in a container")
}

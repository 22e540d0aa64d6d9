//! `is-leader`, `config-get`, `unit-get`, `network-get`, `goal-state`, `juju-log`, `resource-get`,
//! `credential-get`, `juju-reboot`, `leader-get`, `leader-set`.

use serde_json::{Map, Value, json};

use super::options::{RELATION, switch, text};
use super::{Output, Print, Run, Tool, ToolError, failed, refuse_extra, usage};
use crate::model::{ConfigValue, Level, Life};

pub(super) const TOOLS: &[Tool] = &[
    Tool {
        name: "is-leader",
        purpose: "Print application leadership status.",
        flags: &[],
        output: Output::Smart,
        run: is_leader,
    },
    Tool {
        name: "config-get",
        purpose: "Print application configuration.",
        flags: &[switch(&["all", "a"])],
        output: Output::Smart,
        run: config_get,
    },
    Tool {
        name: "unit-get",
        purpose: "Print public-address or private-address.",
        flags: &[],
        output: Output::Smart,
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
        run: network_get,
    },
    Tool {
        name: "goal-state",
        purpose: "Print the status of the charm's peers and related units.",
        flags: &[],
        output: Output::Yaml,
        run: goal_state,
    },
    Tool {
        name: "juju-log",
        purpose: "Write a message to the juju log.",
        flags: &[text(&["log-level", "l"]), switch(&["debug"])],
        output: Output::None,
        run: juju_log,
    },
    Tool {
        name: "resource-get",
        purpose: "Get the path to the locally cached resource file.",
        flags: &[],
        output: Output::None,
        run: resource_get,
    },
    Tool {
        name: "credential-get",
        purpose: "Access cloud credentials.",
        flags: &[],
        output: Output::Smart,
        run: |_| failed("cannot access cloud credentials: only allowed for trusted applications"),
    },
    Tool {
        name: "juju-reboot",
        purpose: "Reboot the host machine.",
        flags: &[switch(&["now"])],
        output: Output::None,
        run: juju_reboot,
    },
    Tool {
        name: "leader-get",
        purpose: "Print application leadership settings.",
        flags: &[],
        output: Output::Smart,
        run: |_| Ok(Print::Value(json!({}))),
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
        None => usage("no setting specified"),
        Some("private-address" | "public-address") => Ok(Print::Value(json!(unit_address(run)))),
        Some(other) => usage(format!("unknown setting {other:?}")),
    }
}

fn network_get(run: &mut Run<'_>) -> Result<Print, ToolError> {
    let Some(binding) = run.parsed.word(0) else { return usage("no arguments specified") };
    refuse_extra(run.parsed.words.get(1..).unwrap_or_default())?;
    run.relation_option()?;
    let only = |name| run.parsed.is_on(name);
    let flags = ["bind-address", "ingress-address", "egress-subnets"];
    if only("primary-address") && flags.iter().any(|flag| only(flag)) {
        return usage("--primary-address must be the only flag specified");
    }
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
    let bind = json!([{
        "mac-address": "", "interface-name": "",
        "addresses": [{"hostname": "", "value": address, "cidr": ""}],
    }]);
    let value = if only("primary-address") {
        json!(address)
    } else {
        let mut parts = Map::new();
        for (flag, value) in [
            ("bind-address", json!(address)),
            ("ingress-address", json!(ingress)),
            ("egress-subnets", egress.clone()),
        ] {
            if only(flag) {
                parts.insert(flag.to_owned(), value);
            }
        }
        match parts.len() {
            0 => json!({
                "bind-addresses": bind,
                "egress-subnets": egress,
                "ingress-addresses": [ingress],
            }),
            1 => parts.into_iter().next().map_or(Value::Null, |(_, value)| value),
            _ => Value::Object(parts),
        }
    };
    Ok(Print::Value(value))
}

fn goal_state(run: &mut Run<'_>) -> Result<Print, ToolError> {
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
    let mut relations: Map<String, Value> = Map::new();
    for (side, relation) in model.relations_of(own) {
        let Some(remote) = relation.remote(own) else { continue };
        let related = relations.entry(side.endpoint.clone()).or_insert_with(|| json!({}));
        if let Some(related) = related.as_object_mut() {
            let joined = json!({ "status": "joined", "since": model.clock.timestamp() });
            related.insert(remote.application.clone(), joined);
            related.extend(units(&remote.application));
        }
    }
    Ok(Print::Value(json!({ "units": units(own), "relations": relations })))
}

fn juju_log(run: &mut Run<'_>) -> Result<Print, ToolError> {
    if run.parsed.words.is_empty() {
        return usage("no message specified");
    }
    let unit = run.context.unit.clone();
    let module = format!("unit.{unit}.juju-log");
    let level = match run.parsed.value("log-level") {
        Some(word) => word.parse().unwrap_or_else(|()| {
            let warning = format!("Specified log level of {word:?} is not valid");
            run.model.add_log(unit.as_str(), &module, Level::Warning, warning);
            Level::Info
        }),
        None if run.parsed.is_on("debug") => Level::Debug,
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

fn juju_reboot(run: &mut Run<'_>) -> Result<Print, ToolError> {
    if run.context.action.is_some() {
        return failed("juju-reboot is not supported when running an action.");
    }
    failed("juju-reboot is not supported on a unit in a container")
}

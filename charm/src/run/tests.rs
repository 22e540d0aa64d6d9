//! Whole dispatches against a model that is nothing but maps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::desired::{SecretGoal, SecretOwner};
use crate::names::SecretLabel;
use crate::needs::{Bag, Needs, SecretNeed};
use crate::program::ActionOutcome;
use crate::status::Status;
use crate::testing::secret_content;
use crate::tools::{Argument, ToolCall};

#[derive(Default)]
struct Model {
    /// By the words behind `-r` and the owner.
    databags: BTreeMap<String, BTreeMap<String, String>>,
    state: BTreeMap<String, String>,
    ports: BTreeSet<String>,
    statuses: BTreeMap<String, Value>,
    secrets: BTreeMap<String, BTreeMap<String, String>>,
    granted: bool,
    version: Option<String>,
    writes: Vec<String>,
}

#[derive(Default)]
struct FakeJuju(Mutex<Model>);

const SCOPE: &str = "relation-tempo.cluster#worker.cluster";

fn merge(bag: &mut BTreeMap<String, String>, stdin: &ToolCall) {
    let text = stdin.stdin.as_ref().expect("stdin").reveal();
    let entries: BTreeMap<String, String> = serde_json::from_str(text).expect("texts");
    for (key, value) in entries {
        if value.is_empty() {
            bag.remove(&key);
        } else {
            bag.insert(key, value);
        }
    }
}

impl HookTools for FakeJuju {
    fn call(&self, call: &ToolCall) -> Result<Vec<u8>, ToolError> {
        let mut model = self.0.lock().expect("not poisoned");
        let line = call.shown_arguments();
        let words: Vec<&str> = line.split(' ').collect();
        let after =
            |flag: &str| words.iter().position(|word| *word == flag).map_or("", |at| words[at + 1]);
        let application = words.iter().any(|word| word.starts_with("--app"));
        let owner = if application { "app" } else { "unit" };
        let own_bag = format!("{} {owner}", after("-r"));
        let is_read = call.tool.ends_with("-get")
            || matches!(
                call.tool,
                "is-leader" | "relation-ids" | "relation-list" | "opened-ports" | "juju-log"
            );
        if !is_read {
            model.writes.push(format!("{} {line}", call.tool));
        }
        let answer = match call.tool {
            "is-leader" => json!(true),
            "relation-ids" => json!(["cluster:3"]),
            "relation-list" => json!(["worker/0"]),
            "relation-get" if line.contains("tempo") => json!(model.databags.get(&own_bag)),
            "relation-get" => json!({}),
            "relation-set" => {
                merge(model.databags.entry(own_bag).or_default(), call);
                Value::Null
            }
            "state-get" => json!(model.state),
            "state-set" => {
                merge(&mut model.state, call);
                Value::Null
            }
            "status-get" => match (model.statuses.get(owner), application) {
                (Some(status), true) => json!({"application-status": status}),
                (Some(status), false) => status.clone(),
                (None, _) => json!({"status": "unknown"}),
            },
            "status-set" => {
                let at = words.iter().position(|word| *word == "--").expect("an end of options");
                let status = json!({"status": words[at + 1], "message": words[at + 2..].join(" ")});
                model.statuses.insert(owner.to_owned(), status);
                Value::Null
            }
            "opened-ports" => json!(model.ports),
            "open-port" => {
                model.ports.insert(line.clone());
                Value::Null
            }
            "application-version-set" => {
                model.version = words.last().map(|word| (*word).to_owned());
                Value::Null
            }
            "secret-info-get" => {
                let label = after("--label");
                if !model.secrets.contains_key(label) {
                    return Err(refused(call, "secret not found"));
                }
                let access = if model.granted { json!([{"scope": SCOPE}]) } else { Value::Null };
                json!({"abc": {"label": label, "access": access}})
            }
            "secret-get" => json!(model.secrets[after("--label")]),
            "secret-add" => {
                let content = call.arguments.iter().filter_map(|argument| match argument {
                    Argument::SecretFile { key, content } => {
                        Some((key.clone(), content.reveal().to_owned()))
                    }
                    Argument::Plain(_) => None,
                });
                let content = content.collect();
                model.secrets.insert(after("--label").to_owned(), content);
                return Ok(b"secret:abc\n".to_vec());
            }
            "secret-grant" => {
                model.granted = true;
                Value::Null
            }
            "action-get" => json!({"loud": true}),
            _ => Value::Null,
        };
        Ok(answer.to_string().into_bytes())
    }
}

fn refused(call: &ToolCall, words: &str) -> ToolError {
    ToolError::Refused {
        tool: call.tool,
        arguments: call.shown_arguments(),
        code: Some(1),
        stderr: words.to_owned(),
    }
}

/// A charm that uses a bit of everything.
struct Everything;

fn label() -> SecretLabel {
    "tls".parse().expect("valid")
}

impl Charm for Everything {
    fn needs(&self, _: &Snapshot) -> Needs {
        Needs {
            endpoints: BTreeMap::from([(
                "cluster".parse().expect("valid"),
                BTreeSet::from([Bag::RemoteUnits]),
            )]),
            secrets: BTreeSet::from([SecretNeed::Owned(label())]),
            ..Needs::default()
        }
    }

    fn reconcile(&self, snapshot: &Snapshot) -> Desired {
        let mut desired = Desired::default();
        let proof = snapshot.leadership.proof().expect("the leader");
        for relation in &snapshot.relations {
            let text = |text: &str| Some(text.to_owned());
            let key = snapshot.owned_secrets.get(&label()).map(|secret| secret.id.to_string());
            let patch = [("key".to_owned(), key), ("config".to_owned(), text("x"))];
            desired.app_databag(proof, relation.id, patch.into());
            desired.unit_databag(relation.id, [("address".to_owned(), text("a"))].into());
            let grants = BTreeSet::from([relation.id]);
            let goal = SecretGoal::Present {
                owner: SecretOwner::Application(*proof),
                content: secret_content([("key", "hunter2")]),
                expire: None,
                grants,
            };
            desired.secrets.insert(label(), goal);
        }
        desired.ports = Some(BTreeSet::from(["80/tcp".parse().expect("valid")]));
        desired.workload_version = Some("1.2".to_owned());
        desired.state.insert("seen".to_owned(), Some("yes".to_owned()));
        desired.unit_statuses.push(Status::active("ready to go"));
        desired.app_status(proof, Status::waiting("for s3"));
        desired
    }

    fn action(&self, _: &Snapshot, call: &ActionCall) -> ActionOutcome {
        ActionOutcome {
            results: BTreeMap::from([("got".to_owned(), call.parameters["loud"].to_string())]),
            failure: Some("not today".to_owned()),
        }
    }
}

fn environment(folder: &Path, path: &str) -> BTreeMap<String, String> {
    let charm_dir = folder.join("var/lib/juju/agents/unit-tempo-0/charm");
    std::fs::create_dir_all(&charm_dir).expect("created");
    std::fs::write(
        charm_dir.join("metadata.yaml"),
        "name: tempo\nrequires:\n  cluster: {interface: x}\n",
    )
    .expect("written");
    [
        (variable::CHARM_DIR, charm_dir.to_str().expect("a text")),
        (variable::DISPATCH_PATH, path),
        (variable::UNIT_NAME, "tempo/0"),
        (variable::MODEL_NAME, "stage"),
        (variable::MODEL_UUID, "00000000-0000-4000-8000-000000000000"),
        (variable::VERSION, "3.6.11"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn play(juju: &Arc<FakeJuju>, path: &str, dry_run: bool) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = Arguments { check: false, dry_run, format: Format::Json };
    juju.0.lock().expect("not poisoned").writes.clear();
    let tools: Arc<dyn HookTools + Send + Sync> = Arc::<FakeJuju>::clone(juju);
    dispatch(&Everything, &arguments, &environment(folder.path(), path), tools).expect("done");
    juju.0.lock().expect("not poisoned").writes.clone()
}

#[test]
fn the_second_run_writes_nothing() {
    let juju = Arc::new(FakeJuju::default());
    let first = play(&juju, "hooks/config-changed", false);
    assert_eq!(
        first,
        [
            "secret-add --label tls --owner application key#file=(secret)",
            "secret-grant secret:abc -r 3",
            "open-port 80/tcp",
            "relation-set -r 3 --file -",
            "relation-set -r 3 --app --file -",
            "state-set --file -",
            "application-version-set -- 1.2",
            "status-set --application -- waiting for s3",
            "status-set -- active ready to go",
        ]
    );
    {
        let model = juju.0.lock().expect("not poisoned");
        assert_eq!(model.databags["3 app"]["key"], "secret:abc");
        assert_eq!(model.databags["3 unit"]["address"], "a");
        assert_eq!(model.version.as_deref(), Some("1.2"));
        assert_eq!(model.state["seen"], "yes");
    }
    assert_eq!(play(&juju, "hooks/update-status", false), [""; 0]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let juju = Arc::new(FakeJuju::default());
    assert_eq!(play(&juju, "hooks/config-changed", true), [""; 0]);
    assert_eq!(play(&juju, "", true), [""; 0]);
}

#[test]
fn an_unknown_event_is_no_failure() {
    let juju = Arc::new(FakeJuju::default());
    assert_eq!(play(&juju, "hooks/from-the-future", false), [""; 0]);
}

#[test]
fn an_action_answers_and_reconciles_nothing() {
    let juju = Arc::new(FakeJuju::default());
    assert_eq!(
        play(&juju, "actions/shout", false),
        ["action-set got=true", "action-fail -- not today"]
    );
}

#[test]
fn errors_are_told_with_their_causes() {
    let juju: Arc<dyn HookTools + Send + Sync> = Arc::new(FakeJuju::default());
    let arguments = Arguments { check: false, dry_run: false, format: Format::Text };
    let error = dispatch(&Everything, &arguments, &BTreeMap::new(), juju).expect_err("no context");
    assert_eq!(error.exit(), Exit::NoContext);
    assert_eq!(
        report(&error),
        "error: cannot find a hook context\n  \
         caused by: cannot find the environment variable `JUJU_CHARM_DIR`\n\n\
         hint: Juju runs this program; by hand, use `juju exec --unit <unit> -- ./dispatch --dry-run`\n"
    );
}

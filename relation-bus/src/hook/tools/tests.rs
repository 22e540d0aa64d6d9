//! What tools print and how they exit, one small model for all.

use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::charm_folder::CharmMetadata;
use crate::hook::{ContextRelation, Hook, LifeCycle, RelationEvent, RelationHook, commit};
use crate::model::{Application, Relation, RelationLife, Role, Side, Unit};
use crate::names::UnitName;

/// A hook of `web/0` in a model where it is related to `api/0` (id 3) and `web/1` (peers, id 1).
struct Bench {
    context: HookContext,
    model: Model,
}

fn unit(name: &str) -> UnitName {
    name.parse().unwrap()
}

impl Bench {
    fn new() -> Self {
        Self::in_hook(LifeCycle::ConfigChanged.into())
    }

    fn in_relation(event: RelationEvent, remote_unit: Option<&str>) -> Self {
        Self::in_hook(Hook::Relation(RelationHook {
            event,
            relation: RelationId(3),
            endpoint: "backend".to_owned(),
            remote_application: "api".to_owned(),
            remote_unit: remote_unit.map(unit),
            departing_unit: None,
        }))
    }

    fn in_hook(hook: Hook) -> Self {
        let metadata = json!({
            "name": "web",
            "requires": {"backend": {"interface": "http"}},
            "peers": {"peers": {"interface": "web_peers"}},
        });
        let config = json!({"options": {
            "port": {"type": "int", "default": 80},
            "ratio": {"type": "float", "default": 2.0},
            "name": {"type": "string"},
        }});
        let charm = CharmMetadata::from_documents(&metadata, &config, &Value::Null).unwrap();
        let mut model = Model::new("m", "0000", "3.6.8");
        let mut web = Application::new("web", charm);
        for number in 0..2 {
            let name = UnitName::new("web", number);
            web.units.insert(name.clone(), Unit::new(name, &format!("10.1.0.{}", number + 2)));
        }
        web.leader = Some(unit("web/0"));
        model.applications.insert("web".to_owned(), web);
        let mut backend = Relation {
            id: RelationId(3),
            interface: "http".to_owned(),
            sides: vec![
                Side::new("web", "backend", Role::Requirer),
                Side::new("api", "http", Role::Provider),
            ],
            life: RelationLife::Alive,
        };
        for name in ["web/0", "web/1", "api/0"] {
            backend.enter_scope(&unit(name), "10.1.0.2");
        }
        let mut peers = Relation {
            id: RelationId(1),
            interface: "web_peers".to_owned(),
            sides: vec![Side::new("web", "peers", Role::Peer)],
            life: RelationLife::Alive,
        };
        for name in ["web/0", "web/1"] {
            peers.enter_scope(&unit(name), "10.1.0.2");
        }
        let mut context = HookContext::new(unit("web/0"), hook, 0);
        for (relation, remote, members) in
            [(&backend, "api", ["api/0"]), (&peers, "web", ["web/1"])]
        {
            context.relations.insert(
                relation.id,
                ContextRelation {
                    endpoint: relation.side("web").unwrap().endpoint.clone(),
                    remote_application: remote.to_owned(),
                    is_peer: relation.is_peer(),
                    members: members.into_iter().map(unit).collect(),
                    is_listed: true,
                },
            );
        }
        model.relations.insert(backend.id, backend);
        model.relations.insert(peers.id, peers);
        Self { context, model }
    }

    fn follower(mut self) -> Self {
        self.model.applications.get_mut("web").unwrap().leader = Some(unit("web/1"));
        self
    }

    fn call(&mut self, line: &str, stdin: Option<&str>) -> Answer {
        let mut words = line.split(' ').map(ToOwned::to_owned);
        let call = Call {
            tool: words.next().unwrap(),
            directory: PathBuf::from("/"),
            arguments: words.collect(),
            stdin: stdin.map(|text| text.as_bytes().to_vec()),
        };
        run(&mut self.context, &mut self.model, &call)
    }

    fn output(&mut self, line: &str, stdin: Option<&str>) -> (i32, String, String) {
        let Answer::Done(output) = self.call(line, stdin) else {
            panic!("{line} did not end");
        };
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.code, text(output.stdout), text(output.stderr))
    }

    #[track_caller]
    fn prints(&mut self, line: &str, expected: &str) {
        let expected = (0, expected.to_owned(), String::new());
        assert_eq!(self.output(line, None), expected, "{line}");
    }

    #[track_caller]
    fn fails(&mut self, line: &str, code: i32, message: &str) {
        let expected = (code, String::new(), format!("ERROR {message}\n"));
        assert_eq!(self.output(line, None), expected, "{line}");
    }
}

#[test]
fn bad_usage_exits_2_with_the_words_of_the_parser() {
    let mut bench = Bench::new();
    bench.fails("relation-get --bogus", 2, "option provided but not defined: --bogus");
    bench.fails("relation-get -x", 2, "option provided but not defined: -x");
    bench.fails("relation-get -r", 2, "option needs an argument: -r");
    bench.fails("relation-get", 2, "no relation id specified");
    bench.fails(
        "relation-get -r one",
        2,
        "invalid value \"one\" for option -r: invalid relation id",
    );
    bench.fails(
        "relation-get -r db:99",
        2,
        "invalid value \"db:99\" for option -r: relation not found",
    );
    bench.fails("is-leader a b", 2, "unrecognized args: [\"a\" \"b\"]");
    bench.fails(
        "is-leader --format x",
        2,
        "invalid value \"x\" for option --format: unknown format \"x\"",
    );
    bench.fails("relation-ids", 2, "no endpoint name specified");
}

#[test]
fn options_stand_anywhere_with_one_dash_or_two() {
    let mut bench = Bench::new();
    for line in [
        "relation-list -r 3 --format=json",
        "relation-list --format json --relation backend:3",
        "relation-list -relation=3 -format=json",
    ] {
        bench.prints(line, "[\"api/0\"]\n");
    }
    bench.prints("relation-list -r 3 --app=True", "api\n");
    bench.prints("relation-list -r 3 --app=False", "api/0\n");
}

#[test]
fn relation_ids_are_sorted_as_texts() {
    let mut bench = Bench::new();
    let mut more = bench.context.relations[&RelationId(3)].clone();
    bench.context.relations.insert(RelationId(10), more.clone());
    more.is_listed = false;
    bench.context.relations.insert(RelationId(2), more);
    bench.prints("relation-ids backend --format=json", "[\"backend:10\",\"backend:3\"]\n");
    bench.prints("relation-ids nowhere --format=json", "[]\n");
}

#[test]
fn a_follower_may_not_read_its_application_databag_except_of_peers() {
    let mut bench = Bench::new().follower();
    bench.fails("relation-get -r 3 --app - web", 1, "permission denied");
    bench.prints("relation-get -r 1 --app - web --format=json", "{}\n");
    bench.prints("relation-get -r 3 --app - api --format=json", "{}\n");
    bench.fails("relation-get -r 3 --app - other", 1, "permission denied");
}

#[test]
fn a_follower_may_not_write_its_application_databag() {
    let mut bench = Bench::new().follower();
    bench.fails("relation-set -r 3 --app a=b", 1, "cannot write relation settings");
    bench.fails("relation-set -r 1 --app a=b", 1, "cannot write relation settings");
    bench.prints("relation-set -r 3 a=b", "");
}

#[test]
fn the_leader_sees_its_own_pending_writes() {
    let mut bench = Bench::new();
    bench.prints("relation-set -r 3 --app a=b c=d", "");
    bench.prints("relation-set -r 3 --app c=", "");
    bench.prints("relation-get -r 3 --app - web --format=json", "{\"a\":\"b\"}\n");
    assert_eq!(bench.model.relations[&RelationId(3)].sides[0].bag.version, 0);
    commit(&mut bench.context, &mut bench.model).unwrap();
    assert_eq!(bench.model.relations[&RelationId(3)].sides[0].bag.version, 1);
}

#[test]
fn an_absent_key_is_null_and_no_failure() {
    let mut bench = Bench::new();
    bench.prints("relation-get -r 3 missing api/0 --format=json", "null\n");
    bench.prints("relation-get -r 3 missing api/0", "");
    bench.prints("relation-get -r 3 private-address api/0", "10.1.0.2\n");
}

#[test]
fn relation_get_takes_its_target_from_the_hook() {
    let mut joined = Bench::in_relation(RelationEvent::Joined, Some("api/0"));
    joined.prints("relation-get private-address", "10.1.0.2\n");
    joined.prints("relation-get --app --format=json", "{}\n");
    let mut changed = Bench::in_relation(RelationEvent::Changed, None);
    changed.prints("relation-get --format=json", "{}\n");
    let mut other = Bench::new();
    other.fails("relation-get -r 3", 2, "no unit or application specified");
    other.fails("relation-get -r 3 - api", 2, "expected unit name, got application name \"api\"");
    other.fails("relation-get -r 3 - x//0", 2, "invalid unit name \"x//0\"");
    other.fails(
        "relation-get -r 3 - api/9",
        1,
        "cannot read settings for unit \"api/9\" in relation \"web:backend api:http\": unit \
         \"api/9\": settings not found",
    );
}

#[test]
fn a_member_databag_is_remembered_until_its_own_event() {
    let mut bench = Bench::new();
    bench.prints("relation-get -r 3 key api/0 --format=json", "null\n");
    let relation = bench.model.relations.get_mut(&RelationId(3)).unwrap();
    let member = relation.side_mut("api").unwrap().members.get_mut(&unit("api/0")).unwrap();
    member.bag.replace([("key".to_owned(), "new".to_owned())].into());
    bench.prints("relation-get -r 3 key api/0 --format=json", "null\n");
    bench.context.member_cache.clear();
    bench.prints("relation-get -r 3 key api/0 --format=json", "\"new\"\n");
}

#[test]
fn settings_come_from_a_file_and_words_win() {
    let mut bench = Bench::new();
    assert_eq!(bench.call("relation-set -r 3 --file -", None), Answer::NeedsStdin);
    let file = "{\"a\": \"1\", \"b\": \"caf\\u00e9 \", \"c\": null}";
    assert_eq!(bench.output("relation-set -r 3 --file - a=2", Some(file)).0, 0);
    bench.prints("relation-get -r 3 a web/0", "2\n");
    bench.prints("relation-get -r 3 b web/0 --format=json", "\"café \"\n");
    assert_eq!(bench.output("relation-set -r 3 --file -", Some("d: 1\ne: true\n")).0, 0);
    bench.prints("relation-get -r 3 d web/0 --format=json", "\"1\"\n");
    bench.prints("relation-get -r 3 e web/0 --format=json", "\"true\"\n");
    let (code, _, stderr) = bench.output("relation-set -r 3 --file -", Some("a: {b: c}"));
    assert_eq!(code, 1);
    assert_eq!(
        stderr,
        "ERROR yaml: unmarshal errors:\n  line 1: cannot unmarshal !!map into string\n"
    );
    assert_eq!(bench.output("relation-set -r 3 --file -", Some("")).0, 0);
}

#[test]
fn words_are_trimmed_and_checked() {
    let mut bench = Bench::new();
    let call = Call {
        tool: "relation-set".to_owned(),
        directory: PathBuf::from("/"),
        arguments: ["-r", "3", "a =  b "].map(ToOwned::to_owned).to_vec(),
        stdin: None,
    };
    assert!(matches!(run(&mut bench.context, &mut bench.model, &call), Answer::Done(_)));
    bench.prints("relation-get -r 3 a web/0 --format=json", "\"b\"\n");
    bench.fails("relation-set -r 3 haha", 2, "expected \"key=value\", got \"haha\"");
    bench.fails("relation-set -r 3 a=1 a=2", 2, "key \"a\" specified more than once");
}

#[test]
fn a_reverted_write_moves_no_version() {
    let mut bench = Bench::new();
    let version = |bench: &Bench| {
        bench.model.relations[&RelationId(3)].unit_bag(&unit("web/0")).unwrap().version
    };
    let before = version(&bench);
    bench.prints("relation-set -r 3 a=b", "");
    bench.prints("relation-set -r 3 a=", "");
    commit(&mut bench.context, &mut bench.model).unwrap();
    assert_eq!(version(&bench), before);
    assert_eq!(bench.context.writes, []);
}

#[test]
fn leadership_lost_inside_a_hook_fails_the_commit() {
    let mut bench = Bench::new();
    bench.prints("relation-set -r 3 --app a=b", "");
    bench.prints("relation-set -r 3 c=d", "");
    bench.model.applications.get_mut("web").unwrap().leader = None;
    let error = commit(&mut bench.context, &mut bench.model).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot write an application databag: this unit is not the leader"
    );
    let relation = &bench.model.relations[&RelationId(3)];
    assert_eq!(relation.sides[0].bag.version, 0);
    assert!(!relation.unit_bag(&unit("web/0")).unwrap().content.contains_key("c"));
}

#[test]
fn leadership_denied_stays_denied_in_the_hook() {
    let mut bench = Bench::new().follower();
    bench.prints("is-leader", "False\n");
    bench.model.applications.get_mut("web").unwrap().leader = Some(unit("web/0"));
    bench.prints("is-leader --format=json", "false\n");
    let mut leader = Bench::new();
    leader.prints("is-leader --format=json", "true\n");
}

#[test]
fn config_has_defaults_types_and_no_unset_options() {
    let mut bench = Bench::new();
    bench.prints("config-get --format=json", "{\"port\":80,\"ratio\":2}\n");
    bench.prints("config-get --all --format=json", "{\"name\":null,\"port\":80,\"ratio\":2}\n");
    bench.prints("config-get name --format=json", "null\n");
    bench.prints("config-get nope", "");
    bench.fails("config-get --all port", 2, "cannot use argument --all together with key \"port\"");
}

#[test]
fn status_acts_at_once_and_only_the_leader_speaks_for_the_application() {
    let mut bench = Bench::new();
    bench.prints("status-get", "unknown\n");
    bench.prints("status-set --application=False -- blocked", "");
    bench.prints(
        "status-get --include-data --format=json",
        "{\"message\":\"\",\"status\":\"blocked\",\"status-data\":{}}\n",
    );
    assert_eq!(bench.model.unit(&unit("web/0")).unwrap().status.value.as_str(), "blocked");
    bench.fails("status-set", 2, "invalid args, require <status> [message]");
    bench.fails(
        "status-set error",
        2,
        "invalid status \"error\", expected one of [maintenance blocked waiting active]",
    );
    bench.fails("status-set active a b", 2, "unrecognized args: [\"b\"]");
    bench.prints("status-set --application=True active ok", "");
    let mut follower = Bench::new().follower();
    follower.fails("status-set --application active", 1, "this unit is not the leader");
    follower.fails(
        "status-get --application",
        1,
        "finding application status: this unit is not the leader",
    );
}

#[test]
fn log_lines_carry_the_relation_of_the_hook() {
    let mut bench = Bench::in_relation(RelationEvent::Joined, Some("api/0"));
    bench.prints("juju-log --log-level debug -- hello world", "");
    let line = bench.model.log.last().unwrap();
    assert_eq!(line.message, "backend:3: hello world");
    assert_eq!((line.level.as_str(), line.module.as_str()), ("DEBUG", "unit.web/0.juju-log"));
    bench.fails("juju-log", 2, "no message specified");
}

#[test]
fn ports_are_buffered_and_listed() {
    let mut bench = Bench::new();
    bench.prints("open-port 80", "");
    bench.prints("open-port --endpoints backend 9/udp", "");
    bench.prints("opened-ports --format=json", "[\"80/tcp\",\"9/udp\"]\n");
    bench.prints("opened-ports --endpoints", "80/tcp (*)\n9/udp (backend)\n");
    bench.prints("close-port 80/tcp", "");
    bench.prints("opened-ports", "9/udp\n");
    bench.fails(
        "open-port 8000-8010",
        1,
        "port ranges are not supported for k8s applications, please specify a single port",
    );
    assert!(bench.model.unit(&unit("web/0")).unwrap().opened_ports.is_empty());
}

#[test]
fn state_sees_pending_writes_and_waits_for_the_commit() {
    let mut bench = Bench::new();
    bench.prints("state-set a=1 b=2", "");
    bench.prints("state-delete a", "");
    bench.prints("state-get --format=json", "{\"b\":\"2\"}\n");
    bench.prints("state-get a --format=json", "\"\"\n");
    bench.fails("state-get --strict a", 1, "\"a\" not found");
    assert!(bench.model.unit(&unit("web/0")).unwrap().state.is_empty());
    commit(&mut bench.context, &mut bench.model).unwrap();
    assert_eq!(bench.model.unit(&unit("web/0")).unwrap().state["b"], "2");
}

#[test]
fn a_secret_is_usable_in_the_hook_that_makes_it() {
    let mut bench = Bench::new();
    let (code, uri, _) = bench.output("secret-add --label l key=value", None);
    assert_eq!(code, 0);
    let uri = uri.trim().to_owned();
    bench.prints(&format!("secret-get {uri} --format=json"), "{\"key\":\"value\"}\n");
    bench.prints("secret-get --label l --format=json", "{\"key\":\"value\"}\n");
    bench.fails("secret-add --label l key=other", 1, "secret with label \"l\" already exists");
    bench.prints(&format!("secret-grant {uri} -r 3"), "");
    assert!(bench.model.secrets.is_empty());
    assert_eq!(bench.context.calls[0].arguments, ["--label", "l", "key=<redacted>"]);
    commit(&mut bench.context, &mut bench.model).unwrap();
    let secret = bench.model.secrets.values().next().unwrap();
    assert!(secret.is_granted_to(&unit("api/5")));
}

#[test]
fn an_owner_reads_the_newest_committed_revision_and_peeks_at_its_own() {
    let mut bench = Bench::new();
    let uri = bench.output("secret-add --owner unit key=one", None).1.trim().to_owned();
    commit(&mut bench.context, &mut bench.model).unwrap();
    bench.prints(&format!("secret-set {uri} key=two"), "");
    bench.prints(&format!("secret-get {uri} key"), "one\n");
    bench.prints(&format!("secret-get {uri} key --peek"), "two\n");
    commit(&mut bench.context, &mut bench.model).unwrap();
    bench.prints(&format!("secret-get {uri} key"), "two\n");
    let id = uri.trim_start_matches("secret:").to_owned();
    bench.prints(
        &format!("secret-info-get {uri} --format=json"),
        &format!(
            "{{\"{id}\":{{\"revision\":2,\"label\":\"\",\"owner\":\"unit\",\"rotation\":\"never\"}}}}\n"
        ),
    );
}

#[test]
fn an_observer_stays_on_its_revision_until_it_refreshes() {
    let mut bench = Bench::new();
    let uri = bench.output("secret-add key=one", None).1.trim().to_owned();
    bench.prints(&format!("secret-grant {uri} -r 3"), "");
    commit(&mut bench.context, &mut bench.model).unwrap();
    let mut observer = HookContext::new(unit("api/0"), LifeCycle::UpdateStatus.into(), 1);
    std::mem::swap(&mut bench.context, &mut observer);
    bench.prints(&format!("secret-get {uri} key --label mine"), "one\n");
    std::mem::swap(&mut bench.context, &mut observer);
    bench.prints(&format!("secret-set {uri} key=two"), "");
    commit(&mut bench.context, &mut bench.model).unwrap();
    std::mem::swap(&mut bench.context, &mut observer);
    bench.prints("secret-get --label mine --format=json", "{\"key\":\"one\"}\n");
    bench.prints("secret-get --label mine --peek --format=json", "{\"key\":\"two\"}\n");
    bench.prints("secret-get --label mine --format=json", "{\"key\":\"one\"}\n");
    bench.prints("secret-get --label mine --refresh --format=json", "{\"key\":\"two\"}\n");
    bench.prints("secret-get --label mine --format=json", "{\"key\":\"two\"}\n");
}

#[test]
fn secrets_refuse_with_the_words_of_juju() {
    let mut bench = Bench::new();
    bench.fails("secret-get", 2, "require either a secret URI or label");
    bench.fails("secret-get x", 2, "secret URI \"x\" not valid");
    bench.fails("secret-get --label nope", 1, "consumer label \"nope\" not found");
    bench.fails("secret-add", 2, "missing secret value or filename");
    bench.fails("secret-add X=1", 2, "key \"X\" not valid");
    bench.fails("secret-add word", 2, "key value \"word\" not valid");
    bench.fails("secret-add --rotate x key=1", 2, "rotate policy \"x\" not valid");
    bench.fails("secret-add --owner me key=1", 2, "secret owner \"me\" not valid");
    let id = "d0000000000000000000";
    bench.fails(&format!("secret-get {id}"), 1, &format!("secret \"{id}\" not found"));
    bench.fails(&format!("secret-grant {id}"), 2, "no relation id specified");
    bench.prints("secret-ids --format=json", "null\n");
    let mut follower = Bench::new().follower();
    follower.fails("secret-add key=1", 1, "this unit is not the leader");
    let uri = follower.output("secret-add --owner unit key=one", None).1.trim().to_owned();
    commit(&mut follower.context, &mut follower.model).unwrap();
    follower.context.unit = unit("api/0");
    follower.fails(&format!("secret-get {uri}"), 1, "permission denied");
}

#[test]
fn a_secret_of_a_failed_hook_does_not_exist() {
    let mut bench = Bench::new();
    bench.output("secret-add key=one", None);
    assert!(bench.model.secrets.is_empty());
}

#[test]
fn network_get_prints_addresses_of_a_binding() {
    let mut bench = Bench::new();
    bench.prints(
        "network-get backend --format=json",
        "{\"bind-addresses\":[{\"mac-address\":\"\",\"interface-name\":\"\",\"addresses\":\
         [{\"hostname\":\"\",\"value\":\"10.1.0.2\",\"cidr\":\"\"}]}],\
         \"egress-subnets\":[\"10.1.0.2/32\"],\"ingress-addresses\":[\"10.1.0.2\"]}\n",
    );
    bench.prints("network-get backend --bind-address", "10.1.0.2\n");
    bench.fails("network-get nope", 1, "no network config found for binding \"nope\"");
    bench.fails("network-get", 2, "no arguments specified");
}

#[test]
fn action_tools_work_only_in_actions() {
    let mut bench = Bench::new();
    for line in ["action-get", "action-set a=b", "action-fail", "action-log x"] {
        bench.fails(line, 1, "not running an action");
    }
    let parameters = json!({"a": {"b": 1}}).as_object().unwrap().clone();
    let hook = Hook::Action { name: "do".to_owned(), id: 2, parameters };
    let mut action = Bench::in_hook(hook);
    action.prints("action-get --format=json", "{\"a\":{\"b\":1}}\n");
    action.prints("action-get a.b", "1\n");
    action.prints("action-get a.c --format=json", "null\n");
    action.prints("action-set x.y=1 x.z=2", "");
    action.fails("action-set stdout=1", 2, "cannot set reserved action key \"stdout\"");
    action.fails("action-set x", 2, "argument \"x\" must be of the form key...=value");
    action.prints("action-fail", "");
    let state = action.context.action.unwrap();
    assert_eq!(Value::Object(state.results), json!({"x": {"y": "1", "z": "2"}}));
    assert_eq!(
        state.failure.as_deref(),
        Some("action failed without reason given, check action for errors")
    );
}

#[test]
fn help_goes_to_stdout() {
    let (code, stdout, stderr) = Bench::new().output("is-leader --help", None);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(stdout.starts_with("Usage: is-leader"));
}

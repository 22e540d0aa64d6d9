//! Items 19, 20 and 21 for the relation tools and for the command line of all: what is printed,
//! refused and asked for.

use relation_bus::hook::RelationEvent;

use crate::stage::{Play, Said, misused, prints, refused};

#[tokio::test]
async fn item_20_relation_tools_refuse_with_the_words_of_juju() {
    let mut play = Play::settled(2, 1).await;
    let no_relation = |text: &str, option: &str| {
        misused(&format!("invalid value \"{text}\" for option {option}: relation not found"))
    };
    let table = [
        ("relation-ids", misused("no endpoint name specified")),
        ("relation-ids a b", misused("unrecognized args: [\"b\"]")),
        ("relation-list", misused("no relation id specified")),
        ("relation-list -r 1 x", misused("unrecognized args: [\"x\"]")),
        ("relation-list -r", misused("option needs an argument: -r")),
        (
            "relation-list -r one",
            misused("invalid value \"one\" for option -r: invalid relation id"),
        ),
        ("relation-list -r db:99", no_relation("db:99", "-r")),
        ("relation-list --relation 99", no_relation("99", "--relation")),
        ("relation-get", misused("no relation id specified")),
        ("relation-get -r 9 - api/0", no_relation("9", "-r")),
        ("relation-get -r 1", misused("no unit or application specified")),
        ("relation-get -r 1 --app", misused("no unit or application specified")),
        ("relation-get -r 1 - api", misused("expected unit name, got application name \"api\"")),
        ("relation-get -r 1 - api//0", misused("invalid unit name \"api//0\"")),
        ("relation-get -r 1 - api/0 x", misused("unrecognized args: [\"x\"]")),
        (
            "relation-get -r 1 - api/9",
            refused(
                "cannot read settings for unit \"api/9\" in relation \"web:backend api:http\": \
                 unit \"api/9\": settings not found",
            ),
        ),
        ("relation-get -r 1 --app - other", refused("permission denied")),
        ("relation-set a=1", misused("no relation id specified")),
        ("relation-set -r 9 a=1", no_relation("9", "-r")),
        ("relation-set -r 1 haha", misused("expected \"key=value\", got \"haha\"")),
        ("relation-set -r 1 =x", misused("expected \"key=value\", got \"=x\"")),
        ("relation-set -r 1 a=1 a=2", misused("key \"a\" specified more than once")),
        (
            "echo 'a: {b: c}' | relation-set -r 1 --file -",
            refused("yaml: unmarshal errors:\n  line 1: cannot unmarshal !!map into string"),
        ),
        (
            "echo '[a]' | relation-set -r 1 --file -",
            refused(
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into map[string]string",
            ),
        ),
        ("relation-set -r 1", prints("")),
        ("relation-model-get", misused("no relation id specified")),
        ("relation-model-get -r 7", no_relation("7", "-r")),
    ];
    play.check("web/0", &table).await;
    let file = play.say_one("web/0", "relation-set -r 1 --file nowhere.yaml").await;
    assert_eq!(file.code, 1);
    assert!(file.stderr.starts_with("ERROR open "), "{file:?}");
    assert!(file.stderr.ends_with("/nowhere.yaml: no such file or directory\n"), "{file:?}");
}

#[tokio::test]
async fn item_20_a_relation_hook_gives_relation_and_target() {
    let mut play = Play::settled(1, 1).await;
    play.run("api/0", "relation-set -r http:1 a=1; relation-set -r http:1 --app b=2").await;
    play.settle().await;
    let about_unit = [
        ("relation-get a", prints("1\n")),
        ("relation-get --app b", prints("2\n")),
        ("relation-get - api/0 --app", prints("b: \"2\"\n")),
        ("relation-ids", prints("backend:1\n")),
        ("relation-list", prints("api/0\n")),
        ("relation-list --app", prints("api\n")),
        ("relation-model-get --format=json", prints(UUID)),
        ("relation-set c=3", prints("")),
        ("relation-get c web/0", prints("3\n")),
    ];
    let changed = play.about_backend(RelationEvent::Changed, Some("api/0"));
    play.check_in("web/0", changed, &about_unit).await;
    let about_application = [
        ("relation-get b", prints("2\n")),
        ("relation-get --app b", prints("2\n")),
        ("relation-get - api/0 --format=json | grep -c '\"a\":\"1\"'", prints("1\n")),
    ];
    let changed = play.about_backend(RelationEvent::Changed, None);
    play.check_in("web/0", changed, &about_application).await;
}

const UUID: &str = "{\"uuid\":\"0d4e2a58-0000-4000-8000-00000000c0de\"}\n";

#[tokio::test]
async fn item_19_absent_keys_empty_bags_and_lists() {
    let mut play = Play::settled(1, 1).await;
    let table = [
        ("relation-get -r 1 nope api/0 --format=json", prints("null\n")),
        ("relation-get -r 1 nope api/0 --format=yaml", prints("")),
        ("relation-get -r 1 nope api/0", prints("")),
        ("relation-get -r 1 --app - api --format=json", prints("{}\n")),
        ("relation-get -r 1 --app - api", prints("{}\n")),
        ("relation-list -r 0 --format=json", prints("[]\n")),
        ("relation-list -r 0", prints("")),
        ("relation-list -r 0 --format=yaml", prints("[]\n")),
        ("relation-ids nowhere --format=json", prints("[]\n")),
        ("relation-ids nowhere", prints("")),
        ("secret-ids --format=json", prints("null\n")),
        ("secret-ids", prints("")),
        ("opened-ports --format=json", prints("[]\n")),
        ("state-get --format=json", prints("{}\n")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_19_json_escapes_and_yaml_quotes_as_juju_does() {
    let mut play = Play::settled(1, 1).await;
    let set = "printf %s '{\"a\": \"<x & y>\", \"b\": \"true\", \"c\": \"café\", \"d\": \"1\", \
               \"e\": \"x: y\", \"f\": \"two\\nlines\\n\"}' | relation-set -r 1 --app --file -";
    let table = [
        (set, prints("")),
        (
            "relation-get -r 1 --app - web --format=json",
            prints(
                "{\"a\":\"\\u003cx \\u0026 y\\u003e\",\"b\":\"true\",\"c\":\"café\",\"d\":\"1\",\
                 \"e\":\"x: y\",\"f\":\"two\\nlines\\n\"}\n",
            ),
        ),
        (
            "relation-get -r 1 --app - web",
            prints("a: <x & y>\nb: \"true\"\nc: café\nd: \"1\"\ne: 'x: y'\nf: |\n  two\n  lines\n"),
        ),
        ("relation-get -r 1 --app d web --format=yaml", prints("\"1\"\n")),
        ("relation-get -r 1 --app d web --format=json", prints("\"1\"\n")),
        ("relation-get -r 1 --app d web --format=smart", prints("1\n")),
        ("relation-list -r 1 --format=yaml", prints("- api/0\n")),
        ("relation-list -r 1 --format=json", prints("[\"api/0\"]\n")),
        ("is-leader --format=yaml", prints("true\n")),
        ("is-leader", prints("True\n")),
    ];
    play.check("web/0", &table).await;
}

#[tokio::test]
async fn item_21_options_stand_anywhere_in_any_spelling() {
    let mut play = Play::settled(1, 1).await;
    let unit = prints("[\"api/0\"]\n");
    let table = [
        ("relation-list -r 1 --format=json", unit.clone()),
        ("relation-list --format json -r backend:1", unit.clone()),
        ("relation-list --relation=anything:1 --format=json", unit.clone()),
        ("relation-list --r 1 -format=json", unit.clone()),
        ("relation-list -relation 1 --format=json", unit.clone()),
        ("relation-list -r=1 --format=json", unit.clone()),
        ("relation-list -r1 --format=json", unit),
        ("relation-list -r 1 --app", prints("api\n")),
        ("relation-list -r 1 --app=True", prints("api\n")),
        ("relation-list -r 1 --app=1", prints("api\n")),
        ("relation-list -r 1 --app=False", prints("api/0\n")),
        ("relation-list -r 1 --app=f", prints("api/0\n")),
        (
            "relation-list -r 1 --app=maybe",
            misused(
                "invalid value \"maybe\" for option --app: strconv.ParseBool: parsing \"maybe\": \
                 invalid syntax",
            ),
        ),
        ("relation-get private-address -r 1 api/0 | wc -l", prints("1\n")),
        ("relation-get -r 1 nope --format=json api/0", prints("null\n")),
        ("relation-get -r 1 --format=json -- nope api/0", prints("null\n")),
        (
            "relation-get -r 1 -- -x api/0 --format=json",
            misused("unrecognized args: [\"--format=json\"]"),
        ),
        ("is-leader -x", misused("option provided but not defined: -x")),
        ("is-leader --xyz", misused("option provided but not defined: --xyz")),
        ("is-leader a b", misused("unrecognized args: [\"a\" \"b\"]")),
        (
            "is-leader --format x",
            misused("invalid value \"x\" for option --format: unknown format \"x\""),
        ),
        ("status-set --application=False -- active '-m'", prints("")),
        ("status-get --include-data --format=json | grep -c '\"message\":\"-m\"'", prints("1\n")),
        (
            "is-leader --format=json -o leader.json; cat leader.json; rm leader.json",
            prints("true\n"),
        ),
    ];
    play.check("web/0", &table).await;
    let help = play.say_one("web/0", "relation-get --help").await;
    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.starts_with("Usage: relation-get"), "{help:?}");
}

#[tokio::test]
async fn item_21_stdin_is_asked_for_only_when_it_is_wanted() {
    let mut play = Play::settled(1, 1).await;
    let deprecated = |tool: &str| Said {
        stderr: format!("--format flag deprecated for command \"{tool}\""),
        ..prints("")
    };
    let table = [
        ("printf 'a: 1\\n' | relation-set -r 1 --file -", prints("")),
        ("relation-get -r 1 a web/0", prints("1\n")),
        ("printf '' | relation-set -r 1 --file -", prints("")),
        ("printf 'b: 2\\n' | state-set --file=-", prints("")),
        ("state-get b", prints("2\n")),
        // Whoever reads stdin unasked would take the word away from cat.
        ("echo left | { is-leader; cat; }", prints("True\nleft\n")),
        ("echo left | { relation-set -r 1 c=3; cat; }", prints("left\n")),
        ("echo '{\"e\": \"5\"}' >bag.json; relation-set -r 1 --file bag.json", prints("")),
        ("relation-get -r 1 e web/0", prints("5\n")),
        ("relation-set -r 1 --format=json d=4", deprecated("relation-set")),
        ("open-port --format=json 80", deprecated("open-port")),
        ("close-port --format=json 80", deprecated("close-port")),
        ("juju-log --format=json hello", deprecated("juju-log")),
    ];
    play.check("web/0", &table).await;
    // Nothing happened at the call that was sent back for its stdin.
    let calls = play.bus.journal().last().unwrap().counts()["relation-set"];
    assert_eq!(calls, 5);
}

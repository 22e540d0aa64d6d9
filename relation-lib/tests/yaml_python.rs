//! What we read and write as YAML, against PyYAML itself.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use relation_lib::yaml::{self, Aliens};
use serde_json::{Value, json};

/// Texts that one reader or another takes for something else.
const TREACHEROUS: &[&str] = &[
    "",
    " ",
    "~",
    "null",
    "Null",
    "nULL",
    "yes",
    "Yes",
    "yES",
    "no",
    "on",
    "off",
    "OFF",
    "true",
    "True",
    "y",
    "Y",
    "n",
    "N",
    "0",
    "-0",
    "+1",
    "00",
    "08",
    "0600",
    "0o17",
    "0x1F",
    "0x",
    "0b101",
    "0b",
    "1_000",
    "1__0",
    "_1",
    "1_",
    "-1_0",
    "5:30",
    "5:60",
    "05:30",
    "190:20:30",
    "190:20:30.15",
    "1:2:3:4",
    "12:30:45",
    "1e3",
    "1E3",
    "1.0e3",
    "1.0e+3",
    "1.e+3",
    ".5",
    "-.5",
    "+.5",
    ".5e-1",
    "._5",
    "1.",
    "1._",
    "1.5_0",
    "-1.5",
    "+1.5",
    "1.2.3",
    ".inf",
    "-.inf",
    "+.INF",
    ".iNF",
    ".nan",
    ".NaN",
    "-.nan",
    "inf",
    "nan",
    "Infinity",
    "=",
    "<<",
    "<",
    "2026-03-01",
    "2026-3-1",
    "2026-03-01T10:00:00Z",
    "2026-03-01 10:00:00",
    "2026-3-1 1:00:00.5 +01:00",
    "2026-03-01T10:00",
    "20260301",
    "18446744073709551615",
    "9223372036854775808",
    "-9223372036854775808",
    "- x",
    "-",
    "--",
    "---",
    "--- x",
    "...",
    "?",
    "? x",
    ":",
    ": x",
    "a: b",
    "a:",
    "a:b",
    "a #b",
    "a#b",
    "#",
    "# x",
    "&a",
    "*a",
    "!x",
    "!",
    "%x",
    "@x",
    "`x`",
    "|",
    ">",
    "[",
    "]",
    "{",
    "}",
    "{}",
    "[]",
    "{{ $labels.x }}",
    ",",
    "a,b",
    "'",
    "''",
    "\"",
    "it's",
    "say \"x\"",
    "\\",
    "a\\b",
    "a\tb",
    "\t",
    "a\nb",
    "a\n",
    "\na",
    "a\n\nb\n\n",
    "a \nb",
    "a\n b",
    " a",
    "a ",
    "a  b",
    "é",
    "東京",
    "🧵",
    "\u{85}",
    "\u{a0}",
    "\u{2028}",
    "\u{feff}",
    "\u{7f}",
    "\u{1}",
    "\r",
    "a\r\nb",
    "up{a=\"b\"} == 0",
    "5m",
    "1h30m",
    "10%",
    "v1.2",
    "1,000",
    "0.0.0.0",
    "::1",
    "1::2",
    "http://x:80/y",
    "x=y",
];

const PROGRAM: &str = r#"
import json, math, sys, yaml

def plain(value):
    if isinstance(value, dict):
        return {key if isinstance(key, str) else json.dumps(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int) and -2**63 <= value < 2**64:
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    return {"alien": True}

def load(text):
    try:
        return {"value": plain(yaml.safe_load(text))}
    except Exception as error:
        return {"error": True}

job = json.load(sys.stdin)
json.dump({
    "loaded": [load(text) for text in job["load"]],
    "dumped": [yaml.safe_dump(value) for value in job["dump"]],
}, sys.stdout)
"#;

fn python(load: &[String], dump: &[Value]) -> (Vec<Value>, Vec<String>) {
    let mut child = Command::new("python3")
        .args(["-c", PROGRAM])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let job = json!({"load": load, "dump": dump}).to_string();
    child
        .stdin
        .take()
        .expect("stdin is piped")
        .write_all(job.as_bytes())
        .expect("python3 reads the job");
    let output = child.wait_with_output().expect("python3 ends");
    assert!(output.status.success());
    let answer: Value = serde_json::from_slice(&output.stdout).expect("python3 answers in JSON");
    let dumped = answer["dumped"].as_array().expect("a list of texts");
    let dumped = dumped.iter().map(|text| text.as_str().expect("a text").to_owned()).collect();
    (answer["loaded"].as_array().expect("a list").clone(), dumped)
}

fn ours(text: &str) -> Value {
    match yaml::read(text) {
        Err(_) => json!({"error": true}),
        Ok(node) => match node.to_json(Aliens::Refuse) {
            Ok(value) => json!({"value": value}),
            Err(_) => json!({"value": {"alien": true}}),
        },
    }
}

#[test]
#[ignore = "needs PyYAML"]
fn reads_scalars_as_pyyaml_does() {
    // These three are no scalars: an end mark, and mappings without a key, which PyYAML does not read.
    let scalars = TREACHEROUS.iter().filter(|text| !matches!(**text, "..." | ":" | ": x"));
    let scalars: Vec<&&str> =
        scalars.filter(|text| text.chars().all(|c| (' '..='~').contains(&c))).collect();
    let tags = ["", "! ", "!!str ", "!!int ", "!!float ", "!!bool ", "!!null ", "!x "];
    let texts: Vec<String> = tags
        .iter()
        .flat_map(|tag| scalars.iter().map(move |scalar| format!("{tag}{scalar}")))
        .collect();
    let (theirs, _) = python(&texts, &[]);
    let wrong: Vec<String> = texts
        .iter()
        .zip(theirs)
        .filter(|(text, theirs)| ours(text) != *theirs)
        .map(|(text, theirs)| format!("{text:?}: {} but {theirs}", ours(text)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[ignore = "needs PyYAML"]
fn reads_structures_as_pyyaml_does() {
    let texts: Vec<String> = [
        "a: 1\nb: 2\na: 3\n",
        "2: a\nyes: b\n~: c\n1.5: d\n0x10: e\n",
        "x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {b: 0, <<: *x}\nw: {<<: [*x, {a: 9, c: 4}]}\n",
        "'<<': {a: 1}\n",
        "\"<<\": 1\n",
        "=: 1\n",
        "a: =\n",
        "a: &a [1, *a]\n",
        "a: *nowhere\n",
        "a: 1\n---\nb: 2\n",
        "---\na: 1\n...\n",
        "%YAML 1.1\n---\na: yes\n",
        "",
        "# only a comment\n",
        "? [a]\n: 1\n",
        "? a\n: 1\n",
        "a: |\n  x\n  y\nb: >-\n  x\n  y\n\n  z\n",
        "a: 'x\n  y'\nb: \"x\\\n  y\"\n",
        "a: {b: [1, 2, {c: }]}\n",
        "a: [1, 2\n",
        "a: b: c\n",
        "a:\n\t- b\n",
        "- a\n-b\n",
        "a: \u{1}\n",
        "a: 2026-03-01\n",
        "a: !!binary aGk=\n",
        "a: !custom x\n",
        "!!seq {a: 1}\n",
    ]
    .map(str::to_owned)
    .into();
    let (theirs, _) = python(&texts, &[]);
    let wrong: Vec<String> = texts
        .iter()
        .zip(theirs)
        .filter(|(text, theirs)| {
            // A value that JSON cannot hold may stand deeper in theirs.
            let alien =
                ours(text)["value"]["alien"] == true && theirs.to_string().contains("alien");
            ours(text) != *theirs && !alien
        })
        .map(|(text, theirs)| format!("{text:?}: {} but {theirs}", ours(text)))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
#[ignore = "needs PyYAML"]
fn writes_what_pyyaml_writes_and_reads_back() {
    let mut values: Vec<Value> = TREACHEROUS.iter().map(|text| json!(text)).collect();
    values.extend(TREACHEROUS.iter().map(|text| json!({"k": [text, {*text: text}, [[text]]]})));
    values.extend([
        json!(1.5),
        json!(1e22),
        json!(-1e-9),
        json!(1e16),
        json!(0.1),
        json!([]),
        json!({"a": {}}),
    ]);
    for length in [60, 78, 79, 80, 81, 82, 120, 127, 128, 129, 200] {
        for word in ["ab ", "a'b ", "é ", "x\\ ", "long\n", "one  two ", "\t ", "aé b"] {
            let text: String = word.chars().cycle().take(length).collect();
            values.push(json!({"summary": text, "deep": {"deep": [text.trim()]}}));
            values.push(json!({ text: 1 }));
        }
    }
    let texts: Vec<String> = values.iter().map(yaml::dump_sorted).collect();
    let (read_back, theirs) = python(&texts, &values);
    for (((value, text), theirs), read) in values.iter().zip(&texts).zip(&theirs).zip(read_back) {
        assert_eq!(read, json!({"value": value}), "{text:?}");
        assert_eq!(&yaml::parse(text).expect("our own text"), value, "{text:?}");
        // Only where YAML 1.2 would disagree do we quote more than Python.
        if text != theirs {
            assert!(means_something_else_elsewhere(theirs, value), "{text:?} but {theirs:?}");
        }
    }
}

/// Whether other readers than PyYAML take its text for something else than was written.
fn means_something_else_elsewhere(theirs: &str, value: &Value) -> bool {
    let literally_one_one =
        ["y", "Y", "n", "N"].iter().any(|text| value.to_string().contains(&format!("\"{text}\"")));
    literally_one_one || serde_yaml::from_str::<Value>(theirs).ok().as_ref() != Some(value)
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "\\PC{0,12}",
        "[ -~\n]{0,100}",
        prop::sample::select(TREACHEROUS).prop_map(str::to_owned)
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.clone().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map(text.clone(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reads_back_what_it_wrote(value in any_value()) {
        let text = yaml::dump_sorted(&value);
        prop_assert_eq!(yaml::parse(&text).expect("our own text"), value, "{}", &text);
        prop_assert_eq!(yaml::dump_sorted(&yaml::parse(&text).expect("our own text")), text);
    }

    #[test]
    fn never_panics(text in "\\PC{0,60}|[-a-z0-9:?&*!|>'\"{}\\[\\],#%@ \n\t<=~.]{0,80}") {
        let _ = yaml::parse(&text);
    }
}

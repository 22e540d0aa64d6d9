//! Injection against what was recorded from the Python side's helper.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;

use relation_lib::injection::{self, Language, play, replace_token};
use relation_lib::topology::Labels;
use serde_json::Value;

/// A recorded run.
struct Entry {
    name: String,
    expression: String,
    matchers: Labels,
    /// What came out; `None` where the helper refused.
    output: Option<String>,
    quirk: Option<String>,
}

fn recorded(language: Language) -> (Value, Vec<Entry>) {
    let file = match language {
        Language::PromQl => "promql.json",
        Language::LogQl => "logql.json",
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/injection").join(file);
    let value: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let entries = value.as_array().unwrap().iter().map(|entry| {
        let text = |key: &str| entry.get(key).and_then(Value::as_str).map(str::to_owned);
        let expression = text("expr").unwrap();
        let token = entry.get("token") == Some(&Value::Bool(true));
        Entry {
            name: text("name").unwrap(),
            expression: if token { replace_token(language, &expression) } else { expression },
            matchers: serde_json::from_value(entry["matchers"].clone()).unwrap(),
            output: text("output"),
            quirk: text("quirk"),
        }
    });
    let entries = entries.collect();
    (value, entries)
}

/// An expression in the one way in which we print it, whoever wrote it.
fn normal(language: Language, expression: &str) -> Option<String> {
    injection::inject(language, expression, &Labels::new()).ok()
}

fn agrees(language: Language) {
    let (value, entries) = recorded(language);
    let played = play(language, &value).unwrap();
    let plain: Vec<(&Entry, &Value)> = entries
        .iter()
        .zip(played.as_array().unwrap())
        .filter(|(entry, _)| entry.quirk.is_none())
        .collect();
    let mut wrong = Vec::new();
    let mut same_text = 0;
    for (entry, outcome) in &plain {
        let ours = outcome.get("output").and_then(Value::as_str);
        match (&entry.output, ours) {
            (None, None) => same_text += 1,
            (Some(theirs), Some(ours)) if theirs == ours => same_text += 1,
            (Some(theirs), Some(ours)) if normal(language, theirs) == normal(language, ours) => {
                println!("{}: same parse, other text\n  {theirs}\n  {ours}", entry.name);
            }
            (theirs, ours) => wrong.push(format!("{}: {theirs:?}\n  but {ours:?}", entry.name)),
        }
    }
    println!("{language:?}: {same_text} of {} to the letter", plain.len());
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert!(same_text * 10 >= plain.len() * 9, "{same_text} of {} to the letter", plain.len());
}

#[test]
fn promql_agrees_with_every_plain_entry() {
    agrees(Language::PromQl);
}

#[test]
fn logql_agrees_with_every_plain_entry() {
    agrees(Language::LogQl);
}

#[test]
fn an_injected_expression_is_a_fixed_point() {
    for language in [Language::PromQl, Language::LogQl] {
        for entry in recorded(language).1 {
            let Ok(once) = injection::inject(language, &entry.expression, &entry.matchers) else {
                continue;
            };
            let twice = injection::inject(language, &once, &entry.matchers);
            assert_eq!(twice.as_deref(), Ok(once.as_str()), "{}", entry.name);
        }
    }
}

#[test]
fn without_the_injected_matchers_the_expression_is_what_it_was() {
    for language in [Language::PromQl, Language::LogQl] {
        for entry in recorded(language).1 {
            // Names that no entry uses, so that what was injected can be told and taken out as text.
            let strange = Labels::from_iter([("zz_zz".to_owned(), "injected".to_owned())]);
            let Ok(injected) = injection::inject(language, &entry.expression, &strange) else {
                continue;
            };
            let bare = normal(language, &entry.expression).unwrap();
            let mut taken_out = injected;
            for matcher in [
                ", zz_zz=\"injected\"",
                ",zz_zz=\"injected\"",
                "{zz_zz=\"injected\"}",
                "zz_zz=\"injected\",",
            ] {
                taken_out = taken_out.replace(matcher, "");
            }
            assert_eq!(taken_out, bare, "{}", entry.name);
        }
    }
}

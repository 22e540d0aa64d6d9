//! The JSON Schemas and the table in `docs/interfaces/` say what the wire types say.
//!
//! Which keys there are, how they are encoded and which are required comes from the
//! specifications; what they mean comes from the documentation of the wire types, which must have
//! a table row and a sentence for every key. `UPDATE_SCHEMAS=1 cargo test -p relation-lib --test
//! schemas` writes the files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a page that is not as expected fails the test"
)]

mod shapes;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use relation_lib::databag::{Confidentiality, Encoding, Key, Presence};
use relation_lib::encoding::parse_json;
use relation_lib::interface::{DatabagKind, Specification, specifications};
use serde_json::{Map, Value, json};

/// A source file that documents wire types.
struct Page {
    path: String,
    text: String,
}

/// What the documentation of a wire type says.
#[derive(Debug)]
struct Documented<'a> {
    page: &'a str,
    /// Paragraphs before the table: what it is; which databag, which version.
    paragraphs: Vec<String>,
    /// Columns by name, by key.
    rows: BTreeMap<String, BTreeMap<String, String>>,
    /// The sentence at the field of a key.
    fields: BTreeMap<String, String>,
}

fn pages(folder: &Path, pages: &mut Vec<Page>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            self::pages(&path, pages);
        } else {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let source = Path::new(env!("CARGO_MANIFEST_DIR"));
            let path = path.strip_prefix(source).unwrap().to_str().unwrap().to_owned();
            pages.push(Page { path, text });
        }
    }
}

/// Markdown links and backticks taken out of a sentence.
fn plain(text: &str) -> String {
    text.replace("[`", "").replace("`]", "").replace('`', "")
}

fn cells(row: &str) -> Vec<String> {
    row.trim().trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()
}

fn documented<'a>(pages: &'a [Page], name: &str) -> Documented<'a> {
    let head = format!("pub struct {name} {{");
    let page = pages.iter().find(|page| page.text.contains(&head)).expect(name);
    let (before, after) = page.text.split_once(&head).unwrap();
    let mut lines: Vec<&str> = before
        .lines()
        .rev()
        .filter(|line| !line.starts_with("#["))
        .map_while(|line| line.strip_prefix("///"))
        .map(str::trim)
        .collect();
    lines.reverse();
    let (rows, prose): (Vec<&str>, Vec<&str>) =
        lines.into_iter().partition(|line| line.starts_with('|'));
    let paragraphs = prose
        .split(|line| line.is_empty())
        .filter(|lines| !lines.is_empty())
        .map(|lines| plain(&lines.join(" ")));
    let columns = cells(rows.first().unwrap_or_else(|| panic!("`{name}` has no table")));
    let rows = rows[2..].iter().map(|row| {
        let cells = cells(row);
        assert_eq!(cells.len(), columns.len(), "`{name}`: {row}");
        (plain(&cells[0]), columns.iter().cloned().zip(cells).collect())
    });
    let mut fields = BTreeMap::new();
    let mut doc = String::new();
    for line in after.lines().take_while(|line| !line.starts_with('}')).map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc += text;
        } else if let Some((key, text)) = std::mem::take(&mut doc).split_once("`: ") {
            fields.insert(key.replace('`', "").trim().to_owned(), plain(text));
        }
    }
    Documented { page: &page.path, paragraphs: paragraphs.collect(), rows: rows.collect(), fields }
}

fn of<'a>(pages: &'a [Page], specification: &Specification) -> Vec<Documented<'a>> {
    specification.type_name.split(", ").map(|name| documented(pages, name)).collect()
}

fn encoding_name(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::Raw => "plain text",
        Encoding::PythonJson => "JSON as Python writes it",
        Encoding::PythonJsonSorted => "JSON as Python writes it, members sorted",
        Encoding::CompactJson => "JSON without blanks",
        Encoding::Yaml => "YAML",
    }
}

/// The name of the interface without the product, which stands before an underscore.
fn name(specification: &Specification) -> &str {
    specification.interface.trim_start_matches('_')
}

/// A sentence about the meaning of a key, and one about its value if that says more.
fn description(meaning: &str, value: &str) -> String {
    let value = value.replace(", required", "");
    let meaning = meaning.replace("; None is written as null", "").replace("; None ", "; absent ");
    let (meaning, value) = (meaning.trim_end_matches('.'), value.trim_end_matches('.'));
    let mut text = String::new();
    for part in [meaning, if meaning.contains(value) { "" } else { value }] {
        let mut characters = part.chars();
        if let Some(first) = characters.next() {
            let blank = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{blank}{}{}.", first.to_uppercase(), characters.as_str());
        }
    }
    text
}

fn key_schema(specification: &Specification, key: &Key, documented: &[Documented<'_>]) -> Value {
    let name = key.name;
    let missing = || panic!("{specification:?} documents no `{name}`");
    let row = documented.iter().find_map(|one| one.rows.get(name)).unwrap_or_else(missing);
    let field = documented.iter().find_map(|one| one.fields.get(name));
    let meaning = field.cloned().unwrap_or_default();
    let value = plain(&row["value"]);
    let description = description(&meaning, &value);
    let mut schema = Map::from_iter([
        ("type".to_owned(), json!("string")),
        ("description".to_owned(), json!(description)),
        ("x-encoding".to_owned(), json!(encoding_name(key.encoding))),
    ]);
    let media_type = match key.encoding {
        Encoding::Raw => None,
        Encoding::PythonJson | Encoding::PythonJsonSorted | Encoding::CompactJson => {
            Some("application/json")
        }
        Encoding::Yaml => Some("application/yaml"),
    };
    let example = row["example"].trim_matches('`');
    let whole = !example.contains(['…', '[']) || parse_json(example).is_ok();
    let whole = whole && !example.contains('…');
    if let Some(media_type) = media_type {
        schema.insert("contentMediaType".to_owned(), json!(media_type));
        let shape = shapes::of(self::name(specification), specification.side, name)
            .unwrap_or_else(|| panic!("{specification:?}: `{name}` has no shape"));
        if media_type == "application/json"
            && whole
            && let Ok(example) = parse_json(example)
        {
            assert!(shapes::admits(&shape, &example), "{specification:?} `{name}`: {example}");
        }
        schema.insert("contentSchema".to_owned(), shape);
    }
    if whole && key.confidentiality == Confidentiality::Public {
        let examples: Vec<String> =
            example.split("`, `").map(|one| one.replace("\\n", "\n")).collect();
        let json = media_type == Some("application/json");
        if !json {
            schema.insert("examples".to_owned(), json!(examples));
        } else if parse_json(example).is_ok() {
            schema.insert("examples".to_owned(), json!([example]));
        }
    }
    if key.confidentiality == Confidentiality::Secret {
        schema.insert("x-secret".to_owned(), json!(true));
    }
    Value::Object(schema)
}

fn schema(specification: &Specification, documented: &[Documented<'_>]) -> Value {
    let required: Vec<&str> = specification
        .keys
        .iter()
        .filter(|key| key.presence == Presence::Required)
        .map(|key| key.name)
        .collect();
    let properties: Map<String, Value> = specification
        .keys
        .iter()
        .map(|key| (key.name.to_owned(), key_schema(specification, key, documented)))
        .collect();
    let prose: Vec<&str> =
        documented.iter().flat_map(|one| &one.paragraphs).map(String::as_str).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!(
            "{}: {} databag of the {}", name(specification), specification.kind, specification.side
        ),
        "description": prose.join(" "),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": { "type": "string" },
    })
}

fn file_name(specification: &Specification) -> String {
    let kind = match specification.kind {
        DatabagKind::Application => "app",
        DatabagKind::Unit => "unit",
    };
    format!("{}.{}.{kind}.json", name(specification), specification.side)
}

const PREFACE: &str = "\
# Interfaces

Every databag that `relation-lib` reads and writes. The schemas are generated from the crate's specifications and
the documentation of its wire types by `relation-lib/tests/schemas.rs`; `UPDATE_SCHEMAS=1 cargo test -p relation-lib
--test schemas` writes them again.

All values of a databag are texts, so every property has the type `string`; `contentMediaType` and `contentSchema` say
what a text holds, `x-encoding` how it is written. Required is what the other side waits for. Keys that a schema doesn't
name are ignored by readers, as are unknown members of objects. Keys that Juju sets by itself, such as
`ingress-address`, may be there in unit databags. Clusters and peers are named after the product, as in `tempo_cluster`
and `tempo_peers`.

| interface | side | databag | keys (required in bold) | schema | documented in |
|---|---|---|---|---|---|
";

/// All generated files by path below `docs/interfaces/`.
fn generated() -> BTreeMap<String, String> {
    let mut pages = Vec::new();
    self::pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut pages);
    let mut files = BTreeMap::new();
    let mut readme = PREFACE.to_owned();
    for specification in specifications() {
        let documented = of(&pages, specification);
        let file = file_name(specification);
        let schema = serde_json::to_string_pretty(&schema(specification, &documented)).unwrap();
        let keys = specification.keys.iter().map(|key| match key.presence {
            Presence::Required => format!("**`{}`**", key.name),
            Presence::Optional => format!("`{}`", key.name),
        });
        let page = documented[0].page;
        writeln!(
            readme,
            "| `{}` | {} | {} | {} | [schema](schemas/{file}) | [`{}`](../../relation-lib/{page}) |",
            name(specification),
            specification.side,
            specification.kind,
            keys.collect::<Vec<_>>().join(", "),
            page.trim_start_matches("src/"),
        )
        .unwrap();
        assert!(files.insert(format!("schemas/{file}"), schema + "\n").is_none());
    }
    files.insert("README.md".to_owned(), readme);
    files
}

#[test]
fn schemas_are_up_to_date() {
    let folder: PathBuf = [env!("CARGO_MANIFEST_DIR"), "..", "docs", "interfaces"].iter().collect();
    let files = generated();
    if std::env::var_os("UPDATE_SCHEMAS").is_some() {
        fs::create_dir_all(folder.join("schemas")).unwrap();
        for (path, text) in &files {
            fs::write(folder.join(path), text).unwrap();
        }
    }
    for (path, text) in &files {
        let found = fs::read_to_string(folder.join(path)).unwrap_or_default();
        assert!(found == *text, "`docs/interfaces/{path}` is old: run with UPDATE_SCHEMAS=1");
    }
    let found: BTreeSet<String> = fs::read_dir(folder.join("schemas"))
        .unwrap()
        .map(|entry| format!("schemas/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    let wanted = files.into_keys().filter(|path| path != "README.md").collect();
    assert_eq!(found, wanted);
}

#[test]
fn interfaces_have_a_doctest() {
    let mut pages = Vec::new();
    self::pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut pages);
    for specification in specifications() {
        for documented in of(&pages, specification) {
            let module = documented.page.replace("/wire.rs", "/mod.rs");
            let page = pages.iter().find(|page| page.path == module).unwrap();
            assert!(page.text.contains("//! ```\n"), "`{module}` shows no use");
        }
    }
}

#[test]
fn tables_say_whose_databag_it_is_and_how_values_are_written() {
    let mut pages = Vec::new();
    self::pages(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut pages);
    for specification in specifications() {
        for documented in of(&pages, specification) {
            let prose = documented.paragraphs.join(" ");
            assert!(prose.contains("databag"), "{specification:?}: whose databag?");
            for (key, row) in &documented.rows {
                assert!(!row["example"].is_empty(), "{specification:?} `{key}`: no example");
                let said = row.contains_key("encoding")
                    || ["Plain texts", "JSON"]
                        .iter()
                        .any(|word| prose.contains(word) || row["value"].contains(word));
                assert!(said, "{specification:?} `{key}`: which encoding?");
            }
        }
    }
}

//! Garbage in, no panic: one fuzz target for each family that reads foreign input.
//!
//! `cargo test -p relation-lib --test fuzz` replays `tests/corpus/<family>/`. To look for more:
//!
//! ```console
//! $ FUZZ_SECONDS=60 cargo test -p relation-lib --test fuzz -- --ignored
//! ```
//!
//! changes the corpus at random and keeps what is answered in a way not seen before. A library's
//! answer stands in for coverage, which stable Rust doesn't measure. `FUZZ_SEED` is a number;
//! an input that panics is written to the family's folder, and the target fails.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what panics or can't be read fails the test"
)]

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use relation_lib::alert_rules::AlertRules;
use relation_lib::databag::{Databag, patched};
use relation_lib::grafana_dashboard::PackedDashboard;
use relation_lib::injection::{self, InjectError, Language};
use relation_lib::interface::{DatabagKind, Side, describe, recode};
use relation_lib::rules::{Injection, RuleReader, received};
use relation_lib::tls_certificates::{Certificate, CertificateSigningRequest, PrivateKey};
use relation_lib::topology::{JujuTopology, Labels};
use relation_lib::yaml::{self, Aliens};

/// The longest input that is kept, in bytes.
const LONGEST: usize = 4096;
/// The most inputs that a corpus grows to.
const MOST: usize = 64;
/// The most inputs that are changed further.
const MOST_AT_WORK: usize = 20_000;
/// The longest that one input may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What mutations insert.
const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "'",
    "`",
    "\\",
    ",",
    ":",
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551616",
    "\u{0}",
    "\u{fffd}",
    "é",
    "\u{1f9f5}",
    "\n",
    "\r\n",
    "\t",
    "  ",
    "- ",
    "? ",
    "&a ",
    "*a",
    "<<: ",
    "!!binary ",
    "|-\n",
    "%YAML 1.1\n",
    "---\n",
    "...",
    "#",
    "=~",
    "!=",
    "|=",
    "| json",
    "| line_format ",
    "sum by (",
    "rate(",
    "[5m]",
    "[1h:1m]",
    " offset -5m",
    " @ end()",
    "%%juju_topology%%",
    "http://",
    "[::1]",
    "65536",
    "*:80",
    "groups",
    "rules",
    "expr",
    "labels",
    "\\u0000",
    "\\ud800",
    "==\n",
    "AAAA",
    "\x30\x7f",
    "\x02\x01",
    "\u{7f}",
];

/// A family: reads an input and answers what became of it.
type Target = fn(&[u8]) -> String;

fn text(input: &[u8]) -> String {
    String::from_utf8_lossy(input).into_owned()
}

/// The first line is `interface side kind`, then `key=value` entries stand a record separator apart.
fn databags(input: &[u8]) -> String {
    let text = text(input);
    let (head, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let mut words = head.split(' ');
    let interface = words.next().unwrap_or_default();
    let side = match words.next() {
        Some("provider") => Side::Provider,
        Some("peer") => Side::Peer,
        _ => Side::Requirer,
    };
    let kind = match words.next() {
        Some("unit") => DatabagKind::Unit,
        _ => DatabagKind::Application,
    };
    let entries = rest.split('\u{1e}').filter_map(|entry| entry.split_once('='));
    let bag: Databag = entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let told = describe(interface, side, kind, &bag);
    let mut answer = format!("{:?}", told.specification);
    for finding in &told.findings {
        answer += &finding.to_string();
    }
    if let Some(Ok(read)) = recode(interface, side, kind, &bag) {
        let written = patched(&Databag::new(), &read.value);
        let again = recode(interface, side, kind, &written).unwrap().unwrap();
        assert_eq!(again.value, read.value, "what was understood is understood again");
    }
    answer
}

fn yaml(input: &[u8]) -> String {
    match yaml::parse_with(&text(input), Aliens::AsText) {
        Ok(value) => {
            let written = yaml::dump_sorted(&value);
            let again = yaml::parse(&written).expect("what is written can be read");
            assert_eq!(yaml::dump_sorted(&again), written);
            shape(&written)
        }
        Err(error) => error.to_string(),
    }
}

fn topology() -> JujuTopology {
    JujuTopology::new(
        "stage",
        "20d3ed5c-1f6c-4d2a-9a5e-3f1b6d0c7a11".parse().unwrap(),
        "loom".parse().unwrap(),
    )
}

fn rules(input: &[u8]) -> String {
    let topology = topology();
    let files = [("rules/a.rules".to_owned(), text(input))].into();
    let mut answer = String::new();
    for language in [Language::PromQl, Language::LogQl] {
        let set = RuleReader::new(language).with_topology(&topology).read(&files, "rules");
        for problem in &set.problems {
            answer += &problem.to_string();
        }
        let (AlertRules { groups, .. }, skipped) = received(&set.rules, language, Injection::On);
        answer += &format!("{} {skipped:?}", groups.len());
    }
    answer
}

fn promql(input: &[u8]) -> String {
    injected(Language::PromQl, &text(input))
}

fn logql(input: &[u8]) -> String {
    injected(Language::LogQl, &text(input))
}

fn injected(language: Language, expression: &str) -> String {
    let filled = injection::fill_token(language, &injection::replace_token(language, expression));
    let _ = injection::check(language, &filled);
    let own = Labels::from_iter([("juju_model".to_owned(), "st\"a\\ge".to_owned())]);
    match injection::inject(language, expression, &own) {
        Ok(narrowed) => {
            let again = injection::inject(language, &narrowed, &own);
            // Matchers make it longer, and printed parentheses deeper: the limits may be in the way.
            if !matches!(again, Err(InjectError::TooDeep | InjectError::TooLong { .. })) {
                assert_eq!(again.as_ref(), Ok(&narrowed), "injecting again changes nothing");
            }
            shape(&narrowed)
        }
        Err(error) => error.to_string(),
    }
}

/// An archive, and the text in it.
fn dashboards(input: &[u8]) -> String {
    let unpacked = PackedDashboard::from_wire(STANDARD.encode(input)).unpack();
    let content = PackedDashboard::pack(&text(input));
    let template = serde_json::json!({
        "templates": { "file:a": { "charm": "c", "content": content.as_str() }, "b": text(input) },
        "uuid": "a398eb74ed7d0d4c",
    });
    let bag = Databag::from([("dashboards".to_owned(), template.to_string())]);
    let told = describe("grafana_dashboard", Side::Provider, DatabagKind::Application, &bag);
    let _ = PackedDashboard::from_wire(text(input)).unpack();
    let unpacked = unpacked.map(|text| shape(&text));
    let told = told.findings.iter().map(ToString::to_string).collect::<String>();
    format!("{unpacked:?} {told}")
}

/// DER, framed as each kind of PEM.
fn certificates(input: &[u8]) -> String {
    let framed = |label: &str| {
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(input))
    };
    let certificate = Certificate::from_pem(&framed("CERTIFICATE")).parse();
    let request = CertificateSigningRequest::from_pem(&framed("CERTIFICATE REQUEST")).parse();
    let key = [framed("RSA PRIVATE KEY"), framed("PRIVATE KEY")].map(|pem| {
        PrivateKey::from_pem(&pem).map_err(|error| error.to_string()).map(|key| key.to_pem().len())
    });
    let _ = Certificate::from_pem(&text(input)).parse();
    let _ = PrivateKey::from_pem(&text(input));
    shape(&format!("{certificate:?} {request:?} {key:?}"))
}

/// What is left of a text when words and numbers are all the same.
fn shape(text: &str) -> String {
    let mut shape = String::new();
    for character in text.chars() {
        let class = match character {
            c if c.is_alphabetic() || c == '_' => 'a',
            c if c.is_numeric() => '0',
            c if c.is_control() && c != '\n' => '^',
            c => c,
        };
        if !shape.ends_with(class) {
            shape.push(class);
        }
        if shape.len() > 48 {
            break;
        }
    }
    shape
}

/// An answer without what it quotes and where in the input it points.
fn kind(answer: &str) -> String {
    let unquoted: String = answer.split('`').step_by(2).collect();
    unquoted.chars().filter(|character| !character.is_numeric()).take(400).collect()
}

fn digest(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn folder(family: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "corpus", family].iter().collect()
}

fn corpus(family: &str) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(folder(family)).expect("the corpus is part of the repository");
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Runs a target, and keeps an input that panics or takes too long.
fn run(family: &str, target: Target, input: &[u8]) -> u64 {
    let start = Instant::now();
    let answer = catch_unwind(AssertUnwindSafe(|| target(input)));
    if answer.is_err() || start.elapsed() > PATIENCE {
        let path = folder(family).join(format!("crash-{:016x}", digest(input)));
        fs::write(&path, input).unwrap();
        panic!("{family}: `{}` panics, or takes {:?}", path.display(), start.elapsed());
    }
    digest(answer.ok().map(|answer| kind(&answer)))
}

fn replay(family: &str, target: Target) {
    let inputs = corpus(family);
    assert!(!inputs.is_empty(), "{family} has no corpus");
    for input in inputs {
        run(family, target, &input);
    }
}

/// A generator of numbers that are random enough (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap_or(0) % end.max(1)
    }

    fn range(&mut self, input: &[u8]) -> std::ops::Range<usize> {
        let start = self.below(input.len() + 1);
        let most = [4, 32, LONGEST][self.below(3)];
        start..(start + self.below(most)).min(input.len())
    }

    fn mutated(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(6) {
            let range = self.range(&input);
            match self.below(6) {
                0 if !input.is_empty() => {
                    let at = self.below(input.len());
                    input[at] ^= 1 << self.below(8);
                }
                1 => drop(input.drain(range)),
                2 => {
                    let copy = input[range.clone()].repeat(1 + self.below(20));
                    input.splice(range.start..range.start, copy);
                }
                3 => {
                    let other = &corpus[self.below(corpus.len())];
                    let piece = other[self.range(other)].to_vec();
                    input.splice(range, piece);
                }
                4 if !input.is_empty() => {
                    let at = self.below(input.len());
                    input[at] = [0, 1, 0x7f, 0x80, 0xff, b'0', b'9'][self.below(7)];
                }
                _ => {
                    let word = WORDS[self.below(WORDS.len())].bytes();
                    input.splice(range.start..range.start, word);
                }
            }
            input.truncate(4 * LONGEST);
        }
        input
    }
}

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

fn fuzz(family: &str, target: Target) {
    let end = Instant::now() + Duration::from_secs(variable("FUZZ_SECONDS", 60));
    let mut corpus = corpus(family);
    let mut seen: HashSet<u64> = corpus.iter().map(|input| run(family, target, input)).collect();
    let kept = corpus.len();
    let mut dice = Dice(variable("FUZZ_SEED", 0x9e37_79b9_7f4a_7c15) | 1);
    let mut runs = 0_u64;
    while Instant::now() < end {
        let input = dice.mutated(&corpus);
        runs += 1;
        let is_new = seen.insert(run(family, target, &input));
        if is_new && input.len() <= LONGEST && corpus.len() < MOST_AT_WORK {
            corpus.push(input);
        }
    }
    // Late finds are the furthest from what was there.
    let room = MOST.saturating_sub(kept);
    for input in corpus[kept..].iter().rev().take(room) {
        fs::write(folder(family).join(format!("{:016x}", digest(input))), input).unwrap();
    }
    println!("{family}: {runs} inputs, {} answers", seen.len());
}

macro_rules! families {
    ($($family:ident),*) => {
        mod replay {
            $(#[test] fn $family() { super::replay(stringify!($family), super::$family); })*
        }
        mod fuzz {
            $(#[test]
            #[ignore = "runs for FUZZ_SECONDS"]
            fn $family() { super::fuzz(stringify!($family), super::$family); })*
        }
    };
}

families!(databags, yaml, rules, promql, logql, dashboards, certificates);

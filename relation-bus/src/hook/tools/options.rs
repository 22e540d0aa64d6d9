//! The command line of hook tools.
//!
//! Options and positionals may be mixed; one dash or two are equal; `--` ends options; a boolean's
//! value goes only with `=`; a letter's value may follow it at once (`-r3`).

use std::collections::BTreeMap;

use super::{Output, ToolError, usage};

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A value.
    Text,
    /// Nothing, or `=true`.
    Switch,
}

/// An option with its names; the first is the one it is asked for by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag {
    pub(super) names: &'static [&'static str],
    pub(super) kind: Kind,
}

/// An option that takes a value.
pub(super) const fn text(names: &'static [&'static str]) -> Flag {
    Flag { names, kind: Kind::Text }
}

/// An option that is on or off.
pub(super) const fn switch(names: &'static [&'static str]) -> Flag {
    Flag { names, kind: Kind::Switch }
}

/// `-r`, `--relation`.
pub(super) const RELATION: Flag = text(&["relation", "r"]);

/// Options that every tool that prints data takes.
static OUTPUT: [Flag; 2] = [text(&["format"]), text(&["output", "o"])];

/// A command line, taken apart.
#[derive(Debug, Default)]
pub(super) struct Parsed {
    values: BTreeMap<&'static str, (String, String)>,
    /// Words that are no options.
    pub(super) words: Vec<String>,
}

impl Parsed {
    /// The value of an option that was given.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(|(_, value)| value.as_str())
    }

    /// Whether a switch is on.
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.value(name) == Some("true")
    }

    /// The option as it was written, with its dashes.
    pub(super) fn spelling(&self, name: &str) -> &str {
        self.values.get(name).map_or("", |(spelling, _)| spelling)
    }

    /// A word by position.
    pub(super) fn word(&self, index: usize) -> Option<&str> {
        self.words.get(index).map(String::as_str)
    }
}

fn dashed(name: &str) -> String {
    if name.chars().count() == 1 { format!("-{name}") } else { format!("--{name}") }
}

/// The options that a tool takes.
struct Known {
    own: &'static [Flag],
    common: &'static [Flag],
}

impl Known {
    fn find(&self, name: &str) -> Result<&'static Flag, ToolError> {
        self.own.iter().chain(self.common).find(|flag| flag.names.contains(&name)).ok_or_else(
            || ToolError::Usage(format!("option provided but not defined: {}", dashed(name))),
        )
    }
}

/// Takes a command line apart.
pub(super) fn parse(
    arguments: &[String],
    flags: &'static [Flag],
    output: Output,
) -> Result<Parsed, ToolError> {
    let common: &[Flag] = match output {
        Output::None => &[],
        Output::Deprecated => &OUTPUT[..1],
        Output::Smart | Output::Yaml => &OUTPUT,
    };
    let known = Known { own: flags, common };
    let mut parsed = Parsed::default();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        if word == "--" {
            parsed.words.extend(rest.cloned());
            break;
        }
        let Some(option) = word.strip_prefix('-').filter(|option| !option.is_empty()) else {
            parsed.words.push(word.clone());
            continue;
        };
        let (is_long, option) = match option.strip_prefix('-') {
            Some(option) => (true, option),
            None => (false, option),
        };
        let (name, given) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        if is_long || name.chars().count() == 1 || known.find(name).is_ok() {
            parsed.take(known.find(name)?, name, given, &mut rest)?;
        } else {
            parsed.take_group(&known, option, &mut rest)?;
        }
    }
    Ok(parsed)
}

impl Parsed {
    /// Takes an option with its value, which may be the next word.
    fn take<'a>(
        &mut self,
        flag: &'static Flag,
        name: &str,
        given: Option<&str>,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), ToolError> {
        let spelling = dashed(name);
        let value = match (flag.kind, given) {
            (Kind::Switch, None) => "true".to_owned(),
            (Kind::Switch, Some(value)) => match value {
                "1" | "t" | "T" | "true" | "TRUE" | "True" => "true".to_owned(),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => "false".to_owned(),
                _ => {
                    return usage(format!(
                        "invalid value {value:?} for option {spelling}: strconv.ParseBool: \
                         parsing {value:?}: invalid syntax"
                    ));
                }
            },
            (Kind::Text, Some(value)) => value.to_owned(),
            (Kind::Text, None) => match rest.next() {
                Some(value) => value.clone(),
                None => return usage(format!("option needs an argument: {spelling}")),
            },
        };
        self.values.insert(flag.names[0], (spelling, value));
        Ok(())
    }

    /// Takes `-ar3`: switches of one letter, then an option with its value right behind it.
    fn take_group<'a>(
        &mut self,
        known: &Known,
        group: &str,
        rest: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), ToolError> {
        let mut letters = group.chars();
        while let Some(letter) = letters.next() {
            let name = letter.to_string();
            let flag = known.find(&name)?;
            let behind = letters.as_str();
            if flag.kind == Kind::Text && !behind.is_empty() {
                return self.take(flag, &name, Some(behind), rest);
            }
            self.take(flag, &name, None, rest)?;
        }
        Ok(())
    }
}

//! A layer: the piece of configuration that a charm adds, read from its YAML text.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

use super::clock::parse_duration;
use super::schema::{CHECK, Entry, EntrySeed, Field, Kind, LOG_TARGET, SERVICE};

/// A part of a layer that holds named entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Services,
    Checks,
    LogTargets,
}

impl Section {
    /// All of them, in the order of the plan.
    pub(super) const ALL: [Self; 3] = [Self::Services, Self::Checks, Self::LogTargets];

    /// The key in a layer.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Services => "services",
            Self::Checks => "checks",
            Self::LogTargets => "log-targets",
        }
    }

    /// What one entry is called in messages.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Services => "service",
            Self::Checks => "check",
            Self::LogTargets => "log target",
        }
    }

    /// The keys of its entries.
    pub(super) fn fields(self) -> &'static [Field] {
        match self {
            Self::Services => SERVICE,
            Self::Checks => CHECK,
            Self::LogTargets => LOG_TARGET,
        }
    }
}

/// Why a layer, or the plan that it would make, is refused: the daemon's message, word for word, since clients match
/// on its beginning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LayerError {
    message: String,
}

impl LayerError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}

/// The entries of one section by name.
pub(super) type Entries = BTreeMap<String, Entry>;

/// A layer that could be read. Its entries are not yet known to make a plan.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    pub(super) label: String,
    pub(super) services: Entries,
    pub(super) checks: Entries,
    pub(super) log_targets: Entries,
}

impl Layer {
    /// Reads the YAML text of a layer.
    ///
    /// # Errors
    /// The text is not YAML, has unknown sections or keys, wrong types, or names that can't be used.
    pub(super) fn parse(label: &str, text: &str) -> Result<Self, LayerError> {
        let refuse =
            |message: String| LayerError::new(format!("cannot parse layer YAML: {message}"));
        if label.starts_with("pebble-") {
            return Err(refuse("cannot use reserved label prefix \"pebble-\"".to_owned()));
        }
        if !text.trim().is_empty()
            && let Err(error) = serde_yaml::from_str::<IgnoredAny>(text)
        {
            return Err(refuse(format!(
                "cannot parse layer {label:?}: yaml: {}",
                first_line(&error)
            )));
        }
        let read = read_sections(text);
        let mut layer = Self { label: label.to_owned(), ..Self::default() };
        match read {
            Err(SectionError::Unknown(name)) => {
                return Err(refuse(format!(
                    "cannot parse layer {label:?}: unknown section {name:?}"
                )));
            }
            Err(SectionError::Malformed { section: None, message }) => {
                return Err(refuse(format!(
                    "cannot parse layer {label:?}: yaml: unmarshal errors:\n  {message}"
                )));
            }
            Err(SectionError::Malformed { section: Some(section), message }) => {
                let key = section.key();
                return Err(refuse(format!(
                    "cannot parse layer {label:?} section {key:?}: yaml: unmarshal errors:\n  {message}"
                )));
            }
            Ok(found) => {
                for (section, entries) in found {
                    for (name, entry) in entries {
                        let entry = named_entry(section, &name, entry).map_err(refuse)?;
                        if let Some(duration) = bad_duration(section.fields(), &entry) {
                            let key = section.key();
                            return Err(refuse(format!(
                                "cannot parse layer {label:?} section {key:?}: invalid duration {duration:?}"
                            )));
                        }
                        layer.section_mut(section).insert(name, entry);
                    }
                }
            }
        }
        Ok(layer)
    }

    pub(super) fn section(&self, section: Section) -> &Entries {
        match section {
            Section::Services => &self.services,
            Section::Checks => &self.checks,
            Section::LogTargets => &self.log_targets,
        }
    }

    pub(super) fn section_mut(&mut self, section: Section) -> &mut Entries {
        match section {
            Section::Services => &mut self.services,
            Section::Checks => &mut self.checks,
            Section::LogTargets => &mut self.log_targets,
        }
    }
}

/// The text at `key` of an entry; empty if absent.
pub(super) fn text<'a>(entry: &'a Entry, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The list of texts at `key` of an entry; empty if absent.
pub(super) fn texts<'a>(entry: &'a Entry, key: &str) -> impl Iterator<Item = &'a str> + use<'a> {
    entry.get(key).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

fn first_line(error: &serde_yaml::Error) -> String {
    error.without_snippet().to_string().lines().next().unwrap_or_default().to_owned()
}

fn named_entry(section: Section, name: &str, entry: Option<Entry>) -> Result<Entry, String> {
    let noun = section.noun();
    if name.is_empty() {
        return Err(format!("cannot use empty string as {noun} name"));
    }
    if section == Section::Services && name == "pebble" {
        return Err("cannot use reserved service name \"pebble\"".to_owned());
    }
    if section == Section::Services && name.starts_with('-') {
        return Err(format!("cannot use service name {name:?}: starting with \"-\" not allowed"));
    }
    let Some(entry) = entry else {
        return Err(format!("{noun} object cannot be null for {noun} {name:?}"));
    };
    match section {
        Section::Services => {}
        Section::Checks => {
            if !matches!(text(&entry, "level"), "" | "alive" | "ready") {
                return Err(format!("plan check {name:?} level must be \"alive\" or \"ready\""));
            }
            if !matches!(text(&entry, "startup"), "" | "enabled" | "disabled") {
                return Err(format!(
                    "plan check {name:?} startup must be \"enabled\" or \"disabled\""
                ));
            }
            for key in ["period", "timeout"] {
                if parse_duration(text(&entry, key)).is_ok_and(|duration| duration.is_zero()) {
                    return Err(format!("plan check {name:?} {key} must not be zero"));
                }
            }
        }
        Section::LogTargets => {
            let kind = text(&entry, "type");
            if !matches!(kind, "" | "loki" | "opentelemetry" | "syslog") {
                return Err(format!(
                    "log target {name:?} has unsupported type {kind:?}, must be \"loki\", \"opentelemetry\" or \"syslog\""
                ));
            }
            let labels = entry.get("labels").and_then(Value::as_object);
            if let Some(label) =
                labels.and_then(|labels| labels.keys().find(|key| key.starts_with("pebble_")))
            {
                return Err(format!(
                    "log target {name:?}: label {label:?} uses reserved prefix \"pebble_\""
                ));
            }
        }
    }
    Ok(entry)
}

fn bad_duration<'a>(fields: &[Field], entry: &'a Entry) -> Option<&'a str> {
    fields.iter().find_map(|(key, kind)| match kind {
        Kind::Duration => entry.get(*key)?.as_str().filter(|text| parse_duration(text).is_err()),
        Kind::Group(inner) => bad_duration(inner, entry.get(*key)?.as_object()?),
        _ => None,
    })
}

enum SectionError {
    Unknown(String),
    Malformed { section: Option<Section>, message: String },
}

type Found = Vec<(Section, Vec<(String, Option<Entry>)>)>;

fn read_sections(text: &str) -> Result<Found, SectionError> {
    if text.trim().is_empty() {
        return Ok(Found::new());
    }
    let at = Cell::new(None);
    let unknown = Cell::new(None);
    let seed = LayerSeed { at: &at, unknown: &unknown };
    let read =
        serde_yaml::with_deserializer_from_str(text, |deserializer| seed.deserialize(deserializer));
    if let Some(name) = unknown.take() {
        return Err(SectionError::Unknown(name));
    }
    read.map_err(|error| SectionError::Malformed { section: at.get(), message: first_line(&error) })
}

// Notes where it is, so that an error can say in which section it happened.
struct LayerSeed<'a> {
    at: &'a Cell<Option<Section>>,
    unknown: &'a Cell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for LayerSeed<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for LayerSeed<'_> {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a layer")
    }

    fn visit_none<E>(self) -> Result<Found, E> {
        Ok(Found::new())
    }

    fn visit_unit<E>(self) -> Result<Found, E> {
        Ok(Found::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Found, A::Error> {
        let mut found = Found::new();
        while let Some(key) = map.next_key::<String>()? {
            if let Some(section) = Section::ALL.into_iter().find(|section| section.key() == key) {
                self.at.set(Some(section));
                found.push((section, map.next_value_seed(SectionSeed(section))?));
                self.at.set(None);
            } else if matches!(key.as_str(), "summary" | "description") {
                map.next_value::<Option<String>>()?;
            } else if matches!(key.as_str(), "workloads" | "pairing") {
                // Immutable through the API, and nothing that this server plays.
                map.next_value::<IgnoredAny>()?;
            } else {
                let error = A::Error::custom(format_args!("unknown section {key:?}"));
                self.unknown.set(Some(key));
                return Err(error);
            }
        }
        Ok(found)
    }
}

struct SectionSeed(Section);

impl<'de> DeserializeSeed<'de> for SectionSeed {
    type Value = Vec<(String, Option<Entry>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for SectionSeed {
    type Value = Vec<(String, Option<Entry>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a mapping of {}", self.0.key())
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            entries.push((name, map.next_value_seed(EntrySeed(self.0.fields()))?));
        }
        Ok(entries)
    }
}

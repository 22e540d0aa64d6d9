//! The keys of a layer's entries, what each holds, and how two values of it merge.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

/// An entry of a section: a service, a check or a log target. Holds known keys only, in the order of the schema,
/// without empty values.
pub(super) type Entry = Map<String, Value>;

/// What a key holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// Text. Empty counts as absent.
    Text,
    /// A whole number. Zero counts as absent.
    Count,
    /// A user or group id: zero is a value.
    Id,
    /// A number. Zero counts as absent.
    Factor,
    /// A duration in Go's syntax, still unread.
    Duration,
    /// A list of texts. Merging appends.
    List,
    /// Text to text. Merging goes key by key.
    Texts,
    /// A group of keys. Merging goes key by key.
    Group(&'static [Field]),
}

/// A key and what it holds.
pub(super) type Field = (&'static str, Kind);

/// Keys of a service, in the order in which the daemon shows them.
pub(super) const SERVICE: &[Field] = &[
    ("summary", Kind::Text),
    ("description", Kind::Text),
    ("startup", Kind::Text),
    ("override", Kind::Text),
    ("command", Kind::Text),
    ("after", Kind::List),
    ("before", Kind::List),
    ("requires", Kind::List),
    ("environment", Kind::Texts),
    ("user-id", Kind::Id),
    ("user", Kind::Text),
    ("group-id", Kind::Id),
    ("group", Kind::Text),
    ("working-dir", Kind::Text),
    ("workload", Kind::Text),
    ("on-success", Kind::Text),
    ("on-failure", Kind::Text),
    ("on-check-failure", Kind::Texts),
    ("backoff-delay", Kind::Duration),
    ("backoff-factor", Kind::Factor),
    ("backoff-limit", Kind::Duration),
    ("kill-delay", Kind::Duration),
];

/// Keys of a check.
pub(super) const CHECK: &[Field] = &[
    ("override", Kind::Text),
    ("level", Kind::Text),
    ("startup", Kind::Text),
    ("period", Kind::Duration),
    ("timeout", Kind::Duration),
    ("threshold", Kind::Count),
    ("http", Kind::Group(&[("url", Kind::Text), ("headers", Kind::Texts)])),
    ("tcp", Kind::Group(&[("port", Kind::Count), ("host", Kind::Text)])),
    (
        "exec",
        Kind::Group(&[
            ("command", Kind::Text),
            ("service-context", Kind::Text),
            ("environment", Kind::Texts),
            ("user-id", Kind::Id),
            ("user", Kind::Text),
            ("group-id", Kind::Id),
            ("group", Kind::Text),
            ("working-dir", Kind::Text),
        ]),
    ),
];

/// Keys of a log target.
pub(super) const LOG_TARGET: &[Field] = &[
    ("type", Kind::Text),
    ("location", Kind::Text),
    ("services", Kind::List),
    ("override", Kind::Text),
    ("labels", Kind::Texts),
];

/// Lays `upper` over `lower`: what `override: merge` means. The result has the keys of both, in the order of `fields`.
pub(super) fn merge(fields: &[Field], lower: &Entry, upper: &Entry) -> Entry {
    let mut merged = Entry::new();
    for (key, kind) in fields {
        let value = match (lower.get(*key), upper.get(*key)) {
            (Some(Value::Array(low)), Some(Value::Array(high))) => {
                Value::Array(low.iter().chain(high).cloned().collect())
            }
            (Some(Value::Object(low)), Some(Value::Object(high))) => Value::Object(match kind {
                Kind::Group(inner) => merge(inner, low, high),
                _ => low
                    .iter()
                    .chain(high)
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect(),
            }),
            // How the entry came into the plan is what it keeps showing.
            (Some(low), _) if *key == "override" => low.clone(),
            (_, Some(high)) => high.clone(),
            (Some(low), None) => low.clone(),
            (None, None) => continue,
        };
        merged.insert((*key).to_owned(), value);
    }
    merged
}

/// Reads an entry by its schema, from any self-describing format; null gives none.
pub(super) struct EntrySeed(pub(super) &'static [Field]);

impl<'de> DeserializeSeed<'de> for EntrySeed {
    type Value = Option<Entry>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for EntrySeed {
    type Value = Option<Entry>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Entry::new();
        while let Some(key) = map.next_key::<String>()? {
            let Some((_, kind)) = self.0.iter().find(|(name, _)| *name == key) else {
                return Err(A::Error::custom(format_args!("field {key} not found")));
            };
            if let Some(value) = map.next_value_seed(KindSeed(*kind))? {
                found.insert(key, value);
            }
        }
        let ordered = self.0.iter().filter_map(|(name, _)| found.remove_entry(*name)).collect();
        Ok(Some(ordered))
    }
}

struct KindSeed(Kind);

impl<'de> DeserializeSeed<'de> for KindSeed {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        Ok(match self.0 {
            Kind::Text => Option::<String>::deserialize(deserializer)?
                .filter(|text| !text.is_empty())
                .map(Value::from),
            Kind::Duration => Option::<String>::deserialize(deserializer)?.map(Value::from),
            Kind::Count => Option::<i64>::deserialize(deserializer)?
                .filter(|number| *number != 0)
                .map(Value::from),
            Kind::Id => Option::<i64>::deserialize(deserializer)?.map(Value::from),
            Kind::Factor => Option::<f64>::deserialize(deserializer)?
                .filter(|number| *number != 0.0)
                .map(Value::from),
            Kind::List => Option::<Vec<String>>::deserialize(deserializer)?
                .filter(|list| !list.is_empty())
                .map(Value::from),
            Kind::Texts => {
                Option::<std::collections::BTreeMap<String, Option<String>>>::deserialize(
                    deserializer,
                )?
                .filter(|map| !map.is_empty())
                .map(|map| {
                    let texts = map
                        .into_iter()
                        .map(|(key, text)| (key, Value::from(text.unwrap_or_default())));
                    Value::Object(texts.collect())
                })
            }
            Kind::Group(fields) => EntrySeed(fields).deserialize(deserializer)?.map(Value::Object),
        })
    }
}

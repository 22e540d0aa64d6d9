//! Who owns which field, and server-side apply.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::merge::{merge_key, strategic_merge};
use super::object::SERVER_OWNED;

/// A step into an object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// To the member of that name.
    Field(String),
    /// To the list item whose member of that name is this (as JSON text).
    Item(&'static str, String),
}

/// A field: an owned leaf, or an item of a keyed list as such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Field(Vec<Step>);

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|step| match step {
            Step::Field(name) => write!(f, ".{name}"),
            Step::Item(key, value) => write!(f, "[{key}={value}]"),
        })
    }
}

/// How a manager came to own its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    /// By server-side apply: fields that it no longer applies are dropped.
    Apply,
    /// By any other write.
    Update,
}

/// The fields that one manager owns.
#[derive(Debug, Clone)]
struct Manager {
    name: String,
    operation: Operation,
    api_version: String,
    time: String,
    fields: BTreeSet<Field>,
}

/// All owners of the fields of one object.
#[derive(Debug, Clone, Default)]
pub(super) struct Ownership {
    managers: Vec<Manager>,
}

/// Who writes, when, and in which version of the API.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    pub(super) manager: String,
    pub(super) api_version: String,
    pub(super) time: String,
}

/// What an apply does with fields that others own and that it would alter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Conflicts {
    /// Takes them.
    Take,
    /// Refuses the whole apply.
    Refuse,
}

/// A field that another manager owns: the manager, its version of the API, and the field.
pub(super) type Conflict = (String, String, String);

impl Ownership {
    /// Applies `config` to `live`.
    ///
    /// # Errors
    /// Others own fields that it would alter, and it may not take them.
    pub(super) fn apply(
        &mut self,
        live: &mut Value,
        config: &Value,
        writer: &Writer,
        conflicts: Conflicts,
    ) -> Result<(), Vec<Conflict>> {
        let wanted = fields(config);
        let own = |manager: &Manager| {
            manager.name == writer.manager && manager.operation == Operation::Apply
        };
        // An item as such is in nobody's way: only its members can differ.
        let differs = |field: &Field| {
            !matches!(field.0.last(), Some(Step::Item(..)))
                && find(live, field) != find(config, field)
        };
        let contested: Vec<(usize, Field)> = (self.managers.iter().enumerate())
            .filter(|(_, manager)| !own(manager))
            .flat_map(|(at, manager)| {
                manager.fields.intersection(&wanted).map(move |field| (at, field.clone()))
            })
            .filter(|(_, field)| differs(field))
            .collect();
        if !contested.is_empty() && conflicts == Conflicts::Refuse {
            let tell = |(at, field): (usize, Field)| {
                let manager = &self.managers[at];
                (manager.name.clone(), manager.api_version.clone(), field.to_string())
            };
            return Err(contested.into_iter().map(tell).collect());
        }
        for (at, field) in contested {
            self.managers[at].fields.remove(&field);
        }
        let before: BTreeSet<Field> = self
            .managers
            .iter()
            .filter(|manager| own(manager))
            .flat_map(|manager| manager.fields.clone())
            .collect();
        self.managers.retain(|manager| !own(manager));
        // Deepest first, so that an item goes after its members.
        let mut dropped: Vec<&Field> =
            before.difference(&wanted).filter(|field| !self.is_owned_below(field)).collect();
        dropped.sort_by_key(|field| std::cmp::Reverse(field.0.len()));
        for field in dropped {
            remove(live, &field.0);
        }
        strategic_merge(live, config);
        self.put(writer, Operation::Apply, wanted);
        Ok(())
    }

    /// Notes that `writer` turned `old` into `new` by another way than apply: it owns what it altered.
    pub(super) fn update(&mut self, old: &Value, new: &Value, writer: &Writer) {
        let present = fields(new);
        let altered: BTreeSet<Field> =
            present.iter().filter(|field| find(old, field) != find(new, field)).cloned().collect();
        for manager in &mut self.managers {
            manager.fields.retain(|field| present.contains(field) && !altered.contains(field));
        }
        let at = self.managers.iter().position(|manager| {
            manager.name == writer.manager && manager.operation == Operation::Update
        });
        let earlier = at.map(|at| self.managers.remove(at).fields).unwrap_or_default();
        self.put(writer, Operation::Update, earlier.into_iter().chain(altered).collect());
    }

    /// As `metadata.managedFields` shows it.
    pub(super) fn show(&self) -> Value {
        let show = |manager: &Manager| {
            json!({
                "manager": manager.name,
                "operation": match manager.operation { Operation::Apply => "Apply", Operation::Update => "Update" },
                "apiVersion": manager.api_version, "time": manager.time,
                "fieldsType": "FieldsV1", "fieldsV1": tree(&manager.fields),
            })
        };
        self.managers.iter().map(show).collect()
    }

    fn put(&mut self, writer: &Writer, operation: Operation, fields: BTreeSet<Field>) {
        if !fields.is_empty() {
            let Writer { manager, api_version, time } = writer.clone();
            self.managers.push(Manager { name: manager, operation, api_version, time, fields });
        }
        self.managers.retain(|manager| !manager.fields.is_empty());
    }

    fn is_owned_below(&self, field: &Field) -> bool {
        self.managers
            .iter()
            .any(|manager| manager.fields.iter().any(|other| other.0.starts_with(&field.0)))
    }
}

// What of an object can be owned: not what names it, nor what the server writes.
fn fields(object: &Value) -> BTreeSet<Field> {
    let mut found = BTreeSet::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        match key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => {
                let free = |key: &str| {
                    !matches!(key, "name" | "namespace") && !SERVER_OWNED.contains(&key)
                };
                for (key, value) in
                    value.as_object().into_iter().flatten().filter(|(key, _)| free(key))
                {
                    let mut path =
                        vec![Step::Field("metadata".to_owned()), Step::Field(key.clone())];
                    collect(key, value, &mut path, &mut found);
                }
            }
            key => collect(key, value, &mut vec![Step::Field(key.to_owned())], &mut found),
        }
    }
    found
}

fn collect(name: &str, value: &Value, path: &mut Vec<Step>, found: &mut BTreeSet<Field>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                path.push(Step::Field(key.clone()));
                collect(key, value, path, found);
                path.pop();
            }
        }
        Value::Array(items) => match merge_key(name, items).filter(|_| !items.is_empty()) {
            None => {
                found.insert(Field(path.clone()));
            }
            Some(key) => {
                for item in items {
                    path.push(Step::Item(key, item[key].to_string()));
                    found.insert(Field(path.clone()));
                    collect("", item, path, found);
                    path.pop();
                }
            }
        },
        Value::Null => {}
        _ => {
            found.insert(Field(path.clone()));
        }
    }
}

fn is_item(item: &Value, key: &str, wanted: &str) -> bool {
    let named = item[key].to_string();
    named == wanted
}

fn find<'a>(object: &'a Value, field: &Field) -> Option<&'a Value> {
    field.0.iter().try_fold(object, |value, step| match step {
        Step::Field(name) => value.get(name),
        Step::Item(key, wanted) => value.as_array()?.iter().find(|item| is_item(item, key, wanted)),
    })
}

fn remove(value: &mut Value, path: &[Step]) {
    match path {
        [] => {}
        [Step::Field(name)] => {
            if let Some(members) = value.as_object_mut() {
                members.remove(name);
            }
        }
        [Step::Item(key, wanted)] => {
            if let Some(items) = value.as_array_mut() {
                items.retain(|item| !is_item(item, key, wanted));
            }
        }
        [Step::Field(name), rest @ ..] => {
            if let Some(inner) = value.get_mut(name) {
                remove(inner, rest);
            }
        }
        [Step::Item(key, wanted), rest @ ..] => {
            let items = value.as_array_mut().into_iter().flatten();
            items.filter(|item| is_item(item, key, wanted)).for_each(|item| remove(item, rest));
        }
    }
}

// The `FieldsV1` form: `f:` before member names, `k:` before item keys, `.` for an item as such.
fn tree(fields: &BTreeSet<Field>) -> Value {
    let mut root = Map::new();
    for Field(path) in fields {
        let mut at = &mut root;
        for step in path {
            let key = match step {
                Step::Field(name) => format!("f:{name}"),
                Step::Item(key, value) => format!("k:{{{key:?}:{value}}}"),
            };
            at = at
                .entry(key)
                .or_insert_with(|| Value::Object(Map::new()))
                .as_object_mut()
                .expect("only objects are put into the tree");
        }
        if matches!(path.last(), Some(Step::Item(..))) {
            at.insert(".".to_owned(), json!({}));
        }
    }
    Value::Object(root)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn writer(manager: &str) -> Writer {
        Writer {
            manager: manager.to_owned(),
            api_version: "apps/v1".to_owned(),
            time: String::new(),
        }
    }

    fn container(cpu: &str) -> Value {
        json!({"spec": {"containers": [{"name": "a", "resources": {"limits": {"cpu": cpu}}}]}})
    }

    #[test]
    fn another_owner_is_a_conflict_unless_forced() {
        let mut live = json!({});
        let mut ownership = Ownership::default();
        ownership.apply(&mut live, &container("1"), &writer("one"), Conflicts::Refuse).unwrap();
        ownership.apply(&mut live, &container("1"), &writer("two"), Conflicts::Refuse).unwrap();
        let conflicts = ownership
            .apply(&mut live, &container("2"), &writer("two"), Conflicts::Refuse)
            .unwrap_err();
        let field = ".spec.containers[name=\"a\"].resources.limits.cpu".to_owned();
        assert_eq!(conflicts, [("one".to_owned(), "apps/v1".to_owned(), field)]);
        assert_eq!(live, container("1"));
        ownership.apply(&mut live, &container("2"), &writer("two"), Conflicts::Take).unwrap();
        assert_eq!(live, container("2"));
        ownership.apply(&mut live, &container("3"), &writer("two"), Conflicts::Refuse).unwrap();
    }

    #[test]
    fn what_is_no_longer_applied_goes_unless_others_own_it() {
        let mut live = json!({});
        let mut ownership = Ownership::default();
        let both = json!({"data": {"a": "1", "b": "2"}});
        ownership.apply(&mut live, &both, &writer("one"), Conflicts::Refuse).unwrap();
        ownership
            .apply(&mut live, &json!({"data": {"a": "1"}}), &writer("two"), Conflicts::Refuse)
            .unwrap();
        ownership
            .apply(&mut live, &json!({"data": {"c": "3"}}), &writer("one"), Conflicts::Refuse)
            .unwrap();
        assert_eq!(live, json!({"data": {"a": "1", "c": "3"}}));
    }

    #[test]
    fn an_update_takes_what_it_alters() {
        let mut ownership = Ownership::default();
        let mut live = json!({});
        ownership
            .apply(
                &mut live,
                &json!({"data": {"a": "1", "b": "2"}}),
                &writer("one"),
                Conflicts::Refuse,
            )
            .unwrap();
        let new = json!({"data": {"a": "9", "b": "2"}});
        ownership.update(&live, &new, &writer("edit"));
        let shown = ownership.show();
        let owned = |at: usize| shown[at]["fieldsV1"].to_string();
        assert_eq!(
            (owned(0).as_str(), owned(1).as_str()),
            (r#"{"f:data":{"f:b":{}}}"#, r#"{"f:data":{"f:a":{}}}"#)
        );
        assert_eq!(shown[1]["operation"], "Update");
    }

    #[test]
    fn fields_v1_names_items_by_key() {
        let owned =
            tree(&fields(&json!({"kind": "x", "metadata": {"name": "n", "labels": {"l": "1"}},
                                         "spec": {"containers": [{"name": "a"}], "args": ["x"]}})));
        assert_eq!(
            owned,
            json!({"f:metadata": {"f:labels": {"f:l": {}}},
                   "f:spec": {"f:args": {}, "f:containers": {"k:{\"name\":\"a\"}": {".": {}, "f:name": {}}}}})
        );
    }
}

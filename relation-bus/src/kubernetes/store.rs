//! The objects of the cluster, and what may be done with them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::apply::{Conflicts, Ownership, Writer};
use super::merge::{json_merge, strategic_merge};
use super::object::{SERVER_OWNED, labels, meta, set_meta};
use super::resource::{CONFIG_MAP, POD, Resource, STATEFUL_SET};
use super::select::Selector;
use super::setup::Missing;
use super::status::Refusal;
use crate::pebble::clock::Timestamp;

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchKind {
    Merge,
    Strategic,
    Apply(Conflicts),
}

/// Whether a write is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keep {
    Yes,
    /// Only tried.
    DryRun,
}

/// Where an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) resource: &'static Resource,
    pub(super) namespace: String,
    pub(super) name: String,
}

#[derive(Debug, Clone)]
struct Stored {
    // Without `managedFields`, which `ownership` is.
    object: Value,
    ownership: Ownership,
}

/// An object as it came out of a write, and whether the write made it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) object: Value,
    pub(super) created: bool,
}

type Key = (&'static str, String, String);

/// All objects.
#[derive(Debug)]
pub(super) struct Store {
    objects: BTreeMap<Key, Stored>,
    missing: Missing,
    version: u64,
}

impl Place {
    fn key(&self) -> Key {
        (self.resource.kind, self.namespace.clone(), self.name.clone())
    }

    fn not_found(&self) -> Refusal {
        Refusal::not_found(self.resource, &self.name)
    }
}

impl Store {
    pub(super) fn new(missing: Missing) -> Self {
        Self { objects: BTreeMap::new(), missing, version: 0 }
    }

    /// Puts an object there as it is, in place of one of the same name. False if its kind is not one of the cluster's.
    pub(super) fn insert(&mut self, mut object: Value) -> bool {
        let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
        let Some(resource) = Resource::named(kind) else { return false };
        let namespace = Some(meta(&object, "namespace"))
            .filter(|name| !name.is_empty())
            .unwrap_or("default")
            .to_owned();
        let place = Place { resource, namespace, name: meta(&object, "name").to_owned() };
        self.stamp(&place, &mut object, None);
        self.objects.insert(place.key(), Stored { object, ownership: Ownership::default() });
        true
    }

    /// Takes an object of a kind away, whatever its namespace, and gives it as it was.
    pub(super) fn take(&mut self, kind: &str, name: &str) -> Option<Value> {
        let resource = Resource::named(kind)?;
        let key =
            self.objects.keys().find(|(kind, _, known)| *kind == resource.kind && known == name);
        let stored = self.objects.remove(&key.cloned()?)?;
        Some(show(resource.kind, &stored, None))
    }

    /// All objects, by kind, namespace and name.
    pub(super) fn all(&self) -> Vec<Value> {
        self.objects.iter().map(|((kind, ..), stored)| show(kind, stored, None)).collect()
    }

    /// One object, in the version asked for.
    pub(super) fn get(&self, place: &Place, version: &str) -> Result<Value, Refusal> {
        let stored = self.objects.get(&place.key()).ok_or_else(|| place.not_found())?;
        Ok(show(place.resource.kind, stored, Some(&place.resource.api_version(version))))
    }

    /// The objects of a kind that fit, as a list object.
    pub(super) fn list(
        &self,
        resource: &Resource,
        version: &str,
        namespace: Option<&str>,
        selector: &Selector,
        name: Option<&str>,
    ) -> Value {
        let api_version = resource.api_version(version);
        let items: Vec<Value> = (self.objects.iter())
            .filter(|((kind, ..), _)| *kind == resource.kind)
            .filter(|((_, space, _), _)| namespace.is_none_or(|wanted| wanted == space))
            .filter(|((.., own), _)| name.is_none_or(|wanted| wanted == own))
            .filter(|(_, stored)| selector.fits(labels(&stored.object)))
            .map(|(_, stored)| show(resource.kind, stored, Some(&api_version)))
            .collect();
        json!({"kind": format!("{}List", resource.kind), "apiVersion": api_version,
               "metadata": {"resourceVersion": self.version.to_string()}, "items": items})
    }

    /// Makes an object.
    pub(super) fn create(
        &mut self,
        place: &Place,
        body: Value,
        writer: &Writer,
        keep: Keep,
    ) -> Result<Written, Refusal> {
        if self.objects.contains_key(&place.key()) {
            return Err(Refusal::already_exists(place.resource, &place.name));
        }
        let mut ownership = Ownership::default();
        ownership.update(&Value::Null, &body, writer);
        Ok(self.commit(place, body, ownership, writer, keep))
    }

    /// Puts another object in the place of one.
    pub(super) fn replace(
        &mut self,
        place: &Place,
        body: Value,
        writer: &Writer,
        keep: Keep,
    ) -> Result<Written, Refusal> {
        let present = self.objects.get(&place.key()).ok_or_else(|| place.not_found())?;
        self.check_version(place, &body)?;
        let mut ownership = present.ownership.clone();
        ownership.update(&present.object, &body, writer);
        Ok(self.commit(place, body, ownership, writer, keep))
    }

    /// Alters an object, or makes it by an apply.
    pub(super) fn patch(
        &mut self,
        place: &Place,
        patch: &Value,
        kind: PatchKind,
        writer: &Writer,
        keep: Keep,
    ) -> Result<Written, Refusal> {
        if !patch.is_object() {
            return Err(Refusal::bad_request("cannot read the patch: expected an object"));
        }
        let present = self.objects.get(&place.key());
        if let (None, PatchKind::Merge | PatchKind::Strategic) = (present, kind) {
            return match self.missing {
                Missing::NotFound => Err(place.not_found()),
                Missing::Accept => {
                    let mut object = patch.clone();
                    set_meta(&mut object, "name", place.name.clone().into());
                    set_meta(&mut object, "namespace", place.namespace.clone().into());
                    let stored = Stored { object, ownership: Ownership::default() };
                    let object = show(place.resource.kind, &stored, Some(&writer.api_version));
                    Ok(Written { object, created: false })
                }
            };
        }
        self.check_version(place, patch)?;
        let old = present.map_or(Value::Null, |stored| stored.object.clone());
        let mut ownership = present.map(|stored| stored.ownership.clone()).unwrap_or_default();
        let mut new = old.clone();
        match kind {
            PatchKind::Merge => json_merge(&mut new, patch),
            PatchKind::Strategic => strategic_merge(&mut new, patch),
            PatchKind::Apply(conflicts) => {
                if new.is_null() {
                    new = json!({});
                }
                (ownership.apply(&mut new, patch, writer, conflicts))
                    .map_err(|conflicts| Refusal::owned_by_others(&conflicts))?;
            }
        }
        if !matches!(kind, PatchKind::Apply(_)) {
            ownership.update(&old, &new, writer);
        }
        Ok(self.commit(place, new, ownership, writer, keep))
    }

    /// Removes an object, and gives it as it was.
    pub(super) fn delete(&mut self, place: &Place, keep: Keep) -> Result<Value, Refusal> {
        let stored = match keep {
            Keep::Yes => self.objects.remove(&place.key()),
            Keep::DryRun => self.objects.get(&place.key()).cloned(),
        };
        let stored = stored.ok_or_else(|| place.not_found())?;
        Ok(show(place.resource.kind, &stored, None))
    }

    fn check_version(&self, place: &Place, body: &Value) -> Result<(), Refusal> {
        let wanted = meta(body, "resourceVersion");
        let has = self
            .objects
            .get(&place.key())
            .map_or("", |stored| meta(&stored.object, "resourceVersion"));
        if wanted.is_empty() || wanted == has {
            Ok(())
        } else {
            Err(Refusal::stale(place.resource, &place.name))
        }
    }

    fn commit(
        &mut self,
        place: &Place,
        mut object: Value,
        ownership: Ownership,
        writer: &Writer,
        keep: Keep,
    ) -> Written {
        let before = self.objects.get(&place.key()).map(|stored| stored.object.clone());
        let version = self.version;
        self.stamp(place, &mut object, before.as_ref());
        let created = before.is_none();
        if keep == Keep::DryRun {
            self.version = version;
        } else {
            self.objects.insert(
                place.key(),
                Stored { object: object.clone(), ownership: ownership.clone() },
            );
            let spec_changed =
                before.as_ref().is_none_or(|before| before.get("spec") != object.get("spec"));
            if self.missing == Missing::NotFound && *place.resource == STATEFUL_SET && spec_changed
            {
                self.roll_out(place);
                object =
                    self.objects.get(&place.key()).map_or(object, |stored| stored.object.clone());
            }
        }
        let stored = Stored { object, ownership };
        Written { object: show(place.resource.kind, &stored, Some(&writer.api_version)), created }
    }

    // Writes what only the server writes. An object that is as it was keeps its version.
    fn stamp(&mut self, place: &Place, object: &mut Value, before: Option<&Value>) {
        set_meta(object, "name", place.name.clone().into());
        set_meta(object, "namespace", place.namespace.clone().into());
        if let Some(members) = object.as_object_mut() {
            members.remove("apiVersion");
            members.remove("kind");
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.remove("managedFields");
        }
        match before {
            Some(before) => {
                if let Some(members) =
                    object.as_object_mut().filter(|_| *place.resource != CONFIG_MAP)
                {
                    members.remove("status");
                    if let Some(status) = before.get("status") {
                        members.insert("status".to_owned(), status.clone());
                    }
                }
                for key in SERVER_OWNED.into_iter().filter(|key| *key != "managedFields") {
                    let kept = before["metadata"].get(key).cloned();
                    match (kept, object["metadata"].as_object_mut()) {
                        (Some(value), Some(metadata)) => metadata.insert(key.to_owned(), value),
                        (None, Some(metadata)) => metadata.remove(key),
                        (_, None) => None,
                    };
                }
                if before == object {
                    return;
                }
                if place.resource.has_generation && before.get("spec") != object.get("spec") {
                    let generation = before["metadata"]["generation"].as_u64().unwrap_or(1);
                    set_meta(object, "generation", (generation + 1).into());
                }
            }
            None => {
                let seed = format!(
                    "{}/{}/{}/{}",
                    place.resource.kind, place.namespace, place.name, self.version
                );
                let hex: String = Sha256::digest(seed)
                    .iter()
                    .take(16)
                    .map(|byte| format!("{byte:02x}"))
                    .collect();
                let uid = format!(
                    "{}-{}-4{}-8{}-{}",
                    &hex[..8],
                    &hex[8..12],
                    &hex[13..16],
                    &hex[17..20],
                    &hex[20..]
                );
                set_meta(object, "uid", uid.into());
                set_meta(object, "creationTimestamp", Timestamp::now().seconds().into());
                if place.resource.has_generation && object["metadata"]["generation"].is_null() {
                    set_meta(object, "generation", 1.into());
                }
            }
        }
        self.version += 1;
        set_meta(object, "resourceVersion", self.version.to_string().into());
    }

    // What the controllers of a cluster make of a changed stateful set, without the waiting.
    fn roll_out(&mut self, place: &Place) {
        let Some(set) = self.objects.get_mut(&place.key()) else { return };
        let generation = set.object["metadata"]["generation"].clone();
        let containers = set.object["spec"]["template"]["spec"]["containers"].clone();
        if let Some(status) = set.object.get_mut("status").filter(|status| status.is_object()) {
            status["observedGeneration"] = generation.clone();
            let revision = format!("{}-{generation}", place.name);
            status["updateRevision"] = revision.clone().into();
            status["currentRevision"] = revision.into();
        }
        let prefix = format!("{}-", place.name);
        let own = |(kind, namespace, name): &Key| {
            let ordinal = name.strip_prefix(&prefix).unwrap_or_default();
            *kind == POD.kind
                && *namespace == place.namespace
                && !ordinal.is_empty()
                && ordinal.bytes().all(|digit| digit.is_ascii_digit())
        };
        for (_, pod) in self.objects.iter_mut().filter(|(key, _)| own(key)) {
            let Some(pod_containers) = pod.object["spec"]["containers"].as_array_mut() else {
                continue;
            };
            for container in pod_containers {
                let template = containers.as_array().into_iter().flatten();
                let mut resources = template
                    .filter(|other| other["name"] == container["name"])
                    .map(|other| &other["resources"]);
                if let Some(resources) =
                    resources.next_back().filter(|resources| !resources.is_null())
                {
                    container["resources"] = resources.clone();
                }
            }
        }
    }
}

fn show(kind: &str, stored: &Stored, api_version: Option<&str>) -> Value {
    let preferred =
        || Resource::named(kind).map(|resource| resource.api_version(resource.versions[0]));
    let api_version = api_version.map(str::to_owned).or_else(preferred).unwrap_or_default();
    let mut shown = json!({"apiVersion": api_version, "kind": kind});
    for (key, value) in stored.object.as_object().into_iter().flatten() {
        shown[key] = value.clone();
    }
    shown["apiVersion"] = api_version.into();
    shown["kind"] = kind.into();
    let managed = stored.ownership.show();
    if managed.as_array().is_some_and(|managers| !managers.is_empty()) {
        shown["metadata"]["managedFields"] = managed;
    }
    shown
}

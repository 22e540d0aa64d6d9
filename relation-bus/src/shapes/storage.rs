//! `juju storage`, and the part of `juju status` that tells of storage.

use serde_json::{Map, Value, json};

use super::members::Members;
use super::{Column, View, natural_order, table};
use crate::model::{Clock, Life, StorageInstance, StorageKind, Unit};

/// Every storage instance with its unit, in the order of units.
fn instances<'a>(view: View<'a>) -> Vec<(&'a Unit, &'a StorageInstance)> {
    let mut units: Vec<&Unit> = view.model.units().map(|(_, unit)| unit).collect();
    units.sort_by(|a, b| natural_order(a.name.as_str(), b.name.as_str()));
    units.into_iter().flat_map(|u| u.storage.values().map(move |one| (u, one))).collect()
}

/// The document of `juju storage --format json`, which `juju status` has below `storage`:
/// instances by id, and the filesystems behind them. Nothing in it when there is no storage.
#[must_use]
pub fn document(view: View<'_>) -> Value {
    let all = instances(view);
    let storage: Map<_, _> =
        all.iter().map(|(unit, one)| (one.id.clone(), instance(unit, one))).collect();
    let filesystems: Map<_, _> = all
        .iter()
        .filter(|(_, one)| one.kind == StorageKind::Filesystem)
        .map(|(unit, one)| (number(one).to_owned(), filesystem(unit, one)))
        .collect();
    Members::new().filled("storage", storage).filled("filesystems", filesystems).done()
}

fn instance(unit: &Unit, one: &StorageInstance) -> Value {
    let attachment = json!({"location": one.location, "life": life(one)});
    Members::new()
        .with("kind", one.kind.as_str())
        .with("life", life(one))
        .with("status", json!({"current": "attached", "since": Clock::default().since()}))
        .with("persistent", false)
        .with("attachments", json!({"units": {unit.name.as_str(): attachment}}))
        .done()
}

fn filesystem(unit: &Unit, one: &StorageInstance) -> Value {
    let unit_attachment = json!({"location": one.location, "life": life(one)});
    let container = json!({"mount-point": one.location, "read-only": false, "life": life(one)});
    Members::new()
        .with("provider-id", format!("{}-{}", unit.name.dashed(), one.id.replace('/', "-")))
        .with("storage", one.id.as_str())
        .with(
            "attachments",
            json!({
                "containers": {unit.name.as_str(): container},
                "units": {unit.name.as_str(): unit_attachment},
            }),
        )
        .with("pool", "kubernetes")
        .with("size", SIZE)
        .with("life", life(one))
        .with("status", json!({"current": "attached", "since": Clock::default().since()}))
        .done()
}

/// Mebibytes of every filesystem: what Juju asks for when nothing else is said.
const SIZE: u32 = 1024;

/// The number in an id.
fn number(one: &StorageInstance) -> &str {
    one.id.rsplit_once('/').map_or(one.id.as_str(), |(_, number)| number)
}

fn life(one: &StorageInstance) -> &'static str {
    match one.life {
        Life::Alive => "alive",
        Life::Dying => "dying",
        Life::Dead => "dead",
    }
}

/// The table of `juju storage`; nothing when there is none.
#[must_use]
pub fn tabular(view: View<'_>) -> Option<String> {
    use Column::Left;
    let rows = instances(view).into_iter().map(|(unit, one)| {
        vec![
            unit.name.to_string(),
            one.id.clone(),
            one.kind.to_string(),
            "kubernetes".to_owned(),
            "1.0 GiB".to_owned(),
            "attached".to_owned(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns = ["Unit", "Storage ID", "Type", "Pool", "Size", "Status", "Message"];
    (!rows.is_empty()).then(|| table(&columns.map(Left), &rows))
}

/// The table of `juju status --storage`, which tells of mount points too.
pub(super) fn status_table(view: View<'_>) -> Option<String> {
    use Column::Left;
    let rows = instances(view).into_iter().map(|(unit, one)| {
        vec![
            unit.name.to_string(),
            one.id.clone(),
            one.kind.to_string(),
            "kubernetes".to_owned(),
            one.location.clone(),
            "1.0 GiB".to_owned(),
            "attached".to_owned(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let columns =
        ["Storage Unit", "Storage ID", "Type", "Pool", "Mountpoint", "Size", "Status", "Message"];
    (!rows.is_empty()).then(|| table(&columns.map(Left), &rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::UnitName;
    use crate::shapes::samples;

    #[test]
    fn storage_is_shown_with_its_unit() {
        let mut model = samples::model();
        assert_eq!(document(samples::view(&model)), json!({}));
        assert_eq!(tabular(samples::view(&model)), None);
        let one = StorageInstance {
            name: "data".to_owned(),
            id: "data/3".to_owned(),
            kind: StorageKind::Filesystem,
            location: "/var/lib/data".to_owned(),
            life: Life::Alive,
        };
        let unit = UnitName::new("db", 0);
        model.unit_mut(&unit).unwrap().storage.insert(one.id.clone(), one);
        let document = document(samples::view(&model));
        let storage = &document["storage"]["data/3"];
        assert_eq!(
            storage["attachments"]["units"]["db/0"],
            json!({"location": "/var/lib/data", "life": "alive"})
        );
        assert_eq!(storage["status"]["current"], "attached");
        let filesystem = &document["filesystems"]["3"];
        assert_eq!((&filesystem["storage"], &filesystem["size"]), (&json!("data/3"), &json!(1024)));
        assert!(status_table(samples::view(&model)).unwrap().ends_with(
            "db/0          data/3      filesystem  kubernetes  /var/lib/data  1.0 GiB  attached\n"
        ));
    }
}

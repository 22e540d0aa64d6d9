//! The kinds of objects that the cluster has, and how a path names them.

use serde_json::{Value, json};

/// A kind of object.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Resource {
    pub(super) kind: &'static str,
    pub(super) plural: &'static str,
    pub(super) singular: &'static str,
    /// Empty for the core group.
    pub(super) group: &'static str,
    /// The preferred one first. All show the same objects.
    pub(super) versions: &'static [&'static str],
    /// Whether `metadata.generation` counts changes of the spec.
    pub(super) has_generation: bool,
}

pub(super) static CONFIG_MAP: Resource = Resource {
    kind: "ConfigMap",
    plural: "configmaps",
    singular: "configmap",
    group: "",
    versions: &["v1"],
    has_generation: false,
};
pub(super) static SERVICE: Resource = Resource {
    kind: "Service",
    plural: "services",
    singular: "service",
    group: "",
    versions: &["v1"],
    has_generation: false,
};
pub(super) static POD: Resource = Resource {
    kind: "Pod",
    plural: "pods",
    singular: "pod",
    group: "",
    versions: &["v1"],
    has_generation: false,
};
pub(super) static STATEFUL_SET: Resource = Resource {
    kind: "StatefulSet",
    plural: "statefulsets",
    singular: "statefulset",
    group: "apps",
    versions: &["v1"],
    has_generation: true,
};
pub(super) static AUTHORIZATION_POLICY: Resource = Resource {
    kind: "AuthorizationPolicy",
    plural: "authorizationpolicies",
    singular: "authorizationpolicy",
    group: "security.istio.io",
    versions: &["v1", "v1beta1"],
    has_generation: true,
};

static ALL: [&Resource; 5] = [&CONFIG_MAP, &SERVICE, &POD, &STATEFUL_SET, &AUTHORIZATION_POLICY];

const VERBS: [&str; 6] = ["create", "delete", "get", "list", "patch", "update"];

impl Resource {
    /// The kind of that name.
    pub(super) fn named(kind: &str) -> Option<&'static Self> {
        ALL.into_iter().find(|resource| resource.kind == kind)
    }

    /// `apiVersion` of an object in this version.
    pub(super) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    /// As messages call it: `statefulsets.apps`.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }
}

/// What a path is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// What the server can do: this is the answer.
    Discovery(Value),
    /// All objects of a kind, in one namespace or in all.
    Collection { resource: &'static Resource, version: String, namespace: Option<String> },
    /// One object.
    Object { resource: &'static Resource, version: String, namespace: String, name: String },
}

impl Target {
    /// Reads a path. None if nothing is there.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (group, version, rest) = match parts.as_slice() {
            ["version"] => {
                return Some(Self::Discovery(
                    json!({"major": "1", "minor": "33", "gitVersion": "v1.33.0"}),
                ));
            }
            ["api"] => {
                return Some(Self::Discovery(json!({"kind": "APIVersions", "versions": ["v1"]})));
            }
            ["apis"] => return Some(Self::Discovery(groups())),
            ["apis", group] => return self::group(group).map(Self::Discovery),
            ["api", version, rest @ ..] => ("", *version, rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let resource = |plural: &str| {
            ALL.into_iter().find(|resource| {
                resource.group == group
                    && resource.plural == plural
                    && resource.versions.contains(&version)
            })
        };
        let version = version.to_owned();
        match rest {
            [] => resources(group, &version).map(Self::Discovery),
            [plural] => {
                Some(Self::Collection { resource: resource(plural)?, version, namespace: None })
            }
            ["namespaces", namespace, plural] => Some(Self::Collection {
                resource: resource(plural)?,
                version,
                namespace: Some((*namespace).to_owned()),
            }),
            ["namespaces", namespace, plural, name] => Some(Self::Object {
                resource: resource(plural)?,
                version,
                namespace: (*namespace).to_owned(),
                name: (*name).to_owned(),
            }),
            _ => None,
        }
    }
}

fn groups() -> Value {
    let groups = ALL
        .iter()
        .filter(|resource| !resource.group.is_empty())
        .filter_map(|resource| group(resource.group));
    json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.collect::<Vec<_>>()})
}

fn group(name: &str) -> Option<Value> {
    let resource = ALL.iter().find(|resource| resource.group == name && !name.is_empty())?;
    let version =
        |version: &&str| json!({"groupVersion": format!("{name}/{version}"), "version": version});
    let versions: Vec<Value> = resource.versions.iter().map(version).collect();
    Some(json!({
        "kind": "APIGroup", "apiVersion": "v1", "name": name,
        "preferredVersion": versions.first(), "versions": versions,
    }))
}

fn resources(group: &str, version: &str) -> Option<Value> {
    let found: Vec<Value> = ALL
        .iter()
        .filter(|resource| resource.group == group && resource.versions.contains(&version))
        .map(|resource| {
            json!({"name": resource.plural, "singularName": resource.singular, "namespaced": true,
                   "kind": resource.kind, "verbs": VERBS})
        })
        .collect();
    let group_version =
        if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    (!found.is_empty())
        .then(|| json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": found}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_objects() {
        let object = Target::parse("/apis/apps/v1/namespaces/m/statefulsets/loki");
        let wanted = Target::Object {
            resource: &STATEFUL_SET,
            version: "v1".to_owned(),
            namespace: "m".to_owned(),
            name: "loki".to_owned(),
        };
        assert_eq!(object, Some(wanted));
        assert!(matches!(
            Target::parse("/api/v1/pods"),
            Some(Target::Collection { namespace: None, .. })
        ));
        assert!(
            Target::parse("/apis/security.istio.io/v1beta1/namespaces/m/authorizationpolicies")
                .is_some()
        );
        for nothing in [
            "/",
            "/api/v2",
            "/api/v1/statefulsets",
            "/apis/apps",
            "/apis/apps/v1beta1",
            "/api/v1/namespaces/m",
        ] {
            assert_eq!(Target::parse(nothing).is_some(), nothing == "/apis/apps", "{nothing}");
        }
    }
}

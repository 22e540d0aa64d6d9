//! The loopback Kubernetes API, met with the client that charms use.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that can't go on says so")]

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::api::{
    ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, ObjectMeta, Patch,
    PatchParams, PostParams,
};
use kube::{Client, Config};
use relation_bus::kubernetes::{
    Api, ApiSetup, Fault, Missing, PatchError, Server, recorded_objects,
};
use serde_json::{Value, json};

const NAMESPACE: &str = "m";

async fn cluster(setup: ApiSetup) -> (Api, Server, Client) {
    let api = Api::new(setup);
    let server = api.serve().await.unwrap();
    let mut config = Config::new(server.url().parse().unwrap());
    config.read_timeout = Some(Duration::from_secs(10));
    (api, server, Client::try_from(config).unwrap())
}

fn application() -> Vec<Value> {
    let recorded = json!({
        "configmaps": {"app-labels": {"labels": "{}"}},
        "statefulset": {"generation": 4, "observed_generation": 4, "replicas": 1, "ready_replicas": 1,
                        "current_revision": "r7", "update_revision": "r7",
                        "containers": [{"name": "nginx", "image": "i", "resources": {}}, {"name": "charm"}]},
        "pod": {"containers": [{"name": "nginx", "resources": {}}]},
        "authorization_policies": [],
    });
    recorded_objects(&recorded, NAMESPACE, "app", "app/0")
}

fn code(error: kube::Error) -> (u16, String) {
    match error {
        kube::Error::Api(status) => (status.code, status.reason.clone()),
        other => panic!("no status: {other}"),
    }
}

fn config_map(name: &str, key: &str, value: &str) -> ConfigMap {
    let labels = BTreeMap::from([("app".to_owned(), name.to_owned())]);
    ConfigMap {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(key.to_owned(), value.to_owned())])),
        ..ConfigMap::default()
    }
}

#[tokio::test]
async fn objects_are_made_read_listed_replaced_and_deleted() {
    let (_, _server, client) = cluster(ApiSetup::default()).await;
    let maps: kube::Api<ConfigMap> = kube::Api::namespaced(client.clone(), NAMESPACE);
    assert_eq!(code(maps.get("a").await.unwrap_err()), (404, "NotFound".to_owned()));
    let made = maps.create(&PostParams::default(), &config_map("a", "k", "v")).await.unwrap();
    assert_eq!(
        code(maps.create(&PostParams::default(), &config_map("a", "k", "v")).await.unwrap_err()),
        (409, "AlreadyExists".to_owned())
    );
    maps.create(&PostParams::default(), &config_map("b", "k", "v")).await.unwrap();
    let listed = maps.list(&ListParams::default().labels("app in (a, c)")).await.unwrap();
    assert_eq!(
        listed.items.iter().filter_map(|map| map.metadata.name.as_deref()).collect::<Vec<_>>(),
        ["a"]
    );
    let everywhere: kube::Api<ConfigMap> = kube::Api::all(client);
    assert_eq!(everywhere.list(&ListParams::default()).await.unwrap().items.len(), 2);

    let mut stale = config_map("a", "k", "new");
    stale.metadata.resource_version = made.metadata.resource_version.clone();
    let replaced = maps.replace("a", &PostParams::default(), &stale).await.unwrap();
    assert_ne!(replaced.metadata.resource_version, made.metadata.resource_version);
    assert_eq!(replaced.metadata.uid, made.metadata.uid);
    let refused = maps.replace("a", &PostParams::default(), &stale).await.unwrap_err();
    assert_eq!(code(refused), (409, "Conflict".to_owned()));

    maps.delete("a", &DeleteParams::default()).await.unwrap();
    assert_eq!(code(maps.delete("a", &DeleteParams::default()).await.unwrap_err()).0, 404);
}

#[tokio::test]
async fn a_strategic_patch_of_resources_reaches_the_pods() {
    let (api, _server, client) =
        cluster(ApiSetup { objects: application(), ..ApiSetup::default() }).await;
    let sets: kube::Api<StatefulSet> = kube::Api::namespaced(client.clone(), NAMESPACE);
    let limits = json!({"limits": {"cpu": "250m"}});
    let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "nginx", "resources": limits}]}}}});
    let params = PatchParams { field_manager: Some("me".to_owned()), ..PatchParams::default() };
    let patched = sets.patch("app", &params, &Patch::Strategic(&patch)).await.unwrap();
    let shown = serde_json::to_value(&patched).unwrap();
    let containers = &shown["spec"]["template"]["spec"]["containers"];
    assert_eq!(containers[0], json!({"name": "nginx", "image": "i", "resources": limits}));
    assert_eq!(containers[1]["name"], "charm");
    assert_eq!(
        (shown["metadata"]["generation"].as_u64(), shown["status"]["observedGeneration"].as_u64()),
        (Some(5), Some(5))
    );
    let pods: kube::Api<Pod> = kube::Api::namespaced(client, NAMESPACE);
    let pod = serde_json::to_value(pods.get("app-0").await.unwrap()).unwrap();
    assert_eq!(pod["spec"]["containers"][0]["resources"], limits);

    let again = sets.patch("app", &params, &Patch::Strategic(&patch)).await.unwrap();
    assert_eq!(again.metadata.resource_version, patched.metadata.resource_version);
    assert_eq!(again.metadata.generation, Some(5));
    assert_eq!(
        api.journal()[0].to_json(),
        json!({"verb": "patch", "kind": "StatefulSet", "name": "app", "namespace": NAMESPACE,
               "patch_type": "application/strategic-merge-patch+json", "field_manager": "me", "object": patch})
    );
}

#[tokio::test]
async fn applies_conflict_and_can_be_tried_and_forced() {
    let (api, _server, client) =
        cluster(ApiSetup { objects: application(), ..ApiSetup::default() }).await;
    let sets: kube::Api<StatefulSet> = kube::Api::namespaced(client, NAMESPACE);
    let wanted = |cpu: &str| {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"template": {"spec": {"containers": [
            {"name": "nginx", "resources": {"limits": {"cpu": cpu}}}]}}}})
    };
    let cpu = |set: &StatefulSet| {
        let set = serde_json::to_value(set).unwrap();
        set["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["cpu"].clone()
    };
    let tried = sets
        .patch("app", &PatchParams::apply("one").dry_run(), &Patch::Apply(wanted("1")))
        .await
        .unwrap();
    assert_eq!(cpu(&tried), "1");
    assert_eq!(cpu(&sets.get("app").await.unwrap()), Value::Null);
    sets.patch("app", &PatchParams::apply("one"), &Patch::Apply(wanted("1"))).await.unwrap();
    let refused = sets
        .patch("app", &PatchParams::apply("two"), &Patch::Apply(wanted("2")))
        .await
        .unwrap_err();
    assert!(refused.to_string().contains("conflict with \"one\" using apps/v1"), "{refused}");
    assert_eq!(code(refused), (409, "Conflict".to_owned()));
    sets.patch("app", &PatchParams::apply("two").force(), &Patch::Apply(wanted("2")))
        .await
        .unwrap();
    let after = sets.get("app").await.unwrap();
    assert_eq!(cpu(&after), "2");
    let managers: Vec<_> = (after.metadata.managed_fields.into_iter().flatten())
        .filter_map(|entry| entry.manager)
        .collect();
    assert_eq!(managers, ["one", "two"]);
    let writes = api.journal();
    let seen: Vec<_> =
        writes.iter().map(|write| (write.dry_run, write.force, write.status)).collect();
    assert_eq!(
        seen,
        [(Some(true), None, 200), (None, None, 200), (None, None, 409), (None, Some(true), 200)]
    );
}

#[tokio::test]
async fn policies_are_applied_in_either_version() {
    let (api, _server, client) = cluster(ApiSetup::default()).await;
    for (version, created) in [("v1", true), ("v1beta1", false)] {
        let kind = GroupVersionKind::gvk("security.istio.io", version, "AuthorizationPolicy");
        let resource = ApiResource::from_gvk_with_plural(&kind, "authorizationpolicies");
        let policies: kube::Api<DynamicObject> =
            kube::Api::namespaced_with(client.clone(), NAMESPACE, &resource);
        let policy = json!({"apiVersion": format!("security.istio.io/{version}"), "kind": "AuthorizationPolicy",
                            "metadata": {"name": "p"}, "spec": {"rules": [{"to": []}]}});
        let applied = policies
            .patch("p", &PatchParams::apply("me").force(), &Patch::Apply(&policy))
            .await
            .unwrap();
        assert_eq!(applied.types.unwrap().api_version, format!("security.istio.io/{version}"));
        assert_eq!(applied.metadata.generation, Some(1));
        assert_eq!(api.journal().last().unwrap().status, if created { 201 } else { 200 });
    }
    assert_eq!(api.objects().len(), 1);
    assert_eq!(client.apiserver_version().await.unwrap().major, "1");
    let groups: Vec<_> = client
        .list_api_groups()
        .await
        .unwrap()
        .groups
        .into_iter()
        .map(|group| group.name)
        .collect();
    assert!(
        groups.contains(&"apps".to_owned()) && groups.contains(&"security.istio.io".to_owned()),
        "{groups:?}"
    );
}

#[tokio::test]
async fn patches_of_missing_objects_depend_on_the_cluster() {
    let patch = Patch::Strategic(json!({"data": {"k": "v"}}));
    for (missing, wanted) in [(Missing::NotFound, None), (Missing::Accept, Some("v"))] {
        let (api, _server, client) = cluster(ApiSetup { missing, ..ApiSetup::default() }).await;
        let maps: kube::Api<ConfigMap> = kube::Api::namespaced(client, NAMESPACE);
        match maps.patch("a", &PatchParams::default(), &patch).await {
            Err(error) => assert_eq!((code(error).0, wanted), (404, None)),
            Ok(map) => assert_eq!(map.data.unwrap().get("k").map(String::as_str), wanted),
        }
        assert_eq!(api.journal().len(), 1);
        assert_eq!(api.objects(), Vec::<Value>::new());
    }
}

#[tokio::test]
async fn refusals_and_faults_are_as_told() {
    let patch_error =
        PatchError { kind: "StatefulSet".to_owned(), code: 403, message: "not yours".to_owned() };
    let setup =
        ApiSetup { objects: application(), patch_error: Some(patch_error), ..ApiSetup::default() };
    let (api, _server, client) = cluster(setup).await;
    let sets: kube::Api<StatefulSet> = kube::Api::namespaced(client.clone(), NAMESPACE);
    let maps: kube::Api<ConfigMap> = kube::Api::namespaced(client, NAMESPACE);
    let refused =
        sets.patch("app", &PatchParams::default(), &Patch::Merge(json!({}))).await.unwrap_err();
    assert_eq!(code(refused), (403, "Forbidden".to_owned()));
    maps.patch(
        "app-labels",
        &PatchParams::default(),
        &Patch::Merge(json!({"data": {"labels": null}})),
    )
    .await
    .unwrap();

    api.set_fault(Some(Fault::TooManyRequests(1)));
    let busy = reqwest::get(format!("{}/api/v1/namespaces/m/pods", _server.url())).await.unwrap();
    assert_eq!(
        (busy.status().as_u16(), busy.headers()["retry-after"].to_str().unwrap()),
        (429, "1")
    );
    api.set_fault(Some(Fault::CutOff));
    assert!(sets.get("app").await.is_err());
    api.set_fault(Some(Fault::Slow(Duration::from_millis(50))));
    let began = std::time::Instant::now();
    sets.get("app").await.unwrap();
    assert!(began.elapsed() >= Duration::from_millis(50));
}

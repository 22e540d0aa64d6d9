//! Relations between two models of shell-script charms.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use relation_bus::charm_folder::load;
use relation_bus::controller::Controller;
use relation_bus::controller::acts::{
    Act, Consume, InUse, Integrate, Offer, OfferUrl, Outcome, RemoveOffer, RemoveRelation,
    RemoveSaas,
};
use relation_bus::engine::Settings;
use relation_bus::model::{Model, remote_name};
use relation_bus::names::{RelationId, UnitName};
use relation_bus::shapes::{ControllerFacts, View, unit};
use serde_json::json;

/// Writes a greeting, reads the answer and the secret that comes with it.
const WEB: &str = r#"
    case "$JUJU_HOOK_NAME" in
      backend-relation-created) relation-set "hello=$JUJU_UNIT_NAME";;
      backend-relation-changed)
        uri=$(relation-get --app uri api)
        [ -z "$uri" ] || status-set active "$(secret-get "$uri" password) $(relation-model-get)";;
      secret-changed) status-set active "$JUJU_SECRET_ID $(secret-get "$JUJU_SECRET_ID" password --refresh)";;
      backend-relation-departed) juju-log "departing $JUJU_DEPARTING_UNIT";;
    esac
    [ "$JUJU_HOOK_NAME" != start ] || status-set active"#;

/// Answers with a secret, and with whom it has seen.
const API: &str = r#"
    case "$JUJU_HOOK_NAME" in
      http-relation-created)
        if [ "$(is-leader)" = True ]; then
          uri=$(secret-add --label pass password=first)
          secret-grant "$uri" -r "$JUJU_RELATION_ID"; relation-set --app "uri=$uri"
        fi;;
      http-relation-changed) [ -z "$JUJU_REMOTE_UNIT" ] || status-set active "$(relation-get hello)";;
      config-changed)
        if [ "$(config-get port)" = 1 ]; then
          secret-set "$(secret-info-get --label pass | head -1 | tr -d ':')" password=second
        fi;;
    esac
    [ "$JUJU_HOOK_NAME" != start ] || status-set active"#;

struct Stage {
    folder: tempfile::TempDir,
    controller: Controller,
}

impl Stage {
    /// `web`, two units in model `apps`, related to `api` of model `store`.
    async fn related() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let program = Some(env!("CARGO_BIN_EXE_relation-bus").into());
        let controller = Controller::new(Settings { program, ..Settings::default() });
        let mut stage = Self { folder, controller };
        stage.deploy("apps", "web", "requires: {backend: {interface: http}}", WEB, 2).await;
        // An id that the other model doesn't have: ids are each model's own.
        stage
            .deploy(
                "store",
                "api",
                "provides: {http: {interface: http}}\npeers: {peers: p}",
                API,
                1,
            )
            .await;
        stage.settle().await;
        let endpoints = vec!["http".to_owned()];
        let offer = Offer { application: "api".to_owned(), endpoints, name: None };
        assert_eq!(
            stage.act("store", Act::Offer(offer)).await,
            ["Application \"api\" endpoints [http] available at \"admin/store.api\""]
        );
        let url = OfferUrl::parse("admin/store.api").unwrap();
        let consume = Consume { url, name: None };
        assert_eq!(
            stage.act("apps", Act::Consume(consume)).await,
            ["Added admin/store.api as api"]
        );
        stage.integrate().await;
        stage.settle().await;
        stage
    }

    async fn deploy(&mut self, model: &str, name: &str, endpoints: &str, script: &str, units: u32) {
        let path = self.charm(name, endpoints, script);
        let hosted = self.controller.add_model(model).await.unwrap();
        hosted.bus.deploy(name, &load(&path).unwrap(), units).await.unwrap();
    }

    fn charm(&self, name: &str, endpoints: &str, script: &str) -> PathBuf {
        let path: &Path = self.folder.path();
        let path = path.join(name);
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("metadata.yaml"), format!("name: {name}\n{endpoints}\n")).unwrap();
        let options = "options: {port: {type: int, default: 80}}\n";
        std::fs::write(path.join("config.yaml"), options).unwrap();
        let dispatch = path.join("dispatch");
        std::fs::write(&dispatch, format!("#!/bin/sh\nset -e\n{script}\n")).unwrap();
        std::fs::set_permissions(&dispatch, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    async fn integrate(&mut self) {
        let act = Integrate { one: "web".to_owned(), other: "admin/store.api".to_owned() };
        assert_eq!(self.act("apps", Act::Integrate(act)).await, [""; 0]);
    }

    async fn act(&mut self, model: &str, act: Act) -> Vec<String> {
        match self.controller.act(Some(model), act).await.unwrap() {
            Outcome::Said(lines) => lines,
            _ => Vec::new(),
        }
    }

    async fn settle(&mut self) -> usize {
        self.controller.settle().await.unwrap()
    }

    fn model<T>(&self, name: &str, read: impl FnOnce(&Model) -> T) -> T {
        read(&self.controller.model(Some(name)).unwrap().bus.model())
    }

    fn message(&self, model: &str, unit: &str) -> String {
        let unit: UnitName = unit.parse().unwrap();
        self.controller.model(Some(model)).unwrap().bus.status(&unit).message
    }

    fn hooks(&self, model: &str, unit: &str) -> Vec<String> {
        let journal = self.controller.model(Some(model)).unwrap().bus.journal();
        let own = journal.iter().filter(|journal| journal.unit.as_str() == unit);
        own.map(relation_bus::hook::Journal::title).collect()
    }

    fn remote(&self) -> String {
        self.model("apps", |model| remote_name(&model.uuid, "web"))
    }
}

#[tokio::test]
async fn each_model_has_its_half_and_databags_travel_both_ways() {
    let mut stage = Stage::related().await;
    let remote = stage.remote();
    let store = stage.model("store", |model| model.uuid.clone());
    for unit in ["web/0", "web/1"] {
        assert_eq!(stage.message("apps", unit), format!("first uuid: {store}"));
    }
    assert!(stage.message("store", "api/0").starts_with("web/"));
    let hooks = stage.hooks("store", "api/0");
    for expected in [
        format!("http-relation-created {remote} on http:1"),
        format!("http-relation-joined {remote}/0 on http:1"),
        format!("http-relation-changed {remote}/1 on http:1"),
    ] {
        assert_eq!(hooks.iter().filter(|hook| **hook == expected).count(), 1, "{hooks:#?}");
    }
    let hooks = stage.hooks("apps", "web/0");
    assert!(hooks.contains(&"backend-relation-joined api/0 on backend:0".to_owned()), "{hooks:#?}");
    let own = "web/0".parse().unwrap();
    let bag = |relation: RelationId, model: &Model, unit: &UnitName| {
        model.relations[&relation].unit_bag(unit).unwrap().content.clone()
    };
    let here = stage.model("apps", |model| bag(RelationId(0), model, &own));
    let there = stage.model("store", |model| bag(RelationId(1), model, &UnitName::new(&remote, 0)));
    assert_eq!(here, there);
    assert!(here.contains_key("ingress-address"));
    let shown = stage.model("apps", |model| {
        let controller = ControllerFacts::default();
        let view = View { model, controller: &controller };
        unit::document(view, std::slice::from_ref(&own), &unit::Filter::default()).unwrap()
    });
    assert_eq!(shown["web/0"]["relation-info"][0]["cross-model"], json!(true));
    assert_eq!(stage.settle().await, 0, "a second look finds nothing to carry");
}

#[tokio::test]
async fn a_secret_is_read_and_its_change_is_told_in_the_other_model() {
    let mut stage = Stage::related().await;
    let bus = &mut stage.controller.model_mut(Some("store")).unwrap().bus;
    bus.configure("api", "port", Some(json!(1))).unwrap();
    stage.settle().await;
    let (uuid, id) = stage
        .model("store", |model| (model.uuid.clone(), model.secrets.keys().next().unwrap().clone()));
    assert_eq!(stage.message("apps", "web/0"), format!("secret://{uuid}/{id} second"));
    // Everybody reads the second revision: its owner is told that the first one may go.
    assert_eq!(stage.hooks("store", "api/0").last().unwrap(), "secret-remove");
    let foreign = stage.model("apps", |model| model.is_foreign(&model.secrets[&id]));
    assert!(foreign);
}

#[tokio::test]
async fn a_relation_goes_on_both_sides_whoever_removes_it() {
    let mut stage = Stage::related().await;
    let remote = stage.remote();
    let ends = RemoveRelation::Ends("web".to_owned(), "api".to_owned());
    stage.act("apps", Act::RemoveRelation(ends)).await;
    stage.settle().await;
    let gone = |stage: &Stage| {
        stage.model("apps", |model| model.relations.is_empty() && model.links.is_empty())
            && stage.model("store", |model| model.relations.len() == 1 && model.links.is_empty())
    };
    assert!(gone(&stage));
    assert_eq!(
        stage.hooks("apps", "web/1").last().unwrap(),
        "backend-relation-broken api on backend:0"
    );
    let api = stage.hooks("store", "api/0");
    assert_eq!(*api.last().unwrap(), format!("http-relation-broken {remote} on http:1"));
    assert!(api.contains(&format!("http-relation-departed {remote}/0 on http:1")));
    assert!(stage.model("apps", |model| model.secrets.is_empty()), "the grant has ended");

    // Again, under new ids; an offer in use stays unless it is forced away.
    stage.integrate().await;
    stage.settle().await;
    let kept = RemoveOffer { model: None, offer: "api".to_owned(), in_use: InUse::Refuse };
    let refused = stage.controller.act(Some("store"), Act::RemoveOffer(kept)).await;
    assert_eq!(
        refused.unwrap_err().to_string(),
        "cannot delete application offer \"api\": offer has 1 relation"
    );
    let forced = RemoveOffer {
        model: Some("store".to_owned()),
        offer: "api".to_owned(),
        in_use: InUse::Remove,
    };
    stage.act("apps", Act::RemoveOffer(forced)).await;
    stage.settle().await;
    assert!(gone(&stage));
    assert_eq!(
        stage.hooks("apps", "web/0").last().unwrap(),
        "backend-relation-broken api on backend:1"
    );
    assert!(stage.model("store", |model| model.offers.is_empty()));
    stage.act("apps", Act::RemoveSaas(RemoveSaas { name: "api".to_owned() })).await;
    stage.settle().await;
    assert!(stage.model("apps", |model| model.saas.is_empty()));
}

#[tokio::test]
async fn a_unit_that_leaves_is_told_to_the_other_model() {
    let mut stage = Stage::related().await;
    let remote = stage.remote();
    stage.controller.model_mut(Some("apps")).unwrap().bus.remove_unit("web").unwrap();
    stage.settle().await;
    let api = stage.hooks("store", "api/0");
    assert_eq!(*api.last().unwrap(), format!("http-relation-departed {remote}/1 on http:1"));
    stage.controller.drop_model("store").unwrap();
    stage.settle().await;
    assert_eq!(
        stage.hooks("apps", "web/0").last().unwrap(),
        "backend-relation-broken api on backend:0"
    );
}

#[tokio::test]
async fn what_is_not_offered_is_not_consumed() {
    let mut stage = Stage::related().await;
    let consume = |url: &str, name: Option<&str>| {
        Act::Consume(Consume {
            url: OfferUrl::parse(url).unwrap(),
            name: name.map(ToOwned::to_owned),
        })
    };
    for (act, refusal) in [
        (consume("store.nope", None), "application offer \"admin/store.nope\" not found"),
        (consume("nowhere.api", None), "application offer \"admin/nowhere.api\" not found"),
        (consume("store.api", Some("web")), "saas application \"web\" already exists"),
    ] {
        let refused = stage.controller.act(Some("apps"), act).await.unwrap_err();
        assert_eq!(refused.to_string(), refusal);
    }
}

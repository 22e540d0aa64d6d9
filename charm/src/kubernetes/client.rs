//! The Kubernetes API from inside the charm's pod.

use std::fs;
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Service};
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams,
};
use kube::client::ClientBuilder;
use kube::config::{AuthInfo, Config};
use serde_json::{Value, json};
use tower::util::MapRequestLayer;

use super::{
    ApplyPatch, Conflicts, KubernetesAnswer, KubernetesQuery, KubernetesRefusal, KubernetesWrite,
    ObjectKind, ObjectRef,
};
use crate::names::ModelName;

/// How long one request may take. A slow API server must not hold a hook for long.
const REQUEST: Duration = Duration::from_secs(5);
/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "var/run/secrets/kubernetes.io/serviceaccount";

/// A connection to the API server that the pod's environment names.
pub struct Client {
    client: kube::Client,
    namespace: String,
}

/// Where the API server is, as `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiServer {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: String,
}

impl Client {
    /// A client with the pod's service account, found below `root` (`/` in a pod). The namespace is
    /// the account's, or else the model's name.
    ///
    /// # Errors
    /// When the environment or the account's files can't be used. Nothing is sent yet.
    pub fn connect(
        root: &Path,
        server: &ApiServer,
        model: &ModelName,
    ) -> Result<Self, KubernetesRefusal> {
        let refused = |message: String| KubernetesRefusal { code: None, message };
        let account = root.join(SERVICE_ACCOUNT);
        let file = |name: &str| {
            fs::read_to_string(account.join(name)).ok().map(|text| text.trim().to_owned())
        };
        let authority = fs::read(account.join("ca.crt")).ok();
        let ApiServer { host, port } = server;
        let bracketed = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        // A token must not travel in clear text but to this very machine.
        let is_loopback = host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
        let scheme = if authority.is_none() && is_loopback { "http" } else { "https" };
        let url = format!("{scheme}://{bracketed}:{port}").parse().map_err(|error| {
            refused(format!("address `{host}:{port}` of the API server: {error}"))
        })?;
        let namespace = file("namespace").unwrap_or_else(|| model.to_string());
        let mut config = Config::new(url);
        config.default_namespace.clone_from(&namespace);
        config.root_cert = authority
            .map(|pem| {
                pem_certificates(&pem)
                    .ok_or_else(|| refused("`ca.crt` holds no certificate".to_owned()))
            })
            .transpose()?
            // Nobody has to be trusted where TLS is not spoken. Without this kube reads the
            // machine's whole trust store, in every hook.
            .or_else(|| (scheme == "http").then(Vec::new));
        config.connect_timeout = Some(REQUEST);
        config.read_timeout = Some(REQUEST);
        config.write_timeout = Some(REQUEST);
        config.auth_info = AuthInfo { token: file("token").map(Into::into), ..AuthInfo::default() };
        let client = ClientBuilder::try_from(config).map_err(|error| refused(error.to_string()))?;
        let client = client.with_layer(&MapRequestLayer::new(in_context)).build();
        Ok(Self { client, namespace })
    }

    fn api(&self, kind: ObjectKind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource(kind))
    }

    /// Asks a question. A refusal is an answer too.
    #[tracing::instrument(name = "kubernetes", level = "debug", skip_all)]
    pub async fn query(&self, query: &KubernetesQuery) -> KubernetesAnswer {
        let found = match query {
            KubernetesQuery::Get(object) => {
                let found = bounded(self.api(object.kind).get_opt(&object.name)).await;
                found.map(|found| found.map(|object| json!(object)))
            }
            KubernetesQuery::List { kind, selector } => {
                let parameters = ListParams::default().labels(selector);
                let found = bounded(self.api(*kind).list(&parameters)).await;
                found.map(|list| Some(json!(list.items)))
            }
            KubernetesQuery::DryRunApply(patch) => {
                let parameters = PatchParams { dry_run: true, ..apply_parameters(patch) };
                self.patch(&patch.object, &parameters, &Patch::Apply(&patch.body)).await.map(Some)
            }
        };
        match found {
            Ok(Some(object)) => KubernetesAnswer::Found(object),
            Ok(None) => KubernetesAnswer::NotFound,
            Err(refusal) => KubernetesAnswer::Refused(refusal),
        }
    }

    /// Changes the cluster.
    ///
    /// # Errors
    /// When the API server refuses or can't be reached. Creating what exists and deleting what is
    /// gone are no errors.
    #[tracing::instrument(name = "kubernetes", level = "debug", skip_all)]
    pub async fn write(&self, write: &KubernetesWrite) -> Result<(), KubernetesRefusal> {
        match write {
            KubernetesWrite::Create { object, body } => {
                let content: DynamicObject =
                    serde_json::from_value(body.clone()).map_err(|error| KubernetesRefusal {
                        code: None,
                        message: format!("`{}`: {error}", object.name),
                    })?;
                let api = self.api(object.kind);
                tolerate(409, bounded(api.create(&PostParams::default(), &content)).await.map(drop))
            }
            KubernetesWrite::Merge { object, field_manager, body } => {
                let parameters =
                    PatchParams { field_manager: field_manager.clone(), ..PatchParams::default() };
                self.patch(object, &parameters, &Patch::Strategic(body)).await.map(drop)
            }
            KubernetesWrite::Apply(patch) => {
                let parameters = apply_parameters(patch);
                self.patch(&patch.object, &parameters, &Patch::Apply(&patch.body)).await.map(drop)
            }
            KubernetesWrite::Delete(object) => {
                let api = self.api(object.kind);
                let deleted = bounded(api.delete(&object.name, &DeleteParams::default())).await;
                tolerate(404, deleted.map(drop))
            }
        }
    }

    async fn patch(
        &self,
        object: &ObjectRef,
        parameters: &PatchParams,
        patch: &Patch<&Value>,
    ) -> Result<Value, KubernetesRefusal> {
        let api = self.api(object.kind);
        let patched = bounded(api.patch(&object.name, parameters, patch)).await?;
        Ok(json!(patched))
    }
}

/// The request with the W3C trace context of the span that it is made in.
fn in_context<B>(mut request: http::Request<B>) -> http::Request<B> {
    let context = crate::telemetry::traceparent();
    if let Some(value) = context.and_then(|context| context.parse().ok()) {
        request.headers_mut().insert("traceparent", value);
    }
    request
}

fn apply_parameters(patch: &ApplyPatch) -> PatchParams {
    let parameters = PatchParams::apply(&patch.field_manager);
    match patch.conflicts {
        Conflicts::TakeOver => parameters.force(),
        Conflicts::Refuse => parameters,
    }
}

fn resource(kind: ObjectKind) -> ApiResource {
    match kind {
        ObjectKind::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
        ObjectKind::Service => ApiResource::erase::<Service>(&()),
        ObjectKind::Pod => ApiResource::erase::<Pod>(&()),
        ObjectKind::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
        ObjectKind::AuthorizationPolicy => ApiResource {
            group: "security.istio.io".to_owned(),
            version: "v1".to_owned(),
            api_version: "security.istio.io/v1".to_owned(),
            kind: "AuthorizationPolicy".to_owned(),
            plural: "authorizationpolicies".to_owned(),
        },
    }
}

async fn bounded<T>(
    request: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, KubernetesRefusal> {
    match tokio::time::timeout(REQUEST, request).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(kube::Error::Api(status))) => {
            Err(KubernetesRefusal { code: Some(status.code), message: status.message.clone() })
        }
        Ok(Err(error)) => Err(KubernetesRefusal { code: None, message: error.to_string() }),
        Err(_) => Err(KubernetesRefusal {
            code: None,
            message: format!("no answer within {} s", REQUEST.as_secs()),
        }),
    }
}

fn tolerate(code: u16, outcome: Result<(), KubernetesRefusal>) -> Result<(), KubernetesRefusal> {
    match outcome {
        Err(refusal) if refusal.code == Some(code) => Ok(()),
        outcome => outcome,
    }
}

/// The certificates of a PEM text, in DER form; `None` when there is none.
fn pem_certificates(pem: &[u8]) -> Option<Vec<Vec<u8>>> {
    use base64::Engine;
    let text = String::from_utf8_lossy(pem);
    let certificates: Vec<Vec<u8>> = text
        .split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .filter_map(|rest| rest.split("-----END CERTIFICATE-----").next())
        .filter_map(|body| {
            let body: String = body.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD.decode(body).ok()
        })
        .collect();
    (!certificates.is_empty()).then_some(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(root: &Path, host: &str) -> Result<Client, KubernetesRefusal> {
        let server = ApiServer { host: host.to_owned(), port: "1".to_owned() };
        Client::connect(root, &server, &"stage".parse().unwrap())
    }

    #[tokio::test]
    async fn an_api_server_that_is_not_there_is_an_answer() {
        let client = connect(Path::new("/nonexistent"), "127.0.0.1").unwrap();
        let object = ObjectRef { kind: ObjectKind::ConfigMap, name: "x".to_owned() };
        let answer = client.query(&KubernetesQuery::Get(object)).await;
        let KubernetesAnswer::Refused(refusal) = answer else { panic!("{answer:?}") };
        assert_eq!(refusal.code, None);
    }

    #[test]
    fn certificates_are_found_between_their_marks() {
        let pem = b"-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\nx\n\
            -----BEGIN CERTIFICATE-----\nBAU=\n-----END CERTIFICATE-----\n";
        assert_eq!(pem_certificates(pem), Some(vec![vec![1, 2, 3], vec![4, 5]]));
        assert_eq!(pem_certificates(b"nothing"), None);
    }
}

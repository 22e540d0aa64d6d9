//! The HTTP side of the cluster.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, Query, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::apply::{Conflicts, Writer};
use super::journal::{Verb, Write};
use super::object::meta;
use super::resource::{Resource, Target};
use super::secure::secure;
use super::select::Selector;
use super::setup::{ApiSetup, Fault, PatchError};
use super::status::Refusal;
use super::store::{Keep, PatchKind, Place, Store, Written};
use crate::pebble::clock::Timestamp;
use crate::serving::Serving;

/// A cluster: a handle, cheap to clone; all clones are the same cluster.
#[derive(Debug, Clone)]
pub struct Api {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    patch_error: Option<PatchError>,
    fault: Option<Fault>,
    journal: Vec<Write>,
    contexts: Vec<String>,
}

impl Api {
    /// A cluster in the state that `setup` describes.
    #[must_use]
    pub fn new(setup: ApiSetup) -> Self {
        let mut store = Store::new(setup.missing);
        for object in setup.objects {
            if !store.insert(object) {
                tracing::warn!("an object of a kind that the cluster doesn't have was left out");
            }
        }
        let inner = Inner {
            store,
            patch_error: setup.patch_error,
            fault: setup.fault,
            journal: Vec::new(),
            contexts: Vec::new(),
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Answers requests on a free port of this machine until the server is stopped or dropped. Must be called within a
    /// tokio runtime.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn serve(&self) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        Ok(self.answer_on(listener, address, None))
    }

    /// As [`Api::serve`], over TLS, with an authority of the cluster's own.
    ///
    /// # Errors
    /// No port can be had, or no certificate can be made.
    pub async fn serve_securely(&self) -> io::Result<Server> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (listener, authority) =
            secure(listener, &["127.0.0.1", "localhost"]).map_err(io::Error::other)?;
        Ok(self.answer_on(listener, address, Some(authority)))
    }

    fn answer_on<L>(&self, listener: L, address: SocketAddr, authority: Option<String>) -> Server
    where
        L: axum::serve::Listener,
        L::Addr: std::fmt::Debug,
    {
        let routes = Router::new()
            .fallback(answer)
            .layer(DefaultBodyLimit::disable())
            .with_state(self.clone());
        let serving = Serving::begin("Kubernetes", |stopped| {
            axum::serve(listener, routes).with_graceful_shutdown(stopped).into_future()
        });
        Server { address, authority, serving }
    }

    /// Every write that was asked for so far, granted or not, in order.
    #[must_use]
    pub fn journal(&self) -> Vec<Write> {
        self.lock().journal.clone()
    }

    /// The W3C trace contexts that requests came with, in order.
    #[must_use]
    pub fn contexts(&self) -> Vec<String> {
        self.lock().contexts.clone()
    }

    /// Forgets the writes so far.
    pub fn clear_journal(&self) {
        self.lock().journal.clear();
    }

    /// All objects, by kind, namespace and name, each with `apiVersion` and `kind`.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        self.lock().store.all()
    }

    /// Puts an object into the cluster as it is, status too, in place of one of the same kind and name. Without a
    /// namespace it goes to `default`. False if the cluster doesn't have its kind.
    pub fn insert(&self, object: Value) -> bool {
        self.lock().store.insert(object)
    }

    /// Takes an object out of the cluster, as if somebody had deleted it, and gives it as it was. Nothing else goes
    /// with it: see the module's note on garbage collection.
    pub fn remove(&self, kind: &str, name: &str) -> Option<Value> {
        self.lock().store.take(kind, name)
    }

    /// Makes something be wrong with the server, or nothing.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// Refuses every patch of a kind from now on, or none.
    pub fn set_patch_error(&self, error: Option<PatchError>) {
        self.lock().patch_error = error;
    }

    // A panic while the lock was held can't leave a state worse than a request that failed half-way.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running server. Stops when dropped; the cluster stays as it is and can be served again.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    authority: Option<String>,
    serving: Serving,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it listens, as a URL without a path.
    #[must_use]
    pub fn url(&self) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate of the authority that vouches for the server, as PEM; nothing over plain
    /// HTTP.
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.authority.as_deref()
    }

    /// Ends the server: no new connections, the open ones are closed after the answer they are at.
    pub async fn stop(mut self) {
        self.serving.stop().await;
    }
}

type Params = Vec<(String, String)>;

fn param<'a>(query: &'a Params, key: &str) -> Option<&'a str> {
    query.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
}

async fn answer(
    Shared(api): Shared<Api>,
    method: Method,
    uri: Uri,
    Query(query): Query<Params>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let fault = {
        let mut inner = api.lock();
        let context = headers.get("traceparent").and_then(|context| context.to_str().ok());
        inner.contexts.extend(context.map(str::to_owned));
        inner.fault
    };
    match fault {
        Some(Fault::TooManyRequests(seconds)) => {
            let refusal = Refusal::with_code(429, "too many requests, please try again later");
            return ([(header::RETRY_AFTER, seconds.to_string())], refusal).into_response();
        }
        Some(Fault::Unavailable) => {
            return Refusal::with_code(503, "the server is not available").into_response();
        }
        Some(Fault::Slow(delay)) => tokio::time::sleep(delay).await,
        Some(Fault::CutOff) | None => {}
    }
    let response = respond(&api, &method, uri.path(), &query, &headers, &body)
        .unwrap_or_else(Refusal::into_response);
    if fault == Some(Fault::CutOff) { cut_off(&response) } else { response }
}

// Promises an answer and breaks off after its first bytes.
fn cut_off(response: &Response) -> Response {
    let parts = [
        Ok(Bytes::from_static(b"{\"kind\":")),
        Err(io::Error::from(io::ErrorKind::ConnectionAborted)),
    ];
    let mut broken = Response::new(Body::from_stream(stream::iter(parts)));
    *broken.status_mut() = response.status();
    broken
        .headers_mut()
        .insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    broken
}

fn json_response(status: StatusCode, value: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

fn respond(
    api: &Api,
    method: &Method,
    path: &str,
    query: &Params,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refusal> {
    let nothing = || Refusal::with_code(404, "the server could not find the requested resource");
    let not_allowed = || {
        let message = "the server does not allow this method on the requested resource";
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
    };
    match (Target::parse(path).ok_or_else(nothing)?, method) {
        (Target::Discovery(value), &Method::GET) => Ok(json_response(StatusCode::OK, &value)),
        (Target::Collection { resource, version, namespace }, &Method::GET) => {
            list(api, resource, &version, namespace.as_deref(), query)
        }
        (Target::Collection { resource, version, namespace: Some(namespace) }, &Method::POST) => {
            create(api, resource, &version, namespace, query, headers, body)
        }
        (Target::Object { resource, version, namespace, name }, method) => {
            let place = Place { resource, namespace, name };
            match *method {
                Method::GET => {
                    Ok(json_response(StatusCode::OK, &api.lock().store.get(&place, &version)?))
                }
                Method::PUT => replace(api, &place, &version, query, headers, body),
                Method::PATCH => patch(api, &place, &version, query, headers, body),
                Method::DELETE => delete(api, &place, query),
                _ => Err(not_allowed()),
            }
        }
        _ => Err(not_allowed()),
    }
}

fn list(
    api: &Api,
    resource: &Resource,
    version: &str,
    namespace: Option<&str>,
    query: &Params,
) -> Result<Response, Refusal> {
    if matches!(param(query, "watch"), Some("true" | "1")) {
        return Err(Refusal::bad_request("watching is not supported by this server"));
    }
    let text = param(query, "labelSelector").unwrap_or_default();
    let selector = Selector::parse(text).ok_or_else(|| {
        Refusal::bad_request(format!("unable to parse requirement: {text:?} is no label selector"))
    })?;
    let name = match param(query, "fieldSelector").unwrap_or_default() {
        "" => None,
        text => match text.split_once('=') {
            Some(("metadata.name", name)) => Some(name.trim_start_matches('=')),
            _ => return Err(Refusal::bad_request(format!("field label not supported: {text:?}"))),
        },
    };
    Ok(json_response(
        StatusCode::OK,
        &api.lock().store.list(resource, version, namespace, &selector, name),
    ))
}

/// What all writes have in common.
struct Asked {
    writer: Writer,
    keep: Keep,
    entry: Write,
}

impl Asked {
    fn read(verb: Verb, place: &Place, version: &str, query: &Params, headers: &HeaderMap) -> Self {
        let field_manager =
            param(query, "fieldManager").filter(|manager| !manager.is_empty()).map(str::to_owned);
        let agent = headers
            .get(header::USER_AGENT)
            .and_then(|agent| agent.to_str().ok())
            .unwrap_or("unknown");
        let manager = field_manager
            .clone()
            .unwrap_or_else(|| agent.split('/').next().unwrap_or(agent).to_owned());
        let flag = |text: &str| matches!(text, "true" | "True" | "1");
        let dry_run = param(query, "dryRun").map(|text| text == "All" || flag(text));
        Self {
            writer: Writer {
                manager,
                api_version: place.resource.api_version(version),
                time: Timestamp::now().seconds(),
            },
            keep: if dry_run == Some(true) { Keep::DryRun } else { Keep::Yes },
            entry: Write {
                verb,
                kind: place.resource.kind.to_owned(),
                name: place.name.clone(),
                namespace: place.namespace.clone(),
                patch_type: None,
                field_manager,
                force: param(query, "force").map(flag),
                dry_run,
                object: None,
                status: 0,
            },
        }
    }
}

// Notes what was asked for and how it ended, and gives the answer.
fn finish(
    inner: &mut Inner,
    mut entry: Write,
    outcome: Result<Written, Refusal>,
) -> Result<Response, Refusal> {
    let status = match &outcome {
        Ok(Written { created: true, .. }) => StatusCode::CREATED.as_u16(),
        Ok(_) => StatusCode::OK.as_u16(),
        Err(refusal) => refusal.code(),
    };
    entry.status = status;
    inner.journal.push(entry);
    let Written { object, created } = outcome?;
    Ok(json_response(if created { StatusCode::CREATED } else { StatusCode::OK }, &object))
}

fn read_json(body: &[u8]) -> Result<Value, Refusal> {
    let object: Value = serde_json::from_slice(body)
        .map_err(|error| Refusal::bad_request(format!("cannot read the body as JSON: {error}")))?;
    if object.is_object() { Ok(object) } else { Err(Refusal::bad_request("the body is no object")) }
}

fn create(
    api: &Api,
    resource: &'static Resource,
    version: &str,
    namespace: String,
    query: &Params,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refusal> {
    let object = read_json(body)?;
    let name = meta(&object, "name").to_owned();
    if name.is_empty() {
        let message = format!(
            "{} \"\" is invalid: metadata.name: Required value: name or generateName is required",
            resource.kind
        );
        return Err(Refusal::with_code(422, message));
    }
    let place = Place { resource, namespace, name };
    let Asked { writer, keep, mut entry } =
        Asked::read(Verb::Create, &place, version, query, headers);
    entry.object = Some(object.clone());
    let mut inner = api.lock();
    let outcome = inner.store.create(&place, object, &writer, keep);
    finish(&mut inner, entry, outcome)
}

fn replace(
    api: &Api,
    place: &Place,
    version: &str,
    query: &Params,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refusal> {
    let object = read_json(body)?;
    let Asked { writer, keep, mut entry } =
        Asked::read(Verb::Replace, place, version, query, headers);
    entry.object = Some(object.clone());
    let mut inner = api.lock();
    let outcome = inner.store.replace(place, object, &writer, keep);
    finish(&mut inner, entry, outcome)
}

fn patch(
    api: &Api,
    place: &Place,
    version: &str,
    query: &Params,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Response, Refusal> {
    let given =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = given.split(';').next().unwrap_or_default().trim();
    let Asked { writer, keep, mut entry } =
        Asked::read(Verb::Patch, place, version, query, headers);
    let (kind, patch) = match media {
        "application/merge-patch+json" => (PatchKind::Merge, read_json(body)?),
        "application/strategic-merge-patch+json" => (PatchKind::Strategic, read_json(body)?),
        "application/apply-patch+yaml" | "application/apply-patch+json" => {
            let text = String::from_utf8_lossy(body);
            let patch = serde_yaml::from_str(&text).map_err(|error| {
                Refusal::bad_request(format!("cannot read the body as YAML: {error}"))
            })?;
            if entry.field_manager.is_none() {
                let message = "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
                return Err(Refusal::with_code(422, message));
            }
            let conflicts =
                if entry.force == Some(true) { Conflicts::Take } else { Conflicts::Refuse };
            (PatchKind::Apply(conflicts), patch)
        }
        other => {
            let message = format!("the body of the request was in an unknown format: {other:?}");
            return Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "UnsupportedMediaType",
                message,
            ));
        }
    };
    entry.patch_type = Some(media.to_owned());
    entry.object = Some(patch.clone());
    let mut inner = api.lock();
    let refused = inner.patch_error.as_ref().filter(|error| error.kind == place.resource.kind);
    let outcome = match refused {
        Some(error) => Err(Refusal::with_code(error.code, error.message.clone())),
        None => inner.store.patch(place, &patch, kind, &writer, keep),
    };
    finish(&mut inner, entry, outcome)
}

fn delete(api: &Api, place: &Place, query: &Params) -> Result<Response, Refusal> {
    let Asked { keep, entry, .. } = Asked::read(Verb::Delete, place, "", query, &HeaderMap::new());
    let mut inner = api.lock();
    let outcome = inner.store.delete(place, keep).map(|object| Written {
        object: json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success",
            "details": {"name": place.name, "kind": place.resource.plural, "uid": object["metadata"]["uid"]},
        }),
        created: false,
    });
    finish(&mut inner, entry, outcome)
}

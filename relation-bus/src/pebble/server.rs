//! The socket, the routes, and who may use them.

use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Extension;
use axum::Router;
use axum::body::Bytes;
use axum::extract::connect_info::{ConnectInfo, Connected};
use axum::extract::{DefaultBodyLimit, Path as UrlPath, Query, Request, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::IncomingStream;
use serde::Deserialize;
use serde_json::json;
use tokio::net::UnixListener;

use super::changes::{AbortError, Select};
use super::clock::{format_duration, parse_duration};
use super::envelope::{Answer, ApiError, Reply, first, list, read_body};
use super::journal::Action;
use super::layer::Layer;
use super::plan::{JoinError, Joining, Placing};
use super::workload::{Inner, VERSION, Workload};
use super::{checks, exec, files, identities, logs, notices, services};
use crate::serving::Serving;

/// A running server. Stops when dropped; the container stays as it is and can be served again.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    serving: Serving,
    // A container that is being served is alive.
    _workload: Workload,
}

impl Server {
    pub(super) fn start(workload: Workload, inner: Arc<Inner>, socket: &Path) -> io::Result<Self> {
        match std::fs::remove_file(socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(socket)?;
        // Like the daemon's: rights are decided by the caller's uid, not by the file's mode.
        std::fs::set_permissions(socket, std::fs::Permissions::from_mode(0o666))?;
        let daemon_uid = std::fs::metadata(socket)?.uid();
        let routes = routes(inner, daemon_uid).into_make_service_with_connect_info::<Peer>();
        let serving = Serving::begin("Pebble", |stopped| {
            axum::serve(listener, routes).with_graceful_shutdown(stopped).into_future()
        });
        Ok(Self { socket: socket.to_owned(), serving, _workload: workload })
    }

    /// Where it listens.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Ends the server: no new connections, the open ones are closed after the answer they are at.
    pub async fn stop(mut self) {
        self.hang_up();
        self.serving.stop().await;
    }

    fn hang_up(&mut self) {
        if self.serving.hang_up() {
            std::fs::remove_file(&self.socket).ok();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hang_up();
    }
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Admin,
    Read,
    Metrics,
    Untrusted,
}

impl Access {
    /// The access of that name.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Admin, Self::Read, Self::Metrics, Self::Untrusted]
            .into_iter()
            .find(|access| access.as_str() == name)
    }

    /// Its name in the API.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Read => "read",
            Self::Metrics => "metrics",
            Self::Untrusted => "untrusted",
        }
    }

    // Whether it suffices for a request.
    fn allows(self, method: &Method, path: &str) -> bool {
        let part =
            path.strip_prefix("/v1/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
        match (part, method) {
            ("system-info" | "health", _) => true,
            ("metrics", _) => self != Self::Untrusted,
            ("notices", _) => matches!(self, Self::Admin | Self::Read),
            ("changes" | "services" | "checks" | "logs" | "identities", &Method::GET) => {
                matches!(self, Self::Admin | Self::Read)
            }
            _ => self == Self::Admin,
        }
    }
}

/// Who makes a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) uid: Option<u32>,
    pub(super) access: Access,
}

/// The uid at the other end of a connection.
#[derive(Debug, Clone, Copy)]
struct Peer(Option<u32>);

impl Connected<IncomingStream<'_, UnixListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        Self(stream.io().peer_cred().ok().map(|peer| peer.uid()))
    }
}

type Params = Query<Vec<(String, String)>>;
type App = Shared<Arc<Inner>>;

fn routes(inner: Arc<Inner>, daemon_uid: u32) -> Router {
    let gate = Gate { inner: Arc::clone(&inner), daemon_uid };
    Router::new()
        .route("/v1/system-info", get(system_info))
        .route("/v1/health", get(health))
        .route("/v1/layers", post(add_layer))
        .route("/v1/plan", get(plan))
        .route("/v1/services", get(list_services).post(post_services))
        .route("/v1/services/{name}", get(service))
        .route("/v1/signals", post(post_signals))
        .route("/v1/changes", get(list_changes))
        .route("/v1/changes/{id}", get(change).post(abort_change))
        .route("/v1/changes/{id}/wait", get(wait_change))
        .route("/v1/files", get(get_files).post(post_files))
        .route("/v1/exec", post(post_exec))
        .route("/v1/tasks/{task}/websocket/{name}", get(exec::websocket))
        .route("/v1/checks", get(list_checks).post(post_checks))
        .route("/v1/checks/refresh", post(refresh_check))
        .route("/v1/notices", get(list_notices).post(post_notices))
        .route("/v1/notices/{id}", get(notice))
        .route("/v1/identities", get(list_identities).post(post_identities))
        .route("/v1/logs", get(logs::get))
        .route("/v1/metrics", get(logs::metrics))
        .fallback(|| async { ApiError::not_found("invalid API endpoint requested") })
        .method_not_allowed_fallback(|method: Method| async move {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("method {:?} not allowed", method.as_str()),
            )
        })
        .layer(middleware::from_fn_with_state(gate, admit))
        .layer(DefaultBodyLimit::disable())
        .with_state(inner)
}

#[derive(Debug, Clone)]
struct Gate {
    inner: Arc<Inner>,
    daemon_uid: u32,
}

// An identity decides if there is one; else root and the daemon's own user are admins, and everybody else may read.
async fn admit(
    Shared(gate): Shared<Gate>,
    ConnectInfo(Peer(peer)): ConnectInfo<Peer>,
    mut request: Request,
    next: Next,
) -> Response {
    let uid = gate.inner.caller_uid.or(peer);
    let named = uid.and_then(|uid| gate.inner.read(|state| state.identities.access_of(uid)));
    let access = match (named, uid) {
        (Some(access), _) => access,
        (None, Some(uid))
            if uid == 0 || uid == gate.daemon_uid && gate.inner.caller_uid.is_none() =>
        {
            Access::Admin
        }
        (None, Some(_)) => Access::Read,
        (None, None) => Access::Untrusted,
    };
    if !access.allows(request.method(), request.uri().path()) {
        return ApiError::access_denied().into_response();
    }
    request.extensions_mut().insert(Caller { uid, access });
    next.run(request).await
}

async fn system_info(Shared(inner): App) -> Answer {
    Answer::Sync(json!({"boot-id": inner.boot_id, "version": VERSION}))
}

async fn health(Shared(inner): App, Query(query): Params) -> Reply {
    inner.read(|state| checks::health(state, &query))
}

async fn add_layer(Shared(inner): App, body: Bytes) -> Reply {
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        action: String,
        #[serde(default)]
        combine: bool,
        #[serde(default)]
        inner: bool,
        #[serde(default)]
        label: String,
        #[serde(default)]
        format: String,
        #[serde(default)]
        layer: String,
    }
    let request: Request = read_body(&body, "request body")?;
    let refuse = |message: String| Err(ApiError::bad_request(message));
    if request.action != "add" {
        return refuse(format!("invalid action {:?}", request.action));
    }
    if request.label.is_empty() {
        return refuse("label must be set".to_owned());
    }
    if request.format != "yaml" {
        return refuse(format!("invalid format {:?}", request.format));
    }
    let layer = Layer::parse(&request.label, &request.layer)
        .map_err(|error| ApiError::bad_request(error.to_string()))?;
    let joining = if request.combine { Joining::Combine } else { Joining::Append };
    let placing = if request.inner { Placing::Inner } else { Placing::Top };
    inner.update(|state| {
        state.plan = state.plan.with(layer, joining, placing).map_err(|error| match &error {
            JoinError::Layer(_) => ApiError::bad_request(error.to_string()),
            JoinError::NotInner => ApiError::internal(error.to_string()),
        })?;
        state.plan_changed();
        state.additions += 1;
        state.journal.push(Action::AddLayer(request.label));
        Ok(Answer::Sync(true.into()))
    })
}

async fn plan(Shared(inner): App, Query(query): Params) -> Reply {
    let format = first(&query, "format");
    if format != "yaml" {
        return Err(ApiError::bad_request(format!("invalid format {format:?}")));
    }
    let shown = inner.read(|state| state.plan.as_shown());
    if shown.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(Answer::Sync("{}\n".into()));
    }
    let options = serde_yaml::ser_options! { indent_step: 4, prefer_block_scalars: false };
    let text = serde_yaml::to_string_with_options(&shown, options)
        .map_err(|error| ApiError::internal(format!("cannot write the plan as YAML: {error}")))?;
    Ok(Answer::Sync(text.into()))
}

async fn list_services(Shared(inner): App, Query(query): Params) -> Answer {
    let names = list(&query, "names");
    Answer::Sync(inner.read(|state| services::list(state, &names)))
}

async fn service() -> ApiError {
    ApiError::bad_request("not implemented")
}

async fn post_services(Shared(inner): App, body: Bytes) -> Reply {
    services::post(&inner, &body).await
}

async fn post_signals(Shared(inner): App, body: Bytes) -> Reply {
    services::signal(&inner, &body)
}

async fn list_changes(Shared(inner): App, Query(query): Params) -> Reply {
    let select = match first(&query, "select") {
        "" | "in-progress" => Select::InProgress,
        "ready" => Select::Ready,
        "all" => Select::All,
        _ => return Err(ApiError::bad_request("select should be one of: all,in-progress,ready")),
    };
    Ok(Answer::Sync(inner.read(|state| state.changes.list(select, first(&query, "for"))).into()))
}

fn unknown_change(id: &str) -> ApiError {
    ApiError::not_found(format!("cannot find change with id {id:?}"))
}

async fn change(Shared(inner): App, UrlPath(id): UrlPath<String>) -> Reply {
    inner.read(|state| {
        let found = state.changes.find(&id).ok_or_else(|| unknown_change(&id))?;
        Ok(Answer::Sync(state.changes.get(found)))
    })
}

async fn wait_change(
    Shared(inner): App,
    UrlPath(id): UrlPath<String>,
    Query(query): Params,
) -> Reply {
    let timeout = match first(&query, "timeout") {
        "" => None,
        text => Some(
            parse_duration(text)
                .map_err(|error| ApiError::bad_request(format!("invalid timeout: {error}")))?,
        ),
    };
    let change = inner.read(|state| state.changes.find(&id)).ok_or_else(|| unknown_change(&id))?;
    let ready =
        inner.wait_for(|state| state.changes.is_ready(change).then(|| state.changes.get(change)));
    let shown = match timeout {
        None => ready.await,
        Some(timeout) => tokio::time::timeout(timeout, ready).await.map_err(|_| {
            let timeout = format_duration(timeout);
            ApiError::new(
                StatusCode::GATEWAY_TIMEOUT,
                format!("timed out waiting for change after {timeout}"),
            )
        })?,
    };
    Ok(Answer::Sync(shown))
}

async fn abort_change(Shared(inner): App, UrlPath(id): UrlPath<String>, body: Bytes) -> Reply {
    #[derive(Deserialize)]
    struct Request {
        #[serde(default)]
        action: String,
    }
    let change = inner.read(|state| state.changes.find(&id)).ok_or_else(|| unknown_change(&id))?;
    let Request { action } = read_body(&body, "data from request body")?;
    if action != "abort" {
        return Err(ApiError::bad_request(format!("invalid action {action:?}")));
    }
    inner.update(|state| match state.changes.abort(change) {
        Ok(()) => Ok(Answer::Sync(state.changes.get(change))),
        Err(AbortError::Unknown) => Err(unknown_change(&id)),
        Err(AbortError::NothingPending) => {
            Err(ApiError::bad_request(format!("cannot abort change {id} with nothing pending")))
        }
    })
}

async fn get_files(Shared(inner): App, headers: HeaderMap, Query(query): Params) -> Response {
    files::get(&inner, &headers, &query)
}

async fn post_files(Shared(inner): App, headers: HeaderMap, body: Bytes) -> Reply {
    files::post(&inner, &headers, &body)
}

async fn post_exec(Shared(inner): App, body: Bytes) -> Reply {
    exec::post(&inner, &body)
}

async fn list_checks(Shared(inner): App, Query(query): Params) -> Reply {
    inner.read(|state| checks::list(state, &query))
}

async fn post_checks(Shared(inner): App, body: Bytes) -> Reply {
    checks::post(&inner, &body)
}

async fn refresh_check(Shared(inner): App, body: Bytes) -> Reply {
    checks::refresh(&inner, &body).await
}

async fn list_notices(
    Shared(inner): App,
    Extension(caller): Extension<Caller>,
    Query(query): Params,
) -> Reply {
    notices::list(&inner, &query, caller).await
}

async fn post_notices(
    Shared(inner): App,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Reply {
    notices::post(&inner, &body, caller)
}

async fn notice(
    Shared(inner): App,
    Extension(caller): Extension<Caller>,
    UrlPath(id): UrlPath<String>,
) -> Reply {
    notices::get(&inner, &id, caller)
}

async fn list_identities(Shared(inner): App) -> Answer {
    Answer::Sync(inner.read(|state| state.identities.show()))
}

async fn post_identities(Shared(inner): App, body: Bytes) -> Reply {
    identities::post(&inner, &body)
}

//! The JSON around every answer.

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// A request that went well.
#[derive(Debug)]
pub(super) enum Answer {
    /// The result, at once.
    Sync(Value),
    /// Done, and there is nothing to say: the envelope has no `result` at all.
    Done,
    /// A change was begun; `result` is null for most.
    Async { change: String, result: Value },
    /// The answer of the health endpoint: a `sync` one even when unhealthy.
    Health { healthy: bool },
}

/// A request that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ApiError {
    status: StatusCode,
    message: String,
    kind: Option<&'static str>,
}

/// What handlers give.
pub(super) type Reply = Result<Answer, ApiError>;

impl ApiError {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), kind: None }
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(super) fn with_kind(self, kind: &'static str) -> Self {
        Self { kind: Some(kind), ..self }
    }

    /// The refusal of a caller without the right.
    pub(super) fn access_denied() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "access denied").with_kind("login-required")
    }
}

/// The envelope of a `sync` answer that succeeded.
pub(super) fn sync(result: Value) -> Value {
    json!({"type": "sync", "status-code": 200, "status": "OK", "result": result})
}

fn respond(
    status: StatusCode,
    kind: &str,
    members: impl IntoIterator<Item = (&'static str, Value)>,
) -> Response {
    let mut envelope = Map::new();
    envelope.insert("type".to_owned(), kind.into());
    envelope.insert("status-code".to_owned(), status.as_u16().into());
    envelope.insert("status".to_owned(), status.canonical_reason().unwrap_or_default().into());
    envelope.extend(members.into_iter().map(|(key, value)| (key.to_owned(), value)));
    let body = Body::from(Value::Object(envelope).to_string());
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Sync(result) => respond(StatusCode::OK, "sync", [("result", result)]),
            Self::Done => respond(StatusCode::OK, "sync", []),
            Self::Async { change, result } => respond(
                StatusCode::ACCEPTED,
                "async",
                [("change", change.into()), ("result", result)],
            ),
            Self::Health { healthy } => {
                let status = if healthy { StatusCode::OK } else { StatusCode::BAD_GATEWAY };
                respond(status, "sync", [("result", json!({"healthy": healthy}))])
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut result = json!({"message": self.message});
        if let Some(kind) = self.kind {
            result["kind"] = kind.into();
        }
        respond(self.status, "error", [("result", result)])
    }
}

/// Reads a JSON body as the daemon does: the content type doesn't matter, nor does what follows the first value, and
/// `null` members count as absent.
pub(super) fn read_body<T: serde::de::DeserializeOwned>(
    body: &[u8],
    what: &str,
) -> Result<T, ApiError> {
    let refuse =
        |error: serde_json::Error| ApiError::bad_request(format!("cannot decode {what}: {error}"));
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let mut value = match values.next() {
        Some(value) => value.map_err(refuse)?,
        None => return Err(ApiError::bad_request(format!("cannot decode {what}: EOF"))),
    };
    if let Value::Object(members) = &mut value {
        members.retain(|_, member| !member.is_null());
    }
    serde_json::from_value(value).map_err(refuse)
}

/// The values of a query parameter that holds a list: `a,b` and repetition both work.
pub(super) fn list(query: &[(String, String)], key: &str) -> Vec<String> {
    let values =
        query.iter().filter(|(name, _)| name == key).flat_map(|(_, value)| value.split(','));
    values.map(str::trim).filter(|value| !value.is_empty()).map(str::to_owned).collect()
}

/// The first value of a query parameter; empty if absent.
pub(super) fn first<'a>(query: &'a [(String, String)], key: &str) -> &'a str {
    query.iter().find(|(name, _)| name == key).map_or("", |(_, value)| value)
}

//! Refusals, as `Status` objects.

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::resource::Resource;

/// A refusal.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refusal {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Value,
}

impl Refusal {
    pub(super) fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    /// A refusal with this status, and the reason that goes with it.
    pub(super) fn with_code(code: u16, message: impl Into<String>) -> Self {
        let reason = match code {
            400 => "BadRequest",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "NotFound",
            409 => "Conflict",
            422 => "Invalid",
            429 => "TooManyRequests",
            503 => "ServiceUnavailable",
            _ => "InternalError",
        };
        let code = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(code, reason, message)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::with_code(400, message)
    }

    pub(super) fn not_found(resource: &Resource, name: &str) -> Self {
        Self::with_code(404, format!("{} {name:?} not found", resource.qualified()))
            .about(resource, name)
    }

    pub(super) fn already_exists(resource: &Resource, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", resource.qualified());
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(resource, name)
    }

    pub(super) fn stale(resource: &Resource, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: the object has been modified; please apply your changes to \
             the latest version and try again",
            resource.qualified()
        );
        Self::with_code(409, message).about(resource, name)
    }

    /// Fields that others own: who, in which version, and which field.
    pub(super) fn owned_by_others(conflicts: &[(String, String, String)]) -> Self {
        let lines: Vec<String> = conflicts
            .iter()
            .map(|(manager, version, field)| {
                format!("conflict with {manager:?} using {version}: {field}")
            })
            .collect();
        let noun = if conflicts.len() == 1 { "conflict" } else { "conflicts" };
        let message = match lines.as_slice() {
            [one] => format!("Apply failed with 1 {noun}: {one}"),
            many => format!("Apply failed with {} {noun}:\n- {}", many.len(), many.join("\n- ")),
        };
        let cause = |(manager, version, field): &(String, String, String)| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {manager:?} using {version}"),
                   "field": field})
        };
        let mut refusal = Self::with_code(409, message);
        refusal.details = json!({"causes": conflicts.iter().map(cause).collect::<Vec<_>>()});
        refusal
    }

    /// The HTTP status.
    pub(super) fn code(&self) -> u16 {
        self.code.as_u16()
    }

    fn about(mut self, resource: &Resource, name: &str) -> Self {
        self.details = json!({"name": name, "kind": resource.plural});
        if !resource.group.is_empty() {
            self.details["group"] = resource.group.into();
        }
        self
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code.as_u16(),
        });
        if !self.details.is_null() {
            status["details"] = self.details;
        }
        (self.code, [(header::CONTENT_TYPE, "application/json")], status.to_string())
            .into_response()
    }
}

//! Errors of HTTP, as `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::error::Error;

/// An error of HTTP.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<i64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: &str) -> Self {
        Self { status, detail: detail.to_owned(), retry_after: None }
    }

    /// Asks for patience: seconds until it is worth to ask again.
    pub(crate) fn later(status: StatusCode, detail: &str, seconds: i64) -> Self {
        Self { status, detail: detail.to_owned(), retry_after: Some(seconds.max(1)) }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Message(lm_protocol::Error::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Message(_)
            | Error::OperationReused
            | Error::NotAnActivate
            | Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Refused(_) => StatusCode::CONFLICT,
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ if error.is_conflict() => StatusCode::SERVICE_UNAVAILABLE,
            Error::Database(sqlx::Error::PoolTimedOut | sqlx::Error::Io(_)) => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if error.is_internal() {
            tracing::error!(%error, "a request failed");
        }
        if status == StatusCode::SERVICE_UNAVAILABLE {
            return Self::later(status, "the portal is busy; try again", 2);
        }
        if error.is_internal() {
            return Self::new(status, "the portal failed; its log says why");
        }
        Self::new(status, &error.to_string())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let body = json!({ "type": "about:blank", "title": title,
            "status": self.status.as_u16(), "detail": self.detail });
        let problem = HeaderValue::from_static("application/problem+json");
        let mut response =
            (self.status, [(header::CONTENT_TYPE, problem)], body.to_string()).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

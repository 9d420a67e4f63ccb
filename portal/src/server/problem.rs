//! Errors of HTTP, as `application/problem+json` (RFC 9457).

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lm_protocol::file::Fault;
use serde_json::json;

use crate::error::Error;

/// An error of HTTP.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    retry_after: Option<i64>,
    /// The library's name for it, where it has one.
    code: Option<&'static str>,
    /// When a limit allows it again, Unix seconds; 0: never.
    again_at: Option<i64>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, detail: &str) -> Self {
        Self { status, detail: detail.to_owned(), retry_after: None, code: None, again_at: None }
    }

    /// With the library's name for it.
    pub(crate) fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }

    /// Whether the fault is the caller's, who may be guessing: not that of a moment, of a limit or of
    /// this portal.
    pub(crate) fn is_the_callers(&self) -> bool {
        self.status.is_client_error()
            && !matches!(self.status, StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS)
    }

    /// Asks for patience: seconds until it is worth to ask again.
    pub(crate) fn later(status: StatusCode, detail: &str, seconds: i64) -> Self {
        Self { retry_after: Some(seconds.max(1)), ..Self::new(status, detail) }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Message(lm_protocol::Error::TooLarge)
            | Error::File(Fault::TooLarge | Fault::TooMany) => StatusCode::PAYLOAD_TOO_LARGE,
            Error::Message(_)
            | Error::File(_)
            | Error::OperationReused
            | Error::NotAnActivate
            | Error::Invalid(_) => StatusCode::BAD_REQUEST,
            Error::Refused(_) | Error::LimitReached { .. } => StatusCode::CONFLICT,
            Error::Unauthorized => StatusCode::UNAUTHORIZED,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
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
        let problem = Self::new(status, &error.to_string());
        match error {
            // The one limit that REST meets.
            Error::LimitReached { again_at, .. } => {
                Self { again_at: Some(again_at), ..problem.with_code("LM_ERR_REHOST_LIMIT") }
            }
            _ => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("Error");
        let mut body = json!({ "type": "about:blank", "title": title,
            "status": self.status.as_u16(), "detail": self.detail });
        if let Some(fields) = body.as_object_mut() {
            fields.extend(self.code.map(|code| ("code".to_owned(), code.into())));
            fields.extend(self.again_at.map(|at| ("again_at".to_owned(), at.into())));
        }
        let problem = HeaderValue::from_static("application/problem+json");
        let mut response =
            (self.status, [(header::CONTENT_TYPE, problem)], body.to_string()).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

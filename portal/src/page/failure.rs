//! What a person is told when something was not done.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::error::Error;

/// Why a page is not what was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nobody is signed in.
    SignIn,
    /// Not done, and why.
    Told(StatusCode, String),
}

#[derive(Template)]
#[template(path = "failure.html")]
struct Page<'a> {
    title: &'a str,
    sentence: &'a str,
}

impl Failure {
    pub(super) fn told(status: StatusCode, sentence: &str) -> Self {
        Self::Told(status, sentence.to_owned())
    }

    pub(super) fn unrendered(error: askama::Error) -> Self {
        tracing::error!(%error, "a page could not be rendered");
        Self::told(StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::NotFound(_) => StatusCode::NOT_FOUND,
            Error::Refused(_) | Error::LimitReached { .. } => StatusCode::CONFLICT,
            Error::Forbidden(_) => StatusCode::FORBIDDEN,
            Error::Invalid(_) | Error::File(_) | Error::Message(_) => StatusCode::BAD_REQUEST,
            Error::Busy => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        if error.is_internal() {
            tracing::error!(%error, "a page failed");
            return Self::told(status, "The portal failed; its log says why.");
        }
        Self::Told(status, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, sentence) = match self {
            Self::SignIn => return Redirect::to("/sign-in").into_response(),
            Self::Told(status, sentence) => (status, sentence),
        };
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "Not allowed",
            StatusCode::CONFLICT => "Refused",
            _ => "Not done",
        };
        let page = Page { title, sentence: &sentence }.render();
        (status, Html(page.unwrap_or(sentence))).into_response()
    }
}

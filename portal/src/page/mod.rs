//! The page: server-rendered, no script. Every form carries its session's CSRF token; every
//! destructive action is confirmed on a page that says what it will do to which machine.

mod activation_ids;
mod entitlements;
mod failure;
pub(crate) mod history;
mod offline;
mod overrides;
mod signing_in;
mod visitor;

use askama::Template;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use self::failure::Failure;
use crate::server::App;

/// What a handler of the page gives.
type Shown = std::result::Result<Response, Failure>;

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(async || Redirect::to("/activation-ids")))
        .route("/style.css", get(style))
        .route("/sign-in", get(signing_in::form).post(signing_in::sign_in))
        .route("/sign-out", post(signing_in::sign_out))
        .route("/activation-ids", get(activation_ids::list))
        .route("/activation-ids/{id}", get(activation_ids::show))
        .route(
            "/activation-ids/{id}/return",
            get(activation_ids::confirm_return).post(activation_ids::return_),
        )
        .route(
            "/activation-ids/{id}/rehost",
            get(activation_ids::confirm_rehost).post(activation_ids::rehost),
        )
        .route("/activation-ids/{id}/allow", post(overrides::allow))
        .route("/activation-ids/{id}/acknowledge", post(overrides::acknowledge))
        .route("/activation-ids/{id}/history", get(history::of_activation_id))
        .route("/entitlements", get(entitlements::list))
        .route("/entitlements/{id}/generate", get(entitlements::form).post(entitlements::generate))
        .route(
            "/offline",
            get(offline::form)
                .post(offline::answer)
                .layer(DefaultBodyLimit::max(offline::BODY_MAX)),
        )
        .route("/history", get(history::of_everything))
        .layer(middleware::map_response(hardened))
        .layer(DefaultBodyLimit::max(16 * 1024))
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

/// What a browser is told about every page: no script at all, no frame, no guessing, no referrer.
async fn hardened(mut response: Response) -> Response {
    const HEADERS: [(HeaderName, &str); 5] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
             base-uri 'none'; frame-ancestors 'none'",
        ),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn shown(template: &impl Template) -> Shown {
    Ok(Html(template.render().map_err(Failure::unrendered)?).into_response())
}

/// Text as a part of an address.
fn in_address(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

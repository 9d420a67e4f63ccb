//! REST for owners and their programs: JSON in, JSON out, errors as `application/problem+json`.
//!
//! `POST /api/v1/activation-ids/{id}/rehost` with `{"host": "H-…"}`, by `Authorization: Bearer TOKEN`, or
//! without where the entitlement's policy allows release by the bare activation ID.

use std::net::SocketAddr;

use axum::body::Body;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use lm_protocol::ActivationId;
use serde::Deserialize;

use super::problem::Problem;
use super::{App, PATIENCE};
use crate::admin::owner::{self, Released};
use crate::admin::tokens::{self, TokenView};
use crate::admin::{Act, Actor};
use crate::database::in_transaction;
use crate::error::{Error, Result};
use crate::people::Throttle;

/// What one body may hold.
const BODY_MAX: usize = 4 * 1024;
/// Wrong tokens and refusals of one address.
const FAILURES: Throttle = Throttle { failures: 30 };
/// What one address does by bare IDs, whatever comes of it.
const BY_BARE_ID: Throttle = Throttle { failures: 10 };

pub(super) fn router() -> Router<App> {
    Router::new().route("/api/v1/activation-ids/{id}/rehost", post(rehost))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// Host ID or fulfillment ID.
    host: String,
}

async fn rehost(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Response, Problem> {
    let address = app.caller(peer, &headers);
    let subject = format!("api {address}");
    let closed = FAILURES.closed_for(&mut *app.database.read().await?, app.now(), &subject).await?;
    if let Some(seconds) = closed {
        return Err(too_many(seconds));
    }
    let released = released(&app, &address, &id, &headers, body).await;
    if released.as_ref().is_err_and(Problem::is_the_callers) {
        in_transaction!(app.database, |db| FAILURES.count(db, app.now(), &subject))?;
    }
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((no_store, Json(released?)).into_response())
}

async fn released(
    app: &App,
    address: &str,
    id: &str,
    headers: &HeaderMap,
    body: Body,
) -> std::result::Result<Released, Problem> {
    let asked = read(headers, body).await?;
    let id = ActivationId::parse(id).map_err(|_| {
        let detail = "this is no activation ID: its check characters do not fit";
        Problem::new(StatusCode::BAD_REQUEST, detail).with_code("LM_ERR_ID_MALFORMED")
    })?;
    let token = token(app, headers).await?;
    let actor = match &token {
        Some(token) => token.actor(),
        None => bare_id(app, address).await?,
    };
    let (now, random) = (app.now(), app.random.as_ref());
    Ok(in_transaction!(app.database, |db| async {
        let mut act = Act { db, now, random, actor: &actor };
        owner::release(&mut act, id, &asked.host, token.as_ref()).await
    })?)
}

/// The token that is shown; `None`: none is. One that isn't good is refused.
async fn token(app: &App, headers: &HeaderMap) -> Result<Option<TokenView>> {
    let Some(shown) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let text = shown.to_str().ok().and_then(|shown| {
        let (scheme, text) = shown.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| text.trim())
    });
    let text = text.ok_or(Error::Unauthorized)?;
    let found = tokens::find(&mut *app.database.read().await?, text).await?;
    found.ok_or(Error::Unauthorized).map(Some)
}

/// Whoever shows no token, counted before it is tried: an ID is known to many, and what is done by it
/// stops a machine.
async fn bare_id(app: &App, address: &str) -> std::result::Result<Actor, Problem> {
    let (now, subject) = (app.now(), format!("bare ID {address}"));
    if !in_transaction!(app.database, |db| BY_BARE_ID.count(db, now, &subject))? {
        let closed = BY_BARE_ID.closed_for(&mut *app.database.read().await?, now, &subject).await?;
        return Err(too_many(closed.unwrap_or(1)));
    }
    Ok(Actor { name: format!("bare activation ID from {address}"), origin: "api" })
}

fn too_many(seconds: i64) -> Problem {
    let detail = "too many requests of this address were refused, or made without a token";
    Problem::later(StatusCode::TOO_MANY_REQUESTS, detail, seconds)
}

async fn read(headers: &HeaderMap, body: Body) -> std::result::Result<Asked, Problem> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    // No form of a web page can say so.
    if kind.and_then(|kind| kind.split(';').next()).map(str::trim) != Some("application/json") {
        let detail = "a request comes as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let bytes = match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, BODY_MAX)).await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(_)) => {
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the request is too large"));
        }
        Err(_) => {
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the request did not come"));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let detail = format!("the body is not {{\"host\": \"H-…\"}}: {error}");
        Problem::new(StatusCode::BAD_REQUEST, &detail)
    })
}

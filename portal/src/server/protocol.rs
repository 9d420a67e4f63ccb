//! The client protocol over HTTP: one POST, one reply. What is no answer is an error of HTTP.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lm_protocol::Post;
use lm_protocol::exchange::{POST_TYPE, REPLY_TYPE};
use lm_protocol::limits::POST_MAX;

use super::problem::Problem;
use super::{App, PATIENCE};
use crate::database::in_transaction;
use crate::error::Error;
use crate::ledger;
use crate::people::Throttle;

/// Failures (unknown IDs, bad signatures) of one address; successes and other refusals don't count.
const FAILURES: Throttle = Throttle { failures: 100, window: 600 };

pub(super) async fn post(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> std::result::Result<Response, Problem> {
    if headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != POST_TYPE) {
        let detail = "a request comes as application/vnd.lm.post+json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    let subject = format!("protocol {}", app.caller(peer, &headers));
    let mut db = app.database.read().await?;
    let closed = FAILURES.closed_for(&mut db, app.now(), &subject).await?;
    drop(db);
    if let Some(seconds) = closed {
        let detail = "too many requests of this address failed";
        return Err(Problem::later(StatusCode::TOO_MANY_REQUESTS, detail, seconds));
    }
    let post = Post::parse(&read(body).await?).map_err(Error::from)?;
    let now = app.now();
    let done =
        in_transaction!(app.database, |db| ledger::reply(db, now, app.random.as_ref(), &post));
    let failed = match &done {
        Ok((_, answered)) => answered.unknown_id,
        Err(Error::Message(lm_protocol::Error::Signature)) => true,
        Err(_) => false,
    };
    if failed {
        in_transaction!(app.database, |db| FAILURES.count(db, now, &subject))?;
    }
    let (reply, _) = done?;
    let body = reply.to_bytes().map_err(Error::from)?;
    let kind = HeaderValue::from_static(REPLY_TYPE);
    let no_store = HeaderValue::from_static("no-store");
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, no_store)];
    Ok((headers, body).into_response())
}

/// The body, bounded in size and time.
async fn read(body: Body) -> std::result::Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, POST_MAX)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let detail = "the request is larger than a license message can be, or was cut off";
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the request did not come")),
    }
}

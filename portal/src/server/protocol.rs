//! The client protocol over HTTP: one POST, one reply. What is no answer is an error of HTTP.

use std::net::SocketAddr;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use lm_protocol::exchange::{POST_TYPE, REPLY_TYPE};
use lm_protocol::limits::POST_MAX;
use lm_protocol::{Id, Post, Reply, Request, Verified};

use super::problem::Problem;
use super::{App, PATIENCE};
use crate::database::in_transaction;
use crate::error::{Error, Result};
use crate::ledger::{self, Failure};
use crate::people::Throttle;

/// Failures of one address: what is no request of ours, bad signatures, unknown IDs.
const OF_ADDRESS: Throttle = Throttle { failures: 100 };
/// Refusals of one activation ID by machines that hold nothing of it, from anywhere: generous, since
/// a whole site may ask for seats that are gone.
const OF_ID: Throttle = Throttle { failures: 300 };

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
    let address = format!("protocol {}", app.caller(peer, &headers));
    let opened = open(&read(body, POST_MAX).await?);
    let request = opened.as_ref().ok().and_then(|(request, _)| request.as_ref());
    must_be_open(&app, &address, request).await?;
    let reply = match opened {
        Ok((Some(request), time_nonce)) => reply(&app, &address, &request, time_nonce).await,
        Ok((None, time_nonce)) => greeting(&app, time_nonce).await,
        Err(error) => Err(error),
    };
    if let Err(error) = &reply {
        count_error(&app, &address, error).await?;
    }
    let body = reply?.to_bytes().map_err(Error::from)?;
    let kind = HeaderValue::from_static(REPLY_TYPE);
    let no_store = HeaderValue::from_static("no-store");
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, no_store)];
    Ok((headers, body).into_response())
}

/// The reply of the ledger. What is counted of its answer is counted in a transaction of its own:
/// the one that moves seats is kept short.
async fn reply(
    app: &App,
    address: &str,
    request: &Verified<Request>,
    time_nonce: Id,
) -> Result<Reply> {
    let (now, random) = (app.now(), app.random.as_ref());
    let (reply, answered) =
        in_transaction!(app.database, |db| ledger::reply(db, now, random, request, time_nonce))?;
    count_failure(app, address, request, answered.failure).await?;
    Ok(reply)
}

/// Says whose portal this is, and its time, to whoever asks nothing.
async fn greeting(app: &App, time_nonce: Id) -> Result<Reply> {
    let mut db = app.database.read().await?;
    ledger::greeting(&mut db, app.now(), time_nonce).await
}

/// Counts what is counted of an answer.
pub(super) async fn count_failure(
    app: &App,
    address: &str,
    request: &Request,
    failure: Option<Failure>,
) -> Result<()> {
    let now = app.now();
    match failure {
        Some(Failure::UnknownId) => {
            in_transaction!(app.database, |db| OF_ADDRESS.count(db, now, address))?;
        }
        Some(Failure::Refused) => {
            in_transaction!(app.database, |db| OF_ID.count(db, now, &of_id(request)))?;
        }
        None => {}
    }
    Ok(())
}

/// Counts what was no request, against its address.
pub(super) async fn count_error(app: &App, address: &str, error: &Error) -> Result<()> {
    if error.is_the_callers() {
        in_transaction!(app.database, |db| OF_ADDRESS.count(db, app.now(), address))?;
    }
    Ok(())
}

/// Reads and verifies what was posted, before any transaction is begun for it. No request: it asks who
/// is there.
fn open(body: &[u8]) -> Result<(Option<Verified<Request>>, Id)> {
    let post = Post::parse(body)?;
    let request = if post.request.is_empty() { None } else { Some(Request::open(&post.request)?) };
    Ok((request, post.time_nonce))
}

fn of_id(request: &Request) -> String {
    format!("activation ID {}", request.activation_id)
}

/// Refuses whom too many failures have closed out, until they have passed. A machine that holds
/// what it asks about never is: strangers at its address, or who know its ID, must not stop it.
pub(super) async fn must_be_open(
    app: &App,
    address: &str,
    request: Option<&Verified<Request>>,
) -> std::result::Result<(), Problem> {
    let (now, mut db) = (app.now(), app.database.read().await?);
    let mut closed = OF_ADDRESS.closed_for(&mut db, now, address).await?;
    let mut detail = "too many requests of this address failed";
    if let (None, Some(request)) = (closed, request) {
        closed = OF_ID.closed_for(&mut db, now, &of_id(request)).await?;
        detail = "too many requests for this activation ID were refused";
    }
    let Some(seconds) = closed else {
        return Ok(());
    };
    match request {
        Some(request) if ledger::holds(&mut db, request).await? => Ok(()),
        _ => Err(Problem::later(StatusCode::TOO_MANY_REQUESTS, detail, seconds)),
    }
}

/// The body, bounded in size and time.
pub(super) async fn read(body: Body, max: usize) -> std::result::Result<Bytes, Problem> {
    match tokio::time::timeout(PATIENCE, axum::body::to_bytes(body, max)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => {
            let detail = "the request is larger than a license message can be, or was cut off";
            Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail))
        }
        Err(_) => Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "the request did not come")),
    }
}

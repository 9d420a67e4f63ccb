//! Signing in and out. Failures are counted per address, and close it for a while. A name is never
//! closed: that would let any stranger lock its owner out, and no password can be guessed from many
//! addresses either, since the portal makes each of 100 random bits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Form;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::failure::Failure;
use super::visitor::{self, Visitor};
use super::{Shown, shown};
use crate::database::in_transaction;
use crate::error::Error;
use crate::people::{self, Throttle};
use crate::server::App;

/// Failures of one address.
const BY_ADDRESS: Throttle = Throttle { failures: 10 };
/// How long an attempt waits for its turn to be checked.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Template)]
#[template(path = "sign_in.html")]
struct Page<'a> {
    error: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    user: String,
    password: String,
}

pub(super) async fn form() -> Shown {
    shown(&Page { error: "" })
}

pub(super) async fn sign_in(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    Form(asked): Form<Asked>,
) -> Shown {
    visitor::must_be_same_origin(&headers)?;
    if asked.user.len() > 64 || asked.password.len() > 256 {
        return again(StatusCode::FORBIDDEN, "The user or the password is wrong.");
    }
    let now = app.now();
    let subject = format!("sign-in {}", app.caller(peer, &headers));
    // Looked up first, so that whoever is closed out takes no write lock.
    let closed = BY_ADDRESS.closed_for(&mut *app.database.read().await?, now, &subject).await?;
    let counted = closed.is_none()
        && in_transaction!(app.database, |db| BY_ADDRESS.count(db, now, &subject))?;
    if !counted {
        let sentence = "Too many attempts failed. Try again in 15 minutes.";
        return again(StatusCode::TOO_MANY_REQUESTS, sentence);
    }
    let Some(right) = is_password(&app, &asked.user, asked.password).await? else {
        in_transaction!(app.database, |db| BY_ADDRESS.refund(db, &subject))?;
        let sentence = "Too many people sign in just now. Try again in a minute.";
        return again(StatusCode::SERVICE_UNAVAILABLE, sentence);
    };
    if !right {
        return again(StatusCode::FORBIDDEN, "The user or the password is wrong.");
    }
    let token = in_transaction!(app.database, |db| async {
        BY_ADDRESS.refund(&mut *db, &subject).await?;
        people::begin_session(db, now, app.random.as_ref(), &asked.user).await
    })?;
    Ok(with_cookie(&app, &token, Redirect::to("/activation-ids")))
}

/// Checks a password, a few at a time: each takes 19 MiB and some tens of milliseconds of a core.
/// `None`: its turn didn't come.
async fn is_password(app: &App, user: &str, password: String) -> Result<Option<bool>, Error> {
    let turn = Arc::clone(&app.hashing).acquire_owned();
    let Ok(Ok(turn)) = tokio::time::timeout(PATIENCE, turn).await else {
        return Ok(None);
    };
    let hash = people::password_hash(&mut *app.database.read().await?, user).await?;
    let checked = tokio::task::spawn_blocking(move || {
        // The turn lasts as long as the work, even where nobody waits for it any more.
        let _turn = turn;
        people::is_password(hash.as_deref(), &password)
    });
    checked.await.map(Some).map_err(|error| Error::System(error.to_string()))
}

fn again(status: StatusCode, error: &str) -> Shown {
    Ok((status, shown(&Page { error })?).into_response())
}

#[derive(Deserialize)]
pub(super) struct SignOut {
    csrf: String,
}

pub(super) async fn sign_out(
    State(app): State<App>,
    visitor: Visitor,
    headers: HeaderMap,
    Form(asked): Form<SignOut>,
) -> Shown {
    if asked.csrf != visitor.session.csrf {
        return Err(Failure::told(StatusCode::FORBIDDEN, "This form is not of your session."));
    }
    if let Some(token) = visitor::token(&app, &headers) {
        in_transaction!(app.database, |db| people::end_session(db, token))?;
    }
    Ok(with_cookie(&app, "", Redirect::to("/sign-in")))
}

fn with_cookie(app: &App, token: &str, redirect: Redirect) -> Response {
    ([(header::SET_COOKIE, visitor::cookie(app, token))], redirect).into_response()
}

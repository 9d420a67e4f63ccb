//! Signing in and out. Failures are counted per address and per name, and close both for a while.

use std::net::SocketAddr;

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

const WINDOW: i64 = 900;
/// Of one address.
const BY_ADDRESS: Throttle = Throttle { failures: 10, window: WINDOW };
/// For one name, from anywhere: more, so that nobody is locked out by a stranger at once.
const BY_NAME: Throttle = Throttle { failures: 50, window: WINDOW };

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
    let subjects = [
        (BY_ADDRESS, format!("sign-in {}", app.caller(peer, &headers))),
        (BY_NAME, format!("sign-in as {}", asked.user)),
    ];
    let mut db = app.database.read().await?;
    for (throttle, subject) in &subjects {
        if throttle.closed_for(&mut db, now, subject).await?.is_some() {
            let sentence = "Too many attempts failed. Try again in 15 minutes.";
            return again(StatusCode::TOO_MANY_REQUESTS, sentence);
        }
    }
    let hash = people::password_hash(&mut db, &asked.user).await?;
    drop(db);
    let password = asked.password;
    let checked =
        tokio::task::spawn_blocking(move || people::is_password(hash.as_deref(), &password));
    let right = checked.await.map_err(|error| Error::System(error.to_string()))?;
    if !right {
        in_transaction!(app.database, |db| async {
            for (throttle, subject) in &subjects {
                throttle.count(&mut *db, now, subject).await?;
            }
            Ok(())
        })?;
        return again(StatusCode::FORBIDDEN, "The user or the password is wrong.");
    }
    let token = in_transaction!(app.database, |db| people::begin_session(
        db,
        now,
        app.random.as_ref(),
        &asked.user
    ))?;
    Ok(with_cookie(&app, &token, Redirect::to("/activation-ids")))
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

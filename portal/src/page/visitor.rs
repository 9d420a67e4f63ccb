//! Who visits: the session of a cookie, and the token that a form must carry.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use super::failure::Failure;
use crate::admin::Actor;
use crate::people::{self, Role, SESSION_LIFE, Session};
use crate::server::App;

/// Somebody who is signed in.
pub(super) struct Visitor {
    pub(super) session: Session,
}

impl Visitor {
    /// Whether it may change anything.
    pub(super) fn may_act(&self) -> bool {
        self.session.role != Role::Viewer
    }

    /// Refuses a form without the session's token, or of one who may only look.
    pub(super) fn must_mean_it(&self, csrf: &str) -> Result<(), Failure> {
        let same = ring::digest::digest(&ring::digest::SHA256, csrf.as_bytes()).as_ref()
            == ring::digest::digest(&ring::digest::SHA256, self.session.csrf.as_bytes()).as_ref();
        if !same {
            let sentence = "This form is not of your session. Nothing was changed; load the page \
                again and try once more.";
            return Err(Failure::told(StatusCode::FORBIDDEN, sentence));
        }
        if !self.may_act() {
            return Err(Failure::told(StatusCode::FORBIDDEN, "You may look, and change nothing."));
        }
        Ok(())
    }

    pub(super) fn actor(&self) -> Actor {
        Actor { name: self.session.user.clone(), origin: "page" }
    }
}

impl FromRequestParts<App> for Visitor {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let token = token(app, &parts.headers).ok_or(Failure::SignIn)?;
        let mut db = app.database.read().await?;
        let session = people::session(&mut db, app.now(), token).await?;
        session.map(|session| Self { session }).ok_or(Failure::SignIn)
    }
}

const fn cookie_name(app: &App) -> &'static str {
    // A cookie with the prefix is taken only over TLS, from this host alone.
    if app.secure { "__Host-lm-session" } else { "lm-session" }
}

/// The token of a session in a request's cookies.
pub(super) fn token<'a>(app: &App, headers: &'a HeaderMap) -> Option<&'a str> {
    let cookies = headers.get_all(header::COOKIE).into_iter();
    cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == cookie_name(app))
        .map(|(_, token)| token)
}

/// The cookie that begins a session in a browser; an empty token ends it.
pub(super) fn cookie(app: &App, token: &str) -> String {
    let life = if token.is_empty() { 0 } else { SESSION_LIFE };
    let secure = if app.secure { "; Secure" } else { "" };
    let name = cookie_name(app);
    format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={life}{secure}")
}

/// Refuses a form that another site has sent, as far as the browser says so.
pub(super) fn must_be_same_origin(headers: &HeaderMap) -> Result<(), Failure> {
    let origin = headers.get(header::ORIGIN).and_then(|value| value.to_str().ok());
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let same = origin.is_none_or(|origin| {
        origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host)
    });
    if same {
        Ok(())
    } else {
        Err(Failure::told(StatusCode::FORBIDDEN, "This form comes from another site."))
    }
}

//! Entitlements, and generating activation IDs out of them.

use askama::Template;
use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use lm_protocol::Kind;
use serde::Deserialize;

use super::activation_ids::act;
use super::visitor::Visitor;
use super::{Shown, shown};
use crate::admin::entitlements::{self, EntitlementView};
use crate::admin::generate as generating;
use crate::database::in_transaction;
use crate::error::Error;
use crate::people::Session;
use crate::server::App;

#[derive(Template)]
#[template(path = "entitlements.html")]
struct ListPage<'a> {
    session: &'a Session,
    may_act: bool,
    entitlements: &'a [EntitlementView],
}

pub(super) async fn list(State(app): State<App>, visitor: Visitor) -> Shown {
    let mut db = app.database.read().await?;
    let entitlements = &entitlements::list(&mut db).await?;
    shown(&ListPage { session: &visitor.session, may_act: visitor.may_act(), entitlements })
}

#[derive(Template)]
#[template(path = "generate.html")]
struct GeneratePage<'a> {
    session: &'a Session,
    entitlement: &'a EntitlementView,
    error: &'a str,
}

pub(super) async fn form(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Shown {
    let mut db = app.database.read().await?;
    let entitlement = &entitlements::show(&mut db, &id).await?;
    shown(&GeneratePage { session: &visitor.session, entitlement, error: "" })
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    csrf: String,
    kind: String,
    seats: u32,
    count: u32,
}

pub(super) async fn generate(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(asked): Form<Asked>,
) -> Shown {
    visitor.must_mean_it(&asked.csrf)?;
    let kind = match asked.kind.as_str() {
        "nl" => Kind::Nl,
        "cc" => Kind::Cc,
        _ => return Err(Error::Invalid("a kind is nl or cc".to_owned()).into()),
    };
    let (actor, now) = (visitor.actor(), app.now());
    let done = in_transaction!(app.database, |db| async {
        let mut act = act(&app, db, now, &actor);
        generating::generate(&mut act, &id, kind, asked.seats, asked.count).await
    });
    match done {
        Ok(_) => Ok(Redirect::to("/activation-ids").into_response()),
        Err(Error::Refused(error) | Error::Invalid(error)) => {
            let mut db = app.database.read().await?;
            let entitlement = &entitlements::show(&mut db, &id).await?;
            let page = GeneratePage { session: &visitor.session, entitlement, error: &error };
            Ok((axum::http::StatusCode::CONFLICT, shown(&page)?).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

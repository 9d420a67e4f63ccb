//! What an administrator allows beyond a limit, and has seen.

use axum::Form;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use super::Shown;
use super::activation_ids::act;
use super::visitor::Visitor;
use crate::admin::{allow as allowing, flags, parse_id};
use crate::database::in_transaction;
use crate::error::Error;
use crate::ledger::limits::Tally;
use crate::server::App;

#[derive(Deserialize)]
pub(super) struct Allowed {
    #[serde(default)]
    csrf: String,
    what: String,
    count: u32,
}

pub(super) async fn allow(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(asked): Form<Allowed>,
) -> Shown {
    visitor.must_mean_it(&asked.csrf)?;
    let what = Tally::ALL.into_iter().find(|known| known.text() == asked.what);
    let what = what.ok_or_else(|| Error::Invalid("there is no such limit".to_owned()))?;
    let (id, actor, now) = (parse_id(&id)?, visitor.actor(), app.now());
    in_transaction!(app.database, |db| async {
        allowing::allow(&mut act(&app, db, now, &actor), id, what, asked.count).await
    })?;
    Ok(Redirect::to(&format!("/activation-ids/{id}?done=allow")).into_response())
}

#[derive(Deserialize)]
pub(super) struct Seen {
    #[serde(default)]
    csrf: String,
    seen: i64,
}

pub(super) async fn acknowledge(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(asked): Form<Seen>,
) -> Shown {
    visitor.must_mean_it(&asked.csrf)?;
    let (id, actor, now) = (parse_id(&id)?, visitor.actor(), app.now());
    in_transaction!(app.database, |db| async {
        flags::acknowledge(&mut act(&app, db, now, &actor), id, Some(asked.seen)).await
    })?;
    Ok(Redirect::to(&format!("/activation-ids/{id}?done=acknowledge")).into_response())
}

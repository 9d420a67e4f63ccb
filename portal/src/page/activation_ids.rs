//! Activation IDs: the list, one of them, and what is done to it.

use askama::Template;
use axum::Form;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

use super::visitor::Visitor;
use super::{Shown, in_address, shown};
use crate::admin::retire::NL_REASON;
use crate::admin::show::{ActivationView, FulfillmentView, Page};
use crate::admin::{Act, Actor, parse_id, rehost as rehosting, retire, show as showing};
use crate::database::in_transaction;
use crate::error::{Error, Result};
use crate::people::Session;
use crate::server::App;

const PER_PAGE: u32 = 50;

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    search: String,
    #[serde(default)]
    all: String,
    #[serde(default)]
    page: u32,
}

#[derive(Template)]
#[template(path = "activation_ids.html")]
struct ListPage<'a> {
    session: &'a Session,
    may_act: bool,
    search: &'a str,
    all: bool,
    ids: &'a [ActivationView],
    before: Option<String>,
    after: Option<String>,
}

pub(super) async fn list(
    State(app): State<App>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    let (all, actor, now) = (asked.all == "1", visitor.actor(), app.now());
    let page = Page {
        all,
        entitlement_id: "",
        search: &asked.search,
        offset: i64::from(asked.page) * i64::from(PER_PAGE),
        limit: i64::from(PER_PAGE) + 1,
    };
    let mut ids = in_transaction!(app.database, |db| async {
        showing::list(&mut act(&app, db, now, &actor), page).await
    })?;
    let more = ids.len() > PER_PAGE as usize;
    ids.truncate(PER_PAGE as usize);
    let address = |page: u32| {
        let all = if all { "&all=1" } else { "" };
        format!("/activation-ids?page={page}&search={}{all}", in_address(&asked.search))
    };
    shown(&ListPage {
        session: &visitor.session,
        may_act: visitor.may_act(),
        search: &asked.search,
        all,
        ids: &ids,
        before: asked.page.checked_sub(1).map(address),
        after: more.then(|| address(asked.page.saturating_add(1))),
    })
}

#[derive(Template)]
#[template(path = "activation_id.html")]
struct OnePage<'a> {
    session: &'a Session,
    may_act: bool,
    id: &'a ActivationView,
    nl_reason: &'a str,
    done: &'a str,
}

#[derive(Deserialize)]
pub(super) struct Done {
    #[serde(default)]
    done: String,
}

pub(super) async fn show(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(done): Query<Done>,
) -> Shown {
    let id = view(&app, &visitor.actor(), &id).await?;
    let done = match done.done.as_str() {
        "return" => {
            "Returned: the activation ID is Inactive, its seats are the entitlement's again."
        }
        "rehost" => "Re-hosted: the machine no longer holds it.",
        "allow" => "Allowed, beyond the limit.",
        "acknowledge" => "Acknowledged: the flags stay in the history.",
        _ => "",
    };
    shown(&OnePage {
        session: &visitor.session,
        may_act: visitor.may_act(),
        id: &id,
        nl_reason: NL_REASON,
        done,
    })
}

#[derive(Template)]
#[template(path = "confirm.html")]
struct ConfirmPage<'a> {
    session: &'a Session,
    title: &'a str,
    what: String,
    machines: &'a [FulfillmentView],
    action: String,
    fulfillment: &'a str,
    button: &'a str,
    back: String,
}

pub(super) async fn confirm_return(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Shown {
    let id = view(&app, &visitor.actor(), &id).await?;
    if !id.is_cc() {
        return Err(Error::Refused(NL_REASON.to_owned()).into());
    }
    let what = format!(
        "This makes the activation ID Inactive for good. Its {} seats go back to entitlement {}, \
         from which new activation IDs can be generated.",
        id.seats, id.entitlement_id
    );
    shown(&ConfirmPage {
        session: &visitor.session,
        title: &format!("Return {}", id.activation_id),
        what,
        machines: &id.fulfillments,
        action: format!("/activation-ids/{}/return", id.activation_id),
        fulfillment: "",
        button: "Return it for good",
        back: format!("/activation-ids/{}", id.activation_id),
    })
}

#[derive(Deserialize)]
pub(super) struct Meant {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    fulfillment: String,
}

pub(super) async fn return_(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(meant): Form<Meant>,
) -> Shown {
    visitor.must_mean_it(&meant.csrf)?;
    let (id, actor, now) = (parse_id(&id)?, visitor.actor(), app.now());
    in_transaction!(app.database, |db| async {
        retire::retire(&mut act(&app, db, now, &actor), id).await
    })?;
    Ok(Redirect::to(&format!("/activation-ids/{id}?done=return")).into_response())
}

#[derive(Deserialize)]
pub(super) struct Which {
    #[serde(default)]
    fulfillment: String,
}

pub(super) async fn confirm_rehost(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(which): Query<Which>,
) -> Shown {
    let id = view(&app, &visitor.actor(), &id).await?;
    let mut machines = id.fulfillments.clone();
    machines.retain(|held| held.fulfillment_id == which.fulfillment);
    let Some(held) = machines.first() else {
        let sentence = "No such machine holds this activation ID (any more).";
        return Err(Error::NotFound(sentence.to_owned()).into());
    };
    let what = format!(
        "This frees {} of {} from {}. The activation ID stays and can be activated elsewhere; the \
         machine's own record is obsolete from then on.",
        if held.seats == 1 { "1 seat".to_owned() } else { format!("{} seats", held.seats) },
        id.activation_id,
        held.host()
    );
    shown(&ConfirmPage {
        session: &visitor.session,
        title: &format!("Re-host {}", id.activation_id),
        what,
        machines: &machines,
        action: format!("/activation-ids/{}/rehost", id.activation_id),
        fulfillment: &which.fulfillment,
        button: "Re-host",
        back: format!("/activation-ids/{}", id.activation_id),
    })
}

pub(super) async fn rehost(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Form(meant): Form<Meant>,
) -> Shown {
    visitor.must_mean_it(&meant.csrf)?;
    let (id, actor, now) = (parse_id(&id)?, visitor.actor(), app.now());
    in_transaction!(app.database, |db| async {
        rehosting::rehost(&mut act(&app, db, now, &actor), id, Some(&meant.fulfillment)).await
    })?;
    Ok(Redirect::to(&format!("/activation-ids/{id}?done=rehost")).into_response())
}

async fn view(app: &App, actor: &Actor, id: &str) -> Result<ActivationView> {
    let (id, now) = (parse_id(id)?, app.now());
    in_transaction!(app.database, |db| async {
        showing::show(&mut act(app, db, now, actor), id).await
    })
}

pub(super) fn act<'a>(
    app: &'a App,
    db: &'a mut sqlx::AnyConnection,
    now: i64,
    actor: &'a Actor,
) -> Act<'a> {
    Act { db, now, random: app.random.as_ref(), actor }
}

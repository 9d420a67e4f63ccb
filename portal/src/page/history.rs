//! The history: of one activation ID, or of everything.

use askama::Template;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::Value;

use super::visitor::Visitor;
use super::{Shown, shown};
use crate::admin::parse_id;
use crate::ledger::history::{self, HistoryRow};
use crate::people::Session;
use crate::server::App;

const PER_PAGE: usize = 100;

#[derive(Template)]
#[template(path = "history.html")]
struct Page<'a> {
    session: &'a Session,
    activation_id: &'a str,
    rows: &'a [HistoryRow],
    older: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    before: i64,
}

pub(super) async fn of_everything(
    State(app): State<App>,
    visitor: Visitor,
    Query(asked): Query<Asked>,
) -> Shown {
    page(&app, &visitor, "", asked.before).await
}

pub(super) async fn of_activation_id(
    State(app): State<App>,
    visitor: Visitor,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Shown {
    page(&app, &visitor, &parse_id(&id)?.to_string(), asked.before).await
}

async fn page(app: &App, visitor: &Visitor, id: &str, before: i64) -> Shown {
    let mut db = app.database.read().await?;
    let limit = i64::try_from(PER_PAGE).unwrap_or(i64::MAX);
    let rows = &history::read(&mut db, id, before, limit).await?;
    let path =
        if id.is_empty() { "/history".to_owned() } else { format!("/activation-ids/{id}/history") };
    let last = rows.last().filter(|_| rows.len() == PER_PAGE);
    let older = last.map(|row| format!("{path}?before={}", row.seq));
    shown(&Page { session: &visitor.session, activation_id: id, rows, older })
}

/// The detail of a row as people read it: `seats 3, cooling no`.
pub(crate) fn detail(detail: &Value) -> String {
    let Value::Object(fields) = detail else {
        return String::new();
    };
    let words: Vec<_> = fields
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Value::String(text) => text.clone(),
                Value::Bool(true) => "yes".to_owned(),
                Value::Bool(false) => "no".to_owned(),
                Value::Null => "none".to_owned(),
                other => other.to_string(),
            };
            format!("{} {value}", name.replace('_', " "))
        })
        .collect();
    words.join(", ")
}

//! `lm-portal history`.

use super::arguments::{Global, History};
use super::text::table;
use super::{Fresh, open, print, print_json};
use crate::dates::date_time;
use crate::error::{Error, Result};

pub(super) fn run(global: &Global, command: &History) -> Result<()> {
    let portal = open(global, Fresh::Refuse)?;
    if command.check
        && let Some(seq) = portal.history_break()?
    {
        return Err(Error::Damaged(format!("the history was changed at row {seq}")));
    }
    let rows = portal.history(command.activation_id.as_deref(), command.limit)?;
    if global.json {
        return print_json(&rows);
    }
    let head = ["WHEN", "WHO", "FROM", "WHAT", "ACTIVATION ID", "HOST", ""];
    let rows: Vec<_> = rows
        .into_iter()
        .map(|row| {
            let flag = if row.flagged { "flagged" } else { "" };
            vec![
                date_time(row.at),
                row.actor,
                row.origin,
                row.action,
                row.activation_id,
                row.host_id,
                flag.to_owned(),
            ]
        })
        .collect();
    print(&table(&head, &rows))
}

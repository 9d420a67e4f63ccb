//! `lm-portal backup` and `lm-portal restore`.

use std::path::Path;

use super::arguments::{Global, Restore};
use super::text::{confirmed, table};
use super::{Fresh, open, options, print, print_json};
use crate::admin::restore::Restored;
use crate::dates::date_time;
use crate::error::Result;
use crate::portal::Portal;

const DAY: i64 = 86_400;

pub(super) fn backup(global: &Global, file: &Path) -> Result<()> {
    open(global, Fresh::Refuse)?.backup(file)?;
    if global.json {
        return print_json(&serde_json::json!({ "backup": file.display().to_string() }));
    }
    print(&format!(
        "{} holds the portal, its keys too: guard it. `lm-portal restore` takes it into use.\n",
        file.display()
    ))
}

pub(super) fn restore(global: &Global, asked: &Restore) -> Result<()> {
    let file = asked.from.file.as_deref();
    let what = match file {
        Some(file) => format!("puts {} in place of what this portal holds", file.display()),
        None => "takes the database as it is into use as a restored one".to_owned(),
    };
    confirmed(&format!("This {what}. {FORGOTTEN}"), global.yes)?;
    let longest = i64::from(asked.longest_lease) * DAY;
    let restored = Portal::restore(&options(global), file, longest)?;
    if global.json { print_json(&restored) } else { print(&told(&restored)) }
}

const FORGOTTEN: &str = "What was done since the backup is forgotten: machines tell of their own \
    part at their next contact, people have to repeat theirs.";

fn told(restored: &Restored) -> String {
    let mut text = format!(
        "The portal is restored as of {}; its epoch is {}.\n\
         {} machines in the books may work without contact as long as if they had been refreshed \
         just now.\n\
         Machines that were activated or refreshed since are taken in at their next contact, and \
         flagged; seats above the quantity are shown as excess. Offline machines need new request \
         files. Everybody has to sign in again.\n\n",
        date_time(restored.backup_at),
        restored.epoch,
        restored.machines
    );
    match &restored.forgotten {
        Some(rows) if rows.is_empty() => text.push_str("Nothing is to be repeated.\n"),
        Some(rows) => {
            text.push_str("To be repeated, as far as it is still wanted (the oldest first):\n");
            let rows: Vec<_> = rows
                .iter()
                .map(|row| {
                    let about = [&row.activation_id, &row.entitlement_id];
                    let about = about.into_iter().find(|id| !id.is_empty()).cloned();
                    let what = match row.action.as_str() {
                        "return" | "abandon" => {
                            format!("{} by the machine: Re-host it", row.action)
                        }
                        action => action.to_owned(),
                    };
                    vec![
                        date_time(row.at),
                        row.actor.clone(),
                        what,
                        about.unwrap_or_default(),
                        row.host_id.clone(),
                    ]
                })
                .collect();
            text.push_str(&table(&["WHEN", "WHO", "WHAT", "OF", "HOST"], &rows));
        }
        None => text.push_str(REPEAT),
    }
    text
}

const REPEAT: &str = "\
To be repeated, where it was done since:
  - Returns of activation IDs (retirements), Re-hosts, Splits
  - Re-host each machine that gave its seats back: the books still count them
  - entitlements, activation IDs and policy; users and tokens, made or revoked; allowances
An activation ID that was generated since is made again, Inactive, when a machine shows it.
";

//! Text for people: tables, seats, and what a destructive act will do.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use crate::admin::show::ActivationView;
use crate::dates::{date_time, date_time_or, reach};
use crate::error::{Error, Result};

/// A table: columns as wide as they must be, two spaces between.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(at, title)| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
            cells.chain([title.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let padded: Vec<String> =
            cells.zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    let mut text = line(&mut head.iter().copied());
    for row in rows {
        text.push_str(&line(&mut row.iter().map(String::as_str)));
    }
    text
}

/// The machines of an activation ID, as a table.
pub(super) fn machines(view: &ActivationView) -> String {
    let head = ["HOST", "SEATS", "LEASE UNTIL", "LAST CONTACT", "MAY WORK UNREACHED UNTIL"];
    let rows: Vec<_> = view
        .fulfillments
        .iter()
        .map(|held| {
            vec![
                held.host(),
                held.seats.to_string(),
                date_time_or(held.lease_until, "no lease"),
                date_time(held.last_contact),
                reach(held.reach),
            ]
        })
        .collect();
    table(&head, &rows)
}

/// Asks on a terminal, unless `--yes`. Scripts are not asked.
pub(super) fn confirmed(what: &str, yes: bool) -> Result<()> {
    super::say(what);
    if yes || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    let mut error = std::io::stderr();
    let mut answer = String::new();
    let asked = write!(error, "Go on? [y/N] ")
        .and_then(|()| error.flush())
        .and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    match asked {
        Ok(_) if matches!(answer.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(Error::Refused("nothing was changed".to_owned())),
    }
}

/// The operating system's user, for the history.
pub(super) fn operator() -> String {
    user_id()
        .map_or_else(|| "operator".to_owned(), |id| user_name(id).unwrap_or(format!("uid {id}")))
}

#[cfg(target_os = "linux")]
fn user_id() -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|metadata| metadata.uid())
}

#[cfg(not(target_os = "linux"))]
const fn user_id() -> Option<u32> {
    None
}

fn user_name(id: u32) -> Option<String> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let fields = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let id = id.to_string();
    fields.into_iter().find_map(|fields| match fields.as_slice() {
        [name, _, uid, ..] if *uid == id => Some((*name).to_owned()),
        _ => None,
    })
}

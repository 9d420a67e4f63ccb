//! Text for people: tables, dates in local time, colors on a terminal only.

use std::io::{self, Write};

use anstream::{AutoStream, ColorChoice};
use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lm::{Error, Kind, RecordInfo, State, Status, trust};
use serde_json::Value;

use crate::outcome::Outcome;

pub(super) fn line(text: &str) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

/// A row a license, and a sentence for each that needs one.
pub(super) fn list(product: &str, rows: &[RecordInfo]) -> io::Result<()> {
    if rows.is_empty() {
        return line(&format!("This machine holds no license of {product}."));
    }
    let mut table = table();
    let titles = ["ACTIVATION ID", "STATE", "KIND", "SEATS", "UNTIL", "FEATURES"];
    table.set_header(titles.map(|title| Cell::new(title).add_attribute(Attribute::Bold)));
    for row in rows {
        table.add_row(vec![
            Cell::new(&row.activation_id),
            state(&row.status),
            Cell::new(kind(&row.status)),
            Cell::new(seats(&row.status)),
            Cell::new(date(end(&row.status))),
            Cell::new(&row.features),
        ]);
    }
    line(&text(&table))?;
    for row in rows.iter().filter(|row| row.status.state != State::Active) {
        line(&format!("\n{}: {}", row.activation_id, lm::sentence(&row.status)))?;
    }
    Ok(())
}

/// The sentence, then the facts behind it.
pub(super) fn status(id: &str, status: &Status) -> io::Result<()> {
    line(&lm::sentence(status))?;
    if status.state == State::Absent {
        return Ok(());
    }
    let mut table = table();
    let mut fact = |name: &str, cell: Cell| {
        table.add_row(vec![Cell::new(name), cell]);
    };
    if !id.is_empty() {
        fact("Activation ID", Cell::new(id));
    }
    fact("State", state(status));
    fact("Usable", Cell::new(if status.usable { "yes" } else { "no" }));
    if status.kind.is_some() {
        fact("Kind", Cell::new(kind(status)));
        fact("Seats", Cell::new(seats(status)));
    }
    fact("Trusted", Cell::new(trusted(status.trust)));
    for (name, at) in [
        ("Expires", status.expires_at),
        ("Refresh before", status.lease_until),
        ("Grace until", status.grace_until),
    ] {
        if at != 0 {
            fact(name, Cell::new(date(at)));
        }
    }
    line(&text(&table))
}

/// What was done goes to standard output, what failed to standard error.
pub(super) fn outcomes(outcomes: &[Outcome]) -> io::Result<()> {
    for outcome in outcomes {
        let id = match outcome.activation_id.as_str() {
            "" => String::new(),
            id => format!("{id}: "),
        };
        match &outcome.result {
            Ok(message) => line(&format!("{id}{message}"))?,
            Err(error) => {
                super::diagnostic(&format!("{id}{}", failure(error, outcome.pending)));
                let id = outcome.activation_id.as_str();
                holders(id, error.detail()).iter().for_each(|holder| super::diagnostic(holder));
            }
        }
    }
    Ok(())
}

/// A picture of text, and how wide the terminal must be for it.
pub(super) fn picture(picture: &str, width: usize) -> io::Result<()> {
    let mut out = AutoStream::auto(io::stdout());
    for row in picture.lines() {
        writeln!(out, "\u{1b}[30;107m{row}\u{1b}[0m")?;
    }
    writeln!(out, "Where it looks torn, the terminal has less than {width} columns: widen it.\n")
}

/// Message, hint, when to try again, and the code's name for whoever is asked for help.
fn failure(error: &Error, pending: bool) -> String {
    let mut text = format!("{} {}", error.message(), error.hint());
    if pending {
        text.push_str(" It is pending: `lm-administrator resume` finishes it.");
    }
    if error.retry_at() != 0 {
        text.push_str(&format!(" The next try by itself: {}.", date(error.retry_at())));
    }
    format!("{text} ({})", error.code().name())
}

/// Who holds the seats, a line each, where the refusal tells it: machines, and how one is released; or
/// programs of this one.
fn holders(id: &str, detail: &str) -> Vec<String> {
    let detail: Value = serde_json::from_str(detail).unwrap_or_default();
    let line = |holder: &Value| {
        let text = |name: &str| plain(holder[name].as_str().unwrap_or_default());
        let seats = holder["seats"].as_u64().unwrap_or_default();
        if !holder["host_id"].is_null() {
            let contact = date(holder["last_contact"].as_i64().unwrap_or_default());
            let machine = machine(&text("host_id"), &text("host_label"));
            return format!("  {seats} held by {machine}, last contact {contact}");
        }
        match holder["pid"].as_u64() {
            Some(pid) => format!("  {seats} in use by {}, process {pid}", text("program")),
            None => format!("  {seats} in use by a program that left no word"),
        }
    };
    let held = detail["holders"].as_array().filter(|rows| !rows.is_empty());
    let mut lines: Vec<_> = held.map_or_else(Vec::new, |rows| rows.iter().map(line).collect());
    let cools_at = detail["cools_at"].as_i64().unwrap_or_default();
    if cools_at != 0 {
        lines.push(format!("  a seat cools until {}", date(cools_at)));
    }
    let token = match detail["owner_release"].as_str() {
        Some("token") => " --token FILE",
        Some("id") => "",
        _ => return lines,
    };
    if held.is_some() {
        lines.push(format!(
            "  Where a machine is gone, its owner frees its seat: lm-administrator release {id} --host \
             HOSTID{token}"
        ));
    }
    lines
}

/// A machine as people read it: its label, and its ID.
pub(super) fn machine(host_id: &str, label: &str) -> String {
    let (host_id, label) = (plain(host_id), plain(label));
    if label.is_empty() { host_id } else { format!("{label} ({host_id})") }
}

/// Another machine's text without what a terminal would take for a command.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

/// Never wraps: an ID must be one piece to be copied.
pub(super) fn table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    // As the terminal and its user want it; never in a file or a pipe.
    if AutoStream::choice(&io::stdout()) == ColorChoice::Never {
        table.force_no_tty();
    }
    table
}

pub(super) fn text(table: &Table) -> String {
    table.trim_fmt()
}

fn state(status: &Status) -> Cell {
    let color = match status.state {
        State::Active => Color::Green,
        State::Orphaned | State::Untrusted | State::Expired => Color::Red,
        _ => Color::Yellow,
    };
    Cell::new(status.state.name()).fg(color)
}

/// `5`, or `5 (2 in use)`.
fn seats(status: &Status) -> String {
    match status.seats_in_use {
        0 => status.seats.to_string(),
        used => format!("{} ({used} in use)", status.seats),
    }
}

const fn kind(status: &Status) -> &'static str {
    match status.kind {
        Some(Kind::Nl) => "NL",
        Some(Kind::Cc) => "CC",
        None => "",
    }
}

/// The earlier of term and lease; 0 where there is neither.
const fn end(status: &Status) -> i64 {
    match (status.lease_until, status.expires_at) {
        (0, end) | (end, 0) => end,
        (lease, term) => {
            if lease < term {
                lease
            } else {
                term
            }
        }
    }
}

fn trusted(flags: u32) -> String {
    let names = [(trust::HOST, "HOST"), (trust::RESTORE, "RESTORE"), (trust::TIME, "TIME")];
    let word = |(flag, name): &(u32, &str)| match flags & flag {
        0 => format!("{name} broken"),
        _ => (*name).to_owned(),
    };
    names.iter().map(word).collect::<Vec<_>>().join(", ")
}

/// `2027-01-31 18:05 CET`, in this machine's time zone; empty for none.
pub(super) fn date(seconds: i64) -> String {
    local(seconds, &TimeZone::system())
}

fn local(seconds: i64, zone: &TimeZone) -> String {
    if seconds == 0 {
        return String::new();
    }
    match Timestamp::from_second(seconds) {
        Ok(at) => at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string(),
        Err(_) => format!("second {seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::Offset;

    #[test]
    fn dates_are_local_and_none_is_empty() {
        let zone = TimeZone::fixed(Offset::constant(2));
        assert_eq!(local(1_800_000_000, &zone), "2027-01-15 10:00 +02");
        assert_eq!(local(0, &zone), "");
        assert_eq!(local(i64::MAX, &zone), format!("second {}", i64::MAX));
    }

    #[test]
    fn a_refusal_names_the_machines_or_programs_that_hold_the_seats() {
        let detail = r#"{ "seats": 1, "holders": [{ "host_id": "HK3J", "host_label": "desk\u001b-1",
                          "seats": 1, "last_contact": 0 }] }"#;
        assert_eq!(holders("ID", detail), ["  1 held by desk-1 (HK3J), last contact "]);
        assert!(holders("ID", "").is_empty() && holders("ID", "{}").is_empty());
        for (policy, end) in [("token", " --token FILE"), ("id", "")] {
            let detail = detail.replacen('{', &format!("{{ \"owner_release\": \"{policy}\","), 1);
            let told = holders("ID", &detail);
            let command = format!("lm-administrator release ID --host HOSTID{end}");
            assert!(told.len() == 2 && told[1].ends_with(&command), "{told:?}");
        }
        let hidden = holders("ID", &detail.replacen('{', r#"{ "owner_release": "no","#, 1));
        assert_eq!(hidden.len(), 1);
        let detail = r#"{ "seats_in_use": 3, "holders": [{ "seats": 2, "pid": 7, "program": "gis" },
                          { "seats": 1 }] }"#;
        let programs =
            ["  2 in use by gis, process 7", "  1 in use by a program that left no word"];
        assert_eq!(holders("ID", detail), programs);
    }

    #[test]
    fn a_broken_flag_is_named() {
        assert_eq!(trusted(trust::ALL), "HOST, RESTORE, TIME");
        assert_eq!(trusted(trust::HOST | trust::TIME), "HOST, RESTORE broken, TIME");
    }
}

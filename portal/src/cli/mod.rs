//! The command line. People's text and tables, or one JSON document with `--json`, go to standard
//! output; diagnostics and questions go to standard error.

mod activation_ids;
mod arguments;
mod backup;
mod entitlements;
mod history;
mod offline;
mod policy;
mod serve;
mod text;
mod tokens;
mod users;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use serde::Serialize;

use self::arguments::{Command, Global, Line};
use crate::admin::Actor;
use crate::error::{Error, Result};
use crate::portal::{Location, Portal, PortalOptions};

/// Runs the command line. Exit codes: 0 done; 1 refused or failed, with the reason; 2 wrong usage.
#[must_use]
pub fn run() -> ExitCode {
    let line = Line::parse();
    match command(line) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("lm-portal: {error}"));
            ExitCode::from(if matches!(error, Error::Invalid(_)) { 2 } else { 1 })
        }
    }
}

fn command(line: Line) -> Result<()> {
    let global = line.global;
    match line.command {
        Command::Serve(serve) => serve::serve(&global, &serve),
        Command::TrustRoot => {
            let text = open(&global, Fresh::Make)?.trust_root();
            if global.json {
                print_json(&serde_json::json!({ "trust_root": text }))
            } else {
                print(&format!("{text}\n"))
            }
        }
        Command::Entitlement(command) => entitlements::run(&global, command),
        Command::Product(command) => policy::run(&global, *command),
        Command::ActivationId(command) => activation_ids::run(&global, command),
        Command::Offline(command) => offline::run(&global, &command),
        Command::History(command) => history::run(&global, &command),
        Command::User(command) => users::run(&global, command),
        Command::Token(command) => tokens::run(&global, command),
        Command::Backup { file } => backup::backup(&global, &file),
        Command::Restore(asked) => backup::restore(&global, &asked),
    }
}

/// Whether a command makes a portal where there is none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fresh {
    Make,
    Refuse,
}

fn options(global: &Global) -> PortalOptions {
    let location = match &global.database {
        Some(url) => Location::Url(url.clone()),
        None => Location::Directory(global.data.clone()),
    };
    let actor = Actor { name: text::operator(), origin: "command line" };
    PortalOptions { actor, ..PortalOptions::at(location) }
}

fn open(global: &Global, fresh: Fresh) -> Result<Portal> {
    open_with(options(global), fresh)
}

fn open_with(options: PortalOptions, fresh: Fresh) -> Result<Portal> {
    if let Location::Directory(data) = &options.location
        && fresh == Fresh::Refuse
        && !data.join("portal.db").is_file()
    {
        return Err(Error::NotFound(format!(
            "{} holds no portal; `lm-portal serve --data DIR` makes one",
            data.display()
        )));
    }
    if let Location::Directory(data) = &options.location {
        warn_of_others(data);
    }
    let portal = Portal::open(options)?;
    if let Some(first) = portal.first_administrator() {
        say(&format!(
            "A new portal. Sign in to its page as \"{}\" with the password {} (shown this once).",
            first.user, first.password
        ));
    }
    Ok(portal)
}

/// Says so where others of this machine get into a data directory that was there before.
#[cfg(unix)]
fn warn_of_others(data: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    if std::fs::metadata(data).is_ok_and(|data| data.permissions().mode() & 0o077 != 0) {
        let data = data.display();
        say(&format!(
            "lm-portal: warning: others can get into {data}, which holds the portal's keys; \
             `chmod 700 {data}` keeps them out"
        ));
    }
}

#[cfg(not(unix))]
fn warn_of_others(_: &std::path::Path) {}

/// Writes to standard output. A reader that has gone away is no failure of the command.
fn print(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::System(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

fn print_json<T: Serialize>(value: &T) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::System(format!("writing JSON: {error}")))?;
    print(&format!("{text}\n"))
}

/// Writes a line to standard error, as far as there is one.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

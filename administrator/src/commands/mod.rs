//! The commands, one group a file.

mod change;
mod doctor;
mod give_back;
mod manual;
mod offline;
mod release;
mod resume;
mod show;

use std::io;

use lm::Client;

use crate::args::{Args, Command, Settings};
use crate::open::{Closed, open};
use crate::outcome::{Exit, Outcome, worst};
use crate::output::{self, Format};
use crate::progress;

/// What every command has.
pub(crate) struct Session {
    client: Client,
    settings: Settings,
    product: String,
    format: Format,
    verbose: bool,
}

impl Session {
    /// One call that asks the portal, under a spinner.
    fn ask<T>(&self, what: &str, call: impl FnOnce(&Client) -> T) -> T {
        let quiet = self.verbose || self.settings.portal.is_none();
        progress::while_asking(quiet, what, || call(&self.client))
    }

    /// What stands now, as a sentence.
    fn sentence(&self, id: &str) -> lm::Result<String> {
        Ok(lm::sentence(&self.client.status(Some(id))?))
    }

    fn tell(&self, outcomes: &[Outcome], nothing: &str) -> io::Result<Exit> {
        output::outcomes(self.format, outcomes, nothing)?;
        Ok(worst(outcomes))
    }
}

/// Does what the command line says. The error is that of writing the answer.
pub(crate) fn run(args: &Args) -> io::Result<Exit> {
    match &args.command {
        Command::Completions { shell } => return manual::completions(*shell),
        Command::Man => return manual::page(),
        _ => {}
    }
    let format = if args.json { Format::Json } else { Format::People };
    match open(args) {
        Ok((client, settings)) => {
            let session = Session {
                client,
                product: settings.product.clone().unwrap_or_default(),
                settings,
                format,
                verbose: args.verbose,
            };
            session.run(&args.command)
        }
        Err(Closed::Usage(sentence)) => Ok(output::usage(&sentence)),
        Err(Closed::Refused(error)) => refused(format, &args.command, &error),
    }
}

impl Session {
    fn run(&self, command: &Command) -> io::Result<Exit> {
        match command {
            Command::List => self.list(),
            Command::Status { id } => self.status(id.as_deref()),
            Command::Doctor { offline } => self.doctor(*offline),
            Command::HostId => self.host_id(),
            Command::Activate { id, seats } => self.activate(id, *seats),
            Command::Return { ids, seats, yes } => self.return_(ids, seats.unwrap_or(0), *yes),
            Command::Refresh { id } => self.refresh(id.as_deref()),
            Command::Repair { id } => self.repair(id),
            Command::Remove { id } => self.remove(id),
            Command::Resume => self.resume(),
            Command::Request { what } => self.request(what),
            Command::Apply { file } => self.apply(file),
            Command::Release { id, host, token, yes } => {
                self.release(id, host, token.as_deref(), *yes)
            }
            Command::Completions { shell } => manual::completions(*shell),
            Command::Man => manual::page(),
        }
    }
}

/// No client: the failure, in the shape in which the command's answer would have come.
fn refused(format: Format, command: &Command, error: &lm::Error) -> io::Result<Exit> {
    let each = |ids: &[&str]| {
        let outcomes: Vec<_> = ids.iter().map(|id| Outcome::failed(id, error.clone())).collect();
        output::outcomes(format, &outcomes, "")
    };
    match command {
        Command::Status { id } => output::failure(format, id.as_deref().unwrap_or(""), error)?,
        Command::HostId => output::failure(format, "", error)?,
        Command::Activate { id, .. }
        | Command::Repair { id }
        | Command::Remove { id }
        | Command::Release { id, .. } => {
            each(&[id])?;
        }
        Command::Return { ids, .. } => each(&ids.iter().map(String::as_str).collect::<Vec<_>>())?,
        Command::Refresh { id } => each(&[id.as_deref().unwrap_or("")])?,
        Command::Request { what } => each(&[what.id()])?,
        Command::List
        | Command::Doctor { .. }
        | Command::Resume
        | Command::Apply { .. }
        | Command::Completions { .. }
        | Command::Man => each(&[""])?,
    }
    Ok(Exit::Failed)
}

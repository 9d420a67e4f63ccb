//! Answers on standard output, for people or as one JSON document; diagnostics on standard error.

mod json;
mod people;
mod report;

use std::io::{self, ErrorKind, Write};

use clap::CommandFactory;
use clap::error::ErrorKind as Usage;
use lm::{Finding, RecordInfo, Status};

use crate::args::Args;
use crate::outcome::{Exit, Outcome};
use crate::qr;

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// One JSON document.
    Json,
    /// Text.
    People,
}

/// The licenses of this machine.
pub(crate) fn list(format: Format, product: &str, rows: &[RecordInfo]) -> io::Result<()> {
    match format {
        Format::Json => json::print(&json::list(rows)),
        Format::People => people::list(product, rows),
    }
}

/// One status. `id` is empty where there is no best license.
pub(crate) fn status(format: Format, id: &str, status: &Status) -> io::Result<()> {
    match format {
        Format::Json => json::print(&json::status(id, status)),
        Format::People => people::status(id, status),
    }
}

/// What a report found.
pub(crate) fn findings(format: Format, findings: &[Finding]) -> io::Result<()> {
    match format {
        Format::Json => json::print(&json::findings(findings)),
        Format::People => report::findings(findings),
    }
}

/// The host ID.
pub(crate) fn host_id(format: Format, host_id: &str) -> io::Result<()> {
    match format {
        Format::Json => json::print(&json::host_id(host_id)),
        Format::People => people::line(host_id),
    }
}

/// A machine as people read it.
pub(crate) fn machine(host_id: &str, label: &str) -> String {
    people::machine(host_id, label)
}

/// A time as people read it.
pub(crate) fn date(seconds: i64) -> String {
    people::date(seconds)
}

/// What became of each; `nothing` is said where there was none.
pub(crate) fn outcomes(format: Format, outcomes: &[Outcome], nothing: &str) -> io::Result<()> {
    match format {
        Format::Json => json::print(&json::outcomes(outcomes)),
        Format::People if outcomes.is_empty() => people::line(nothing),
        Format::People => people::outcomes(outcomes),
    }
}

/// A QR picture: black on white where colors are, whatever the terminal's own are.
pub(crate) fn picture(picture: &str) -> io::Result<()> {
    people::picture(picture, qr::width(picture))
}

/// A command whose answer is one object failed.
pub(crate) fn failure(format: Format, id: &str, error: &lm::Error) -> io::Result<()> {
    let outcome = Outcome::failed(id, error.clone());
    match format {
        Format::Json => json::print(&json::outcome(&outcome)),
        Format::People => people::outcomes(&[outcome]),
    }
}

/// A line for whoever looks for a fault.
pub(crate) fn diagnostic(line: &str) {
    // Where standard error is gone there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Wrong usage that shows only once the settings are together.
pub(crate) fn usage(sentence: &str) -> Exit {
    let error = Args::command().error(Usage::ValueValidation, sentence);
    // As above.
    let _ = error.print();
    Exit::Usage
}

/// The answer could not be written. A reader that has seen enough is no failure.
pub(crate) fn broken(error: &io::Error) -> Exit {
    if error.kind() == ErrorKind::BrokenPipe {
        return Exit::Done;
    }
    diagnostic(&format!("The answer can't be written: {error}."));
    Exit::Failed
}

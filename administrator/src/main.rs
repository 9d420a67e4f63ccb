//! The Licensing Administrator: list, activate, return, refresh, repair and remove licenses at the machine.
//!
//! It reaches the library as any host application does and holds no rule of its own: what may be
//! done in which state, and what becomes of the seats, the library and the portal decide.
//!
//! | file | what it does |
//! |---|---|
//! | `args` | the command line, and the help that teaches it |
//! | `config` | the settings: command line over configuration file |
//! | `open` | settings → an open client |
//! | `files`, `qr` | request and response files, on disk and as a picture |
//! | `commands` | one group of commands a file |
//! | `outcome` | what became of one license, and the exit code |
//! | `rest` | what the portal does for owners, by HTTPS |
//! | `output` | the same answers for scripts (JSON) and for people |
#![forbid(unsafe_code)]

mod args;
mod commands;
mod config;
mod files;
mod open;
mod outcome;
mod output;
mod progress;
mod qr;
mod rest;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let exit = commands::run(&args).unwrap_or_else(|error| output::broken(&error));
    ExitCode::from(exit as u8)
}

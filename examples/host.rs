//! The same small orthophoto program as `host.c`, in Rust.
//!
//! ```text
//! cargo run --example host -- TRUST_ROOT_FILE PORTAL_URL STORAGE_DIR IDENTITY COMMAND [ID] [SEATS]
//! ```
//!
//! A real application builds its trust root in, with `include_str!`; here it is read, so that the
//! example runs against any portal.
#![allow(clippy::print_stdout, reason = "an application talks to its user")]

use std::process::ExitCode;

use lm::{Client, Error, Options, Status};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [trust_root, portal, storage, identity, command, rest @ ..] = arguments.as_slice() else {
        println!(
            "usage: host TRUST_ROOT_FILE PORTAL_URL STORAGE_DIR IDENTITY COMMAND [ID] [SEATS]"
        );
        return ExitCode::from(2);
    };
    let trust_root = match std::fs::read_to_string(trust_root) {
        Ok(text) => text,
        Err(error) => {
            println!("{trust_root}: {error}");
            return ExitCode::from(2);
        }
    };
    let mut options = Options::new("ortho-studio", trust_root.trim());
    options.portal_url = Some(portal.clone());
    options.storage_dir = Some(storage.into());
    options.host_identity = Some(identity.clone());
    options.host_label = Some(identity.clone());
    match Client::open(options).and_then(|client| run(&client, command, rest)) {
        Ok(code) => code,
        Err(error) => explain(&error),
    }
}

fn run(client: &Client, command: &str, rest: &[String]) -> Result<ExitCode, Error> {
    let id = rest.first().map(String::as_str);
    let seats = rest.get(1).and_then(|text| text.parse().ok());
    match (command, id) {
        ("work", _) => work(client),
        ("status", id) => Ok(show(&client.status(id)?)),
        ("activate", Some(id)) => {
            client.activate(id, seats.unwrap_or(1))?;
            Ok(show(&client.status(Some(id))?))
        }
        ("return", Some(id)) => {
            client.return_(id, seats.unwrap_or(0))?;
            println!("done");
            Ok(ExitCode::SUCCESS)
        }
        ("refresh", id) => client.refresh(id).map(|()| ExitCode::SUCCESS),
        ("resume", _) => client.resume().map(|()| ExitCode::SUCCESS),
        ("remove", Some(id)) => client.remove(id).map(|()| ExitCode::SUCCESS),
        _ => {
            println!("unknown command or missing activation ID: {command}");
            Ok(ExitCode::from(2))
        }
    }
}

/// The feature is checked where the work is done, as often as one likes: it costs nanoseconds.
fn work(client: &Client) -> Result<ExitCode, Error> {
    let status = client.feature_status("ortho")?;
    if status.usable {
        for strip in 1..=3 {
            println!("orthorectifying strip {strip} of 3");
        }
    }
    Ok(show(&status))
}

fn show(status: &Status) -> ExitCode {
    println!("{}. {}", status.state.name(), lm::sentence(status));
    if status.usable { ExitCode::SUCCESS } else { ExitCode::from(3) }
}

fn explain(error: &Error) -> ExitCode {
    println!("{}: {}\n  {}", error.code().name(), error.message(), error.hint());
    ExitCode::FAILURE
}

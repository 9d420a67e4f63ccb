//! The whole story, aloud: a portal, two machines, a C host, and the two ways to return a license.
//!
//! ```text
//! cargo run --example quickstart             walk the story and clean up
//! cargo run --example quickstart -- --stay   then keep the portal, to look at its page
//! ```
//!
//! Nothing here is pretended: the portal serves HTTP on loopback over a database in a temporary
//! folder, and the C host is compiled against the shared library that Cargo has just built and run
//! as processes of its own. A step that ends otherwise than the story says ends it with an error.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it tells a story")]

#[path = "../../tests/common/cc.rs"]
mod cc;
mod machine;
mod story;

use std::process::ExitCode;

use lm_portal::{Portal, PortalOptions};

fn main() -> ExitCode {
    let stay = match std::env::args().skip(1).collect::<Vec<_>>().as_slice() {
        [] => false,
        [only] if only == "--stay" => true,
        _ => {
            eprintln!("usage: cargo run --example quickstart [-- --stay]");
            return ExitCode::from(2);
        }
    };
    match run(stay) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nThe story broke off: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(stay: bool) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| format!("a temporary folder: {error}"))?;
    println!("== A fresh portal");
    let options = PortalOptions::in_directory(&folder.path().join("portal"));
    let portal = Portal::open(options).map_err(|error| error.to_string())?;
    let running = portal.serve().map_err(|error| error.to_string())?;
    println!(
        "   It made its database, its keys and one administrator, and listens on {}",
        running.url()
    );
    if let Some(first) = portal.first_administrator() {
        println!(
            "   Its page: {}/  (sign in as {}, password {})",
            running.url(),
            first.user,
            first.password
        );
    }
    story::tell(&portal, running.url(), folder.path())?;
    if stay {
        let stop = portal.watch_for_stop().map_err(|error| error.to_string())?;
        println!("\nThe portal stays on {} until you press Ctrl-C.", running.url());
        stop.wait().map_err(|error| error.to_string())?;
    }
    running.stop().map_err(|error| error.to_string())
}

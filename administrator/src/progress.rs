//! A spinner on standard error while the portal is asked; only where that is a terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often it turns.
const TURN: Duration = Duration::from_millis(120);

/// Does `work` under a spinner that says `what`. No spinner where `quiet`: log lines stand there.
pub(crate) fn while_asking<T>(quiet: bool, what: &str, work: impl FnOnce() -> T) -> T {
    if quiet {
        return work();
    }
    // Draws nothing where standard error is no terminal.
    let spinner = ProgressBar::new_spinner().with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        spinner.set_style(style);
    }
    spinner.enable_steady_tick(TURN);
    let result = work();
    spinner.finish_and_clear();
    result
}

//! `doctor`: what is well and what soon won't be.

use std::io;

use lm::log::Level;

use super::Session;
use crate::outcome::{Exit, Outcome};
use crate::output;

impl Session {
    pub(super) fn doctor(&self, offline: bool) -> io::Result<Exit> {
        let report = if offline {
            self.client.health(false)
        } else {
            self.ask("Asking the portal", |client| client.health(true))
        };
        match report {
            Ok(findings) => {
                output::findings(self.format, &findings)?;
                let broken = findings.iter().any(|finding| finding.level == Level::Error);
                Ok(if broken { Exit::Failed } else { Exit::Done })
            }
            Err(error) => self.tell(&[Outcome::failed("", error)], ""),
        }
    }
}

//! `return`: several IDs, each with its own outcome. On a terminal it asks first.

use std::io::{self, BufRead, IsTerminal, Write};

use lm::{Code, Error, State, Status};

use super::Session;
use crate::outcome::{Exit, Outcome};

impl Session {
    /// `seats` of each; 0: all.
    pub(super) fn return_(&self, ids: &[String], seats: u32, yes: bool) -> io::Result<Exit> {
        if !yes && is_asked() && !self.confirms(ids, seats)? {
            let outcomes: Vec<_> = ids.iter().map(|id| Outcome::failed(id, declined())).collect();
            return self.tell(&outcomes, "");
        }
        let outcomes: Vec<_> = ids.iter().map(|id| self.return_one(id, seats)).collect();
        self.tell(&outcomes, "")
    }

    fn return_one(&self, id: &str, seats: u32) -> Outcome {
        let before = self.client.status(Some(id));
        let result = self
            .ask("Returning to the portal …", |client| client.return_(id, seats))
            .and_then(|()| self.returned(id, before?));
        Outcome::of_call(&self.client, id, result)
    }

    pub(super) fn returned(&self, id: &str, before: Status) -> lm::Result<String> {
        let after = self.client.status(Some(id))?;
        Ok(match (before.state, after.state) {
            (State::Orphaned, State::Absent) => "The orphaned entry is cleaned up; its seats had \
                                                 been given back from the portal already."
                .to_owned(),
            (State::PendingActivation, State::Absent) => {
                "The activation is abandoned: this machine holds no seat of it.".to_owned()
            }
            (_, State::Absent) => {
                "The license is returned: its seats are free, and the activation \
                                   ID can be activated again here or on another machine."
                    .to_owned()
            }
            _ => lm::sentence(&after),
        })
    }

    pub(super) fn confirms(&self, ids: &[String], seats: u32) -> io::Result<bool> {
        let mut question = String::from("These licenses stop working on this machine:\n");
        for id in ids {
            let held = match self.client.status(Some(id)) {
                Ok(status) => lm::sentence(&status),
                Err(error) => error.message().to_owned(),
            };
            question.push_str(&format!("  {id}  {held}\n"));
        }
        let what = match seats {
            0 => "all their seats".to_owned(),
            1 => "1 seat of each".to_owned(),
            n => format!("{n} seats of each"),
        };
        question.push_str(&format!("Return {what} to the portal? [y/N] "));
        confirm(&question, &mut io::stdin().lock(), &mut io::stderr().lock())
    }
}

/// Only where a person can answer.
pub(super) fn is_asked() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Anything but y or yes is no.
fn confirm(question: &str, from: &mut impl BufRead, to: &mut impl Write) -> io::Result<bool> {
    to.write_all(question.as_bytes())?;
    to.flush()?;
    let mut answer = String::new();
    from.read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

pub(super) fn declined() -> Error {
    Error::new(Code::Cancelled, "Nothing was done.").with_hint("Answer y to do it.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clear_yes_returns() {
        for (answer, expected) in
            [("y\n", true), ("YES\n", true), ("\n", false), ("", false), ("no\n", false)]
        {
            let mut shown = Vec::new();
            let confirmed = confirm("Return? ", &mut answer.as_bytes(), &mut shown).unwrap();
            assert_eq!(confirmed, expected, "{answer:?}");
            assert_eq!(shown, b"Return? ");
        }
    }
}

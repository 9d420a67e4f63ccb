//! `release`: another machine's seat is freed from the portal's side, by its owner.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use super::Session;
use crate::outcome::{Exit, Outcome};
use crate::{output, rest};

/// Longer than any token is.
const TOKEN_MAX: u64 = 1024;

impl Session {
    pub(super) fn release(
        &self,
        id: &str,
        host: &str,
        token: Option<&str>,
        yes: bool,
    ) -> io::Result<Exit> {
        let token = match token.map(read_token).transpose() {
            Ok(token) => token,
            Err(sentence) => return Ok(output::usage(&sentence)),
        };
        // The library knows which text is an activation ID.
        if let Err(error) = self.client.status(Some(id)) {
            return self.tell(&[Outcome::failed(id, error)], "");
        }
        if !yes && io::stdin().is_terminal() && io::stderr().is_terminal() && !confirms(id, host)? {
            return self.tell(&[Outcome::failed(id, super::give_back::declined())], "");
        }
        let released = self.ask("Asking the portal to release a machine …", |_| {
            rest::release(&self.settings, id, host, token.as_deref())
        });
        let outcome = match released {
            Ok(released) => Outcome::done(id, sentence(&released)),
            Err(error) => Outcome::failed(id, error),
        };
        self.tell(&[outcome], "")
    }
}

fn sentence(released: &rest::Released) -> String {
    let seats =
        if released.seats == 1 { "1 seat".to_owned() } else { format!("{} seats", released.seats) };
    let machine = output::machine(&released.host_id, &released.host_label);
    let then = if released.cools_until == 0 {
        format!("{} can be activated now", released.available)
    } else {
        format!("they cool until {}", output::date(released.cools_until))
    };
    format!("Released {seats} from {machine}; {then}. The activation ID stays valid.")
}

fn confirms(id: &str, host: &str) -> io::Result<bool> {
    let question = format!(
        "This ends the license {id} on the machine {host}, which is told at its next contact with the \
         portal. While it still works, returning it there is the better way.\nRelease it? [y/N] "
    );
    let mut error = io::stderr().lock();
    error.write_all(question.as_bytes())?;
    error.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

/// A file's first line, or standard input's where it is `-`. The error is a sentence, without the token.
fn read_token(from: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = if from == "-" {
        io::stdin().lock().take(TOKEN_MAX).read_line(&mut text).map(drop)
    } else {
        std::fs::File::open(from)
            .and_then(|file| file.take(TOKEN_MAX).read_to_string(&mut text))
            .map(drop)
    };
    read.map_err(|error| format!("the token in {from} can't be read: {error}"))?;
    let token = text.lines().next().unwrap_or_default().trim();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(format!("there is no token in {from}"));
    }
    Ok(token.to_owned())
}

//! `request` and `apply`: one file out, one file in.

use std::io;
use std::path::Path;

use lm::{Result, State};

use super::Session;
use super::give_back::{declined, is_asked};
use crate::args::{Request, To};
use crate::files::{self, Target};
use crate::outcome::{Exit, Outcome};
use crate::{output, qr};

impl Session {
    pub(super) fn request(&self, what: &Request) -> io::Result<Exit> {
        if let Request::Return { id, seats, yes: false, .. } = what
            && is_asked()
            && !self.confirms(std::slice::from_ref(id), seats.unwrap_or(0))?
        {
            return self.tell(&[Outcome::failed(id, declined())], "");
        }
        let (id, to) = (what.id(), what.to());
        let outcome = match self.requested(what, to) {
            Ok((message, picture)) => {
                if let Some(picture) = &picture {
                    output::picture(picture)?;
                }
                Outcome::done(id, message)
            }
            Err(error) => Outcome::failed(id, error),
        };
        self.tell(&[outcome], "")
    }

    /// What is to be told, and the picture where one is wanted.
    fn requested(&self, what: &Request, to: &To) -> Result<(String, Option<String>)> {
        let path = to.output.as_deref();
        let target = path.map(|path| Target::new(path, to.append)).transpose()?;
        let request = self.make(what)?;
        let mut message = match (&target, path) {
            (Some(target), Some(path)) => written(path, target.write(&request)?),
            _ => "The request is in the picture.".to_owned(),
        };
        let picture = match to.qr.then(|| qr::picture(&request)) {
            Some(Err(too_large)) if target.is_some() => {
                message.push_str(&format!(" {}", too_large.message()));
                None
            }
            picture => picture.transpose()?,
        };
        message.push_str(&next_step(what));
        Ok((message, picture))
    }

    fn make(&self, what: &Request) -> Result<Vec<u8>> {
        match what {
            Request::Activate { id, seats, .. } => self.client.request_activation(id, *seats),
            Request::Return { id, seats, .. } => self.client.request_return(id, seats.unwrap_or(0)),
            Request::Repair { id, .. } => self.client.request_repair(id),
        }
    }

    pub(super) fn apply(&self, path: &Path) -> io::Result<Exit> {
        let before = self.client.list().unwrap_or_default();
        let applied = files::response(path).and_then(|response| self.client.apply_each(&response));
        let applied = match applied {
            Ok(applied) => applied,
            Err(error) => return self.tell(&[Outcome::failed("", error)], ""),
        };
        let outcomes: Vec<_> = applied
            .into_iter()
            .map(|applied| {
                let id = applied.activation_id.as_str();
                let was = before.iter().find(|row| row.activation_id == id).map(|row| row.status);
                let told = applied.result.and_then(|()| match was {
                    Some(was) if was.state == State::PendingReturn && was.kind.is_none() => {
                        Ok("The activation is given up: this machine holds no seat of it."
                            .to_owned())
                    }
                    Some(was) if was.state == State::PendingReturn => self.returned(id, was),
                    _ => self.sentence(id),
                });
                match told {
                    Ok(message) => Outcome::done(id, message),
                    Err(error) => Outcome::failed(id, error),
                }
            })
            .collect();
        self.tell(&outcomes, "")
    }
}

fn written(path: &Path, count: usize) -> String {
    let path = path.display();
    match count {
        1 => format!("The request is written to {path}."),
        count => format!("The request is in {path}, which holds {count} requests now."),
    }
}

fn next_step(what: &Request) -> String {
    let meanwhile = match what {
        Request::Activate { .. } => "",
        Request::Return { .. } => {
            " The seats are out of use on this machine from now on, and credited when the portal has \
             answered."
        }
        Request::Repair { .. } => " Until then the license is as it was.",
    };
    format!(
        "{meanwhile} Bring it to the owner of the licenses, who answers it on the licensing portal \
         (page Offline), and apply the response here: `lm-administrator apply RESPONSE`."
    )
}

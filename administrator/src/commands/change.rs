//! `activate`, `refresh`, `repair`, `remove`.

use std::io;

use super::Session;
use crate::outcome::{Exit, Outcome};

impl Session {
    pub(super) fn activate(&self, id: &str, seats: u32) -> io::Result<Exit> {
        let result = self
            .ask("Asking the portal for seats …", |client| client.activate(id, seats))
            .and_then(|()| self.sentence(id));
        self.tell(&[Outcome::of_call(&self.client, id, result)], "")
    }

    pub(super) fn refresh(&self, id: Option<&str>) -> io::Result<Exit> {
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => match self.client.list() {
                Ok(rows) => rows.into_iter().map(|row| row.activation_id).collect(),
                Err(error) => return self.tell(&[Outcome::failed("", error)], ""),
            },
        };
        let outcomes: Vec<_> = ids.iter().map(|id| self.refresh_one(id)).collect();
        let nothing = format!("This machine holds no license of {} to refresh.", self.product);
        self.tell(&outcomes, &nothing)
    }

    fn refresh_one(&self, id: &str) -> Outcome {
        let result = self
            .ask("Asking the portal for a new lease …", |client| client.refresh(Some(id)))
            .and_then(|()| self.sentence(id));
        Outcome::of_call(&self.client, id, result)
    }

    pub(super) fn repair(&self, id: &str) -> io::Result<Exit> {
        let result = self
            .ask("Asking the portal to repair the license …", |client| client.repair(id))
            .and_then(|()| self.sentence(id));
        self.tell(&[Outcome::of_call(&self.client, id, result)], "")
    }

    pub(super) fn remove(&self, id: &str) -> io::Result<Exit> {
        let outcome = match self.client.remove(id) {
            Ok(()) => Outcome::done(
                id,
                "The entry is removed from this machine; no seat was credited.".to_owned(),
            ),
            Err(error) => Outcome::failed(id, error),
        };
        self.tell(&[outcome], "")
    }
}

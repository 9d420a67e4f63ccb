//! `list`, `status`, `host-id`: what changes nothing.

use std::io;

use super::Session;
use crate::outcome::{Exit, Outcome};
use crate::output;

impl Session {
    pub(super) fn list(&self) -> io::Result<Exit> {
        match self.client.list() {
            Ok(rows) => {
                output::list(self.format, &self.product, &rows)?;
                Ok(Exit::Done)
            }
            Err(error) => self.tell(&[Outcome::failed("", error)], ""),
        }
    }

    pub(super) fn status(&self, id: Option<&str>) -> io::Result<Exit> {
        match self.client.status(id) {
            Ok(status) => {
                let id = id.map_or_else(|| self.best_id(&status), str::to_owned);
                output::status(self.format, &id, &status)?;
                Ok(Exit::Done)
            }
            Err(error) => {
                output::failure(self.format, id.unwrap_or(""), &error)?;
                Ok(Exit::Failed)
            }
        }
    }

    /// Whose status the best one is: of equal ones the first of the list, which is sorted by ID as
    /// the library's choice is. Empty where there is none.
    fn best_id(&self, best: &lm::Status) -> String {
        let rows = self.client.list().unwrap_or_default();
        let found = rows.into_iter().find(|row| row.status == *best);
        found.map_or_else(String::new, |row| row.activation_id)
    }

    pub(super) fn host_id(&self) -> io::Result<Exit> {
        output::host_id(self.format, self.client.host_id())?;
        Ok(Exit::Done)
    }
}

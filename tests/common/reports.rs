//! What a host application asks its client to report: the list of records, and its health.

use std::ptr;

use lm::ffi::*;

use super::machine::{Failure, Machine, outcome, text};

/// One finding of a report.
#[derive(Debug, Clone)]
pub struct Found {
    pub topic: String,
    pub level: u32,
    pub code: lm_result,
    pub next_step: u32,
    pub text: String,
    pub hint: String,
    pub detail: String,
}

impl Machine {
    /// Activation ID, fulfillment ID and generation of each record.
    pub fn list(&self) -> Vec<(String, String, u64)> {
        self.try_list().expect("a list")
    }

    pub fn try_list(&self) -> Result<Vec<(String, String, u64)>, Failure> {
        self.rows(|row| (text(row.activation_id), text(row.fulfillment_id), row.generation))
    }

    /// Seats in use of an ID, as the list counts them.
    pub fn listed_in_use(&self, id: &str) -> u32 {
        let rows = self.rows(|row| (text(row.activation_id), row.seats_in_use)).expect("a list");
        rows.into_iter().find(|(known, _)| known == id).expect("a row").1
    }

    fn rows<T>(&self, of: impl Fn(&lm_record_info) -> T) -> Result<Vec<T>, Failure> {
        let mut list = ptr::null_mut();
        // SAFETY: a client that lives, a place for the list.
        outcome(|error| unsafe { lm_list_open(self.client, &raw mut list, error) })?;
        // SAFETY: a list that lives.
        let length = unsafe { lm_list_len(list) };
        let rows = (0..length).map(|index| {
            // SAFETY: all zero is a struct of numbers and NULL pointers.
            let mut row: lm_record_info = unsafe { std::mem::zeroed() };
            row.struct_size = size_of::<lm_record_info>();
            // SAFETY: a list that lives, a struct with its size set.
            assert_eq!(unsafe { lm_list_get(list, index, &raw mut row) }, LM_OK);
            of(&row)
        });
        let rows = rows.collect();
        // SAFETY: freed once.
        unsafe { lm_list_free(list) };
        Ok(rows)
    }

    /// What lm_health finds: topic, level, code, next step, text, hint.
    pub fn health(&self, ask_portal: bool) -> Vec<Found> {
        let mut report = ptr::null_mut();
        // SAFETY: a client that lives, a place for the report.
        outcome(|error| unsafe {
            lm_health(self.client, u32::from(ask_portal), &raw mut report, error)
        })
        .expect("a report");
        // SAFETY: a report that lives.
        let length = unsafe { lm_report_len(report) };
        let found = (0..length).map(|index| {
            // SAFETY: all zero is a struct of numbers and NULL pointers.
            let mut row: lm_finding = unsafe { std::mem::zeroed() };
            row.struct_size = size_of::<lm_finding>();
            // SAFETY: a report that lives, a struct with its size set.
            assert_eq!(unsafe { lm_report_get(report, index, &raw mut row) }, LM_OK);
            Found {
                topic: text(row.topic),
                level: row.level,
                code: row.code,
                next_step: row.next_step,
                text: text(row.text),
                hint: text(row.hint),
                detail: text(row.detail),
            }
        });
        let found = found.collect();
        // SAFETY: freed once.
        unsafe { lm_report_free(report) };
        found
    }
}

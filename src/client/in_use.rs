//! Seats in use: counted at looks, taken out of use by a return.

use std::ops::Range;
use std::time::Duration;

use lm_protocol::{ActivationId, Kind, Operation};
use serde::Serialize;

use super::Client;
use super::store::Draft;
use crate::error::{Code, Error, Result};
use crate::storage::{Holder, Slots, bytes_of};

/// Seats in use as last counted, beside the entries.
#[derive(Default)]
pub(super) struct InUse {
    seats: Vec<u32>,
    /// By the boot clock.
    due: Duration,
}

/// So many holders are counted at every look: it takes some microseconds.
const FEW: u32 = 64;
/// With more, every question walks a list as long as they are many. A hundred times what that takes, by
/// their number squared, passes before they are counted again: a hundredth of a process' time.
const PAUSE: Duration = Duration::from_nanos(300);
/// How many holders an error names.
const HOLDERS_MAX: usize = 64;

impl InUse {
    /// Of the entry with this number.
    pub(super) fn of(&self, entry: usize) -> u32 {
        self.seats.get(entry).copied().unwrap_or(0)
    }

    /// The next look counts.
    pub(super) fn count_anew(&mut self) {
        self.due = Duration::ZERO;
    }
}

impl Client {
    /// Counts, where that is due. `concurrent` stands beside the entries: the IDs of those whose
    /// seats can be checked out. Where it can't be counted, what was counted last stands.
    pub(super) fn count_in_use(&self, last: &mut InUse, concurrent: &[Option<ActivationId>]) {
        let begun = self.ports.clock.boot();
        if begun < last.due {
            return;
        }
        if let Ok(held) = self.counted(concurrent) {
            let holders = held.iter().map(Vec::len).sum::<usize>();
            last.due = begun.saturating_add(pause(u32::try_from(holders).unwrap_or(u32::MAX)));
            last.seats = held.iter().map(|held| sum(held)).collect();
        }
    }

    /// Through a descriptor of its own: this process' seats are in use as all others are.
    fn counted(&self, concurrent: &[Option<ActivationId>]) -> Result<Vec<Vec<Range<u64>>>> {
        if concurrent.iter().all(Option::is_none) {
            return Ok(Vec::new());
        }
        let Some(slots) = self.storage.slots_to_count()? else { return Ok(Vec::new()) };
        if !slots.any_in_use()? {
            return Ok(Vec::new());
        }
        let count = |id: &Option<ActivationId>| match id {
            Some(id) => slots.in_use(bytes_of(&id.to_string())),
            None => Ok(Vec::new()),
        };
        concurrent.iter().map(count).collect()
    }

    /// Who uses seats of these licenses, as an error's detail tells it.
    pub(super) fn in_use_detail(&self, ids: &[ActivationId]) -> String {
        let Ok(Some(mut slots)) = self.storage.slots_to_count() else { return String::new() };
        let holders = ids.iter().flat_map(|id| holders_of(&mut slots, *id));
        detail(&holders.collect::<Vec<_>>())
    }
}

fn holders_of(slots: &mut Slots, id: ActivationId) -> Vec<Holder> {
    slots.holders(bytes_of(&id.to_string())).unwrap_or_default()
}

impl Draft<'_> {
    /// R11: what ends seats takes them, the highest, under the store's lock, and lets them go once
    /// its commit is there. A seat in use refuses it; nothing overrides that.
    ///
    /// Errors: [`Code::InUse`], with who uses them.
    pub(super) fn take_out(&mut self, id: ActivationId, operation: &Operation) -> Result<()> {
        let (facts, _) = self.judge(id);
        let left = match operation {
            Operation::Return { seats: 0, .. } | Operation::Abandon { .. } => 0,
            Operation::Return { seats, .. } => facts.seats.saturating_sub(*seats),
            _ => return Ok(()),
        };
        if facts.kind == Some(Kind::Nl) {
            return Ok(());
        }
        // Without the file nobody holds a seat, and none is made while the store's lock is held.
        let Some(mut slots) = self.slots()? else { return Ok(()) };
        let all = bytes_of(&id.to_string());
        match slots.take_out(all.start + u64::from(left)..all.end) {
            Ok(true) => {
                self.taken.push(slots);
                Ok(())
            }
            Ok(false) => {
                Err(Error::from_code(Code::InUse).with_detail(detail(&holders_of(&mut slots, id))))
            }
            // Nobody can hold one.
            Err(error) if error.code() == Code::Unsupported => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn pause(holders: u32) -> Duration {
    let pairs = holders.saturating_mul(holders);
    if holders <= FEW { Duration::ZERO } else { PAUSE.saturating_mul(pairs) }
}

fn sum(held: &[Range<u64>]) -> u32 {
    let seats = held.iter().map(|bytes| bytes.end - bytes.start).sum::<u64>();
    u32::try_from(seats).unwrap_or(u32::MAX)
}

#[derive(Serialize)]
struct Detail {
    seats_in_use: u64,
    holders: Vec<HolderRow>,
}

#[derive(Serialize)]
struct HolderRow {
    seats: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    program: Option<String>,
}

fn detail(holders: &[Holder]) -> String {
    let row = |holder: &Holder| {
        let (pid, program) = holder.process.clone().unzip();
        HolderRow { seats: holder.seats, pid, program }
    };
    let detail = Detail {
        seats_in_use: holders.iter().map(|holder| holder.seats).sum(),
        holders: holders.iter().take(HOLDERS_MAX).map(row).collect(),
    };
    serde_json::to_string(&detail).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_are_counted_the_less_often() {
        assert_eq!([0, 1, FEW].map(pause), [Duration::ZERO; 3]);
        assert_eq!(pause(1000), Duration::from_millis(300));
        assert!(pause(u32::MAX) < Duration::from_secs(3600), "and once in a while for certain");
    }

    #[test]
    fn holders_are_told_as_json_as_far_as_they_are_known() {
        let holders = [
            Holder { seats: 2, process: Some((7, "g\"is".to_owned())) },
            Holder { seats: 1, process: None },
        ];
        assert_eq!(
            detail(&holders),
            r#"{"seats_in_use":3,"holders":[{"seats":2,"pid":7,"program":"g\"is"},{"seats":1}]}"#
        );
        let many = vec![Holder { seats: 1, process: None }; 1000];
        let told: serde_json::Value = serde_json::from_str(&detail(&many)).unwrap();
        assert_eq!(told["seats_in_use"], 1000);
        assert_eq!(told["holders"].as_array().map(Vec::len), Some(HOLDERS_MAX));
    }
}

//! Machine and portal agree, or an operation is pending that explains why not. A seat that an honest
//! machine holds at the portal without knowing it would be stranded; one that it believes to have
//! would be a second user's.

use std::sync::Arc;

use lm::storage::State;

use super::books::HeldRow;
use super::{Entry, examine};
use crate::locked;
use crate::machine::Place;
use crate::world::World;

impl World {
    /// Judges every honest host while nothing is under way.
    pub(crate) fn judge_agreement(self: &Arc<Self>) {
        if locked(&self.judge).restored {
            // What the portal has forgotten it is told at the next contact.
            return self.judge_stores();
        }
        for machine in self.machines.iter().filter(|machine| machine.is_used()) {
            let host = self.host_of(machine.number);
            let judge = locked(&self.judge);
            let tampered = machine.all_places().any(|place| judge.is_tampered(place));
            let honest = !tampered && !judge.is_disturbed(host);
            drop(judge);
            if honest {
                self.judge_host_at(machine.all_places(), host);
            }
        }
    }

    fn judge_stores(self: &Arc<Self>) {
        for place in self.places() {
            let tampered = locked(&self.judge).is_tampered(place);
            let store = if tampered { None } else { examine(self, place) };
            let state = store.map(|store| store.state);
            if !matches!(state, None | Some(State::Absent | State::Sound)) {
                self.accuse("an honest store is trusted", || format!("{place} is {state:?}"));
            }
        }
    }

    fn judge_host_at(self: &Arc<Self>, places: impl Iterator<Item = Place>, host: usize) {
        let live: Vec<HeldRow> = {
            let judge = locked(&self.judge);
            let own = |held: &&HeldRow| judge.owner(&held.fulfillment) == Some(host);
            judge.books.live.iter().filter(own).cloned().collect()
        };
        let mut known = Vec::new();
        for place in places {
            let Some(store) = examine(self, place) else {
                return self
                    .accuse("an honest store is trusted", || format!("{place}: unreadable"));
            };
            if !matches!(store.state, State::Absent | State::Sound) {
                let state = store.state;
                self.accuse("an honest store is trusted", || format!("{place} is {state:?}"));
            }
            if let Some(wrong) = store.entries.iter().find_map(|entry| disagrees(entry, &live)) {
                self.accuse("agreement", || format!("{place}: {wrong}"));
            }
            known.extend(store.entries.iter().cloned());
        }
        for held in &live {
            if !known.iter().any(|entry| explains(entry, held)) {
                self.accuse("no seat is stranded", || {
                    format!("host {host} holds {held:?} and doesn't know it: {known:?}")
                });
            }
        }
    }
}

/// Whether a record says other things than the portal, with nothing pending that would tell it.
fn disagrees(entry: &Entry, live: &[HeldRow]) -> Option<String> {
    let record = entry.record.as_ref()?;
    let held = live.iter().find(|held| held.fulfillment == record.fulfillment_id)?;
    let generation = i64::try_from(record.generation).unwrap_or(i64::MAX);
    let same = held.generation == generation && held.seats == i64::from(record.seats);
    // What is pending made one more, and the operation whose place a return took another.
    let ahead = held.generation - generation;
    let by_pending = entry.pending.is_some() && (1..=2).contains(&ahead);
    let orphan = entry.orphaned.then(|| format!("{held:?} stands and is an orphan here"));
    let differs = (!same && !by_pending)
        .then(|| format!("{held:?} is here generation {generation}, {} seats", record.seats));
    orphan.or(differs)
}

/// Whether a store knows of what it holds, or will be told.
fn explains(entry: &Entry, held: &HeldRow) -> bool {
    let known =
        entry.record.as_ref().is_some_and(|record| record.fulfillment_id == held.fulfillment);
    entry.id == held.id && (known || entry.pending.is_some())
}

//! The client: what a call makes of the store, what is sent, what an answer makes of the store.

mod apply;
mod call;
mod slots;
mod store;

pub use apply::{apply, apply_file};
pub use call::{Call, call, calls, give_up, retry_anew, unwritten};
pub use slots::{check_in, crash, finish_checkout, lock};
pub use store::{raise, raised};

use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Ask, PlaceIndex, Slot, World};

/// Seats that the record of a place gives now. Clocks are as wrong as they may be: a copy works
/// until the end of grace and the tolerance.
#[must_use]
pub fn usable(set: &Setting<'_>, world: &World, at: PlaceIndex) -> u8 {
    let place = &world.places[at];
    let Some(entry) = place.entry() else { return 0 };
    let Some(record) = &entry.record else { return 0 };
    let trusted = !entry.restored
        && (!place.is_broken() || !set.has(Rule::RestoreBreak))
        && (record.host == place.host || !set.has(Rule::HostBound));
    let in_time = world.now <= set.bounds.reach(record.until) && !entry.too_late;
    if !trusted || !in_time || entry.orphaned.is_some() {
        return 0;
    }
    match entry.pending.map(|pending| pending.request.ask) {
        Some(Ask::Return(0)) if set.has(Rule::UseStops) => 0,
        Some(Ask::Return(seats)) if set.has(Rule::UseStops) => record.seats - seats,
        _ => record.seats,
    }
}

/// Seats that are in use at a place, as the worst of its processes has it.
#[must_use]
pub fn in_use(set: &Setting<'_>, world: &World, at: PlaceIndex) -> u8 {
    let place = &world.places[at];
    let usable = usable(set, world, at);
    let beyond = place.slots.iter().skip(usize::from(usable)).filter(|slot| **slot == Slot::Kept);
    let checked_out = usable + u8::try_from(beyond.count()).unwrap_or(0);
    checked_out.max(place.table)
}

/// Whether what another process believes is no more than what the store gives.
#[must_use]
pub fn is_fresh(set: &Setting<'_>, world: &World, at: PlaceIndex) -> bool {
    world.places[at].table <= usable(set, world, at)
}

/// Another process looks at the store.
pub fn look(set: &Setting<'_>, world: &mut World, at: PlaceIndex) {
    world.places[at].table = usable(set, world, at);
}

/// What only time or the portal has ended is noticed by each process within 100 ms, far less than a
/// step. What a return ends is not taken for granted here: rule 3 and the slots see to it.
pub fn notice(set: &Setting<'_>, world: &mut World, at: PlaceIndex) {
    let usable = usable(set, world, at);
    let place = &mut world.places[at];
    place.table = place.table.min(usable);
    for slot in place.slots.iter_mut().skip(usize::from(usable)) {
        if *slot == Slot::Kept {
            *slot = Slot::Free;
        }
    }
}

/// Sends what is pending: rules 1 and 3. `false`: it may not be sent yet, or was already.
pub fn send(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    leave(set, world, at, set.has(Rule::FreshnessWait))
}

/// Writes the request file of what is pending: the same bytes, on their way as if they were sent.
pub fn give_out(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    leave(set, world, at, set.has(Rule::FileWaits))
}

fn leave(set: &Setting<'_>, world: &mut World, at: PlaceIndex, waits: bool) -> bool {
    if world.places[at].pending().is_none() {
        return false;
    }
    // Whoever resumes opens the store, and marks it where it was restored.
    let marked = store::mark(set, world, at);
    let Some(pending) = world.places[at].pending() else { return marked };
    let request = pending.request;
    let anchored = raised(&world.places[at]) || !set.has(Rule::AnchorsFirst);
    let stops = matches!(request.ask, Ask::Return(_) | Ask::Abandon(_));
    let fresh = !stops || is_fresh(set, world, at) || !waits;
    if !anchored || !fresh || world.requests.contains(&request) {
        return marked;
    }
    world.send(request);
    true
}

//! The calls: what each of them does in each state, by the table that users rely on.

use super::{look, store};
use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Ask, Entry, Op, Pending, Place, PlaceIndex, Record, Request, Slot, World};

/// A call of the library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Hold so many seats in total.
    Activate(u8),
    /// Give so many back; 0: all.
    Return(u8),
    /// A new lease.
    Refresh,
    /// Repair.
    Repair,
    /// Remove, or return of an orphan: the entry goes, nothing is asked.
    Clean,
}

/// All calls that may do something within the bounds.
#[must_use]
pub fn calls(most: u8) -> Vec<Call> {
    let mut calls = vec![Call::Return(0), Call::Refresh, Call::Repair, Call::Clean];
    calls.extend((1..=most).map(Call::Activate));
    calls.extend((1..most).map(Call::Return));
    calls
}

/// A call: its intent becomes durable. `false`: it does nothing here.
pub fn call(set: &Setting<'_>, world: &mut World, at: PlaceIndex, call: Call) -> bool {
    let Some(step) = decide(set, &world.places[at], call) else { return false };
    if let Step::Ask(ask) = step
        && is_held(set, &world.places[at], ask)
    {
        set.hit(Event::InUse);
        return false;
    }
    second_store(world, at);
    store::birth(set, world, at);
    store::begin(set, world, at);
    match step {
        Step::Clean => {
            set.hit(Event::Clean);
            forgotten_end(world, at);
            if let Some(store) = &mut world.places[at].store {
                store.entry = None;
            }
        }
        Step::Ask(ask) => intend(set, world, at, ask),
    }
    store::end(set, world, at);
    if !set.bounds.fine {
        look(set, world, at);
        super::send(set, world, at);
    }
    true
}

/// Rule 1 left out: the message goes out and the machine dies before the intent is written.
pub fn unwritten(set: &Setting<'_>, world: &mut World, at: PlaceIndex, call: Call) -> bool {
    let Some(Step::Ask(ask)) = decide(set, &world.places[at], call) else { return false };
    let request = request(&mut world.places[at], at, ask, None);
    world.send(request);
    true
}

/// Rule 6 left out: a retry is a new operation that asks the same.
pub fn retry_anew(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let Some(pending) = world.places[at].pending().copied() else { return false };
    if !world.requests.contains(&pending.request) {
        return false;
    }
    let displaced = pending.request.unanswered;
    let request = request(&mut world.places[at], at, pending.request.ask, displaced);
    if let Some(entry) = entry_mut(&mut world.places[at]) {
        entry.pending = Some(Pending { request, ..pending });
    }
    store::end(set, world, at);
    super::send(set, world, at)
}

/// Another thread ends a call, or its time is over, whatever it waits for: as if its reply were lost.
/// `false`: what is pending stays so, and nothing has changed.
pub fn give_up(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    if world.places[at].pending().is_none() {
        return false;
    }
    set.hit(Event::GivenUp);
    if set.has(Rule::KeepsPending) {
        return false;
    }
    if let Some(store) = &mut world.places[at].store {
        let entry = store.entry.filter(|entry| entry.record.is_some());
        store.entry = entry.map(|entry| Entry { pending: None, ..entry });
    }
    store::end(set, world, at);
    true
}

enum Step {
    Ask(Ask),
    Clean,
}

/// What a call does in this state. Operations that are finished first are steps of their own.
fn decide(set: &Setting<'_>, place: &Place, call: Call) -> Option<Step> {
    let entry = place.entry();
    let pending = entry.and_then(|entry| entry.pending);
    if let Some(pending) = pending.filter(|_| set.has(Rule::OneOutstanding)) {
        return beside(set, entry?, pending.request.ask, call);
    }
    let Some((entry, record)) = entry.and_then(|entry| Some((entry, entry.record?))) else {
        return match call {
            Call::Activate(total) => Some(Step::Ask(Ask::Activate(total))),
            _ => None,
        };
    };
    let foreign = record.host != place.host;
    let distrusted = entry.restored || place.is_broken();
    let library = set.bounds.as_the_library;
    let step = match call {
        Call::Activate(total) if entry.orphaned.is_some() || foreign => Ask::Activate(total),
        Call::Activate(total) if distrusted || entry.too_late => Ask::Reattach(total),
        Call::Activate(total) if total > record.seats => Ask::More(total),
        Call::Repair if library => Ask::Repair,
        Call::Repair if (distrusted || entry.too_late) && entry.orphaned.is_none() && !foreign => {
            Ask::Repair
        }
        Call::Refresh if entry.orphaned.is_none() || library => Ask::Refresh,
        Call::Return(seats) if entry.orphaned.is_none() => returning(&record, seats)?,
        Call::Clean if entry.orphaned.is_some() || foreign => return Some(Step::Clean),
        _ => return None,
    };
    Some(Step::Ask(step))
}

/// Rule 8: what may be done while an operation is outstanding.
fn beside(set: &Setting<'_>, entry: &Entry, outstanding: Ask, call: Call) -> Option<Step> {
    let displaced = match outstanding {
        Ask::Refresh | Ask::More(_) | Ask::Repair => true,
        Ask::Reattach(_) => !set.bounds.as_the_library,
        _ => false,
    };
    match (outstanding, call, entry.record) {
        (Ask::Activate(_), Call::Return(0), None) => {
            Some(Step::Ask(Ask::Abandon(entry.pending?.request.op)))
        }
        (_, Call::Return(seats), Some(record)) if displaced && entry.orphaned.is_none() => {
            returning(&record, seats).map(Step::Ask)
        }
        // What is orphaned holds no seat, whatever is asked about it.
        (_, Call::Clean, Some(_)) if displaced && entry.orphaned.is_some() => Some(Step::Clean),
        _ => None,
    }
}

fn returning(record: &Record, seats: u8) -> Option<Ask> {
    (seats < record.seats).then_some(Ask::Return(seats))
}

/// A return takes the bytes of its seats, under the store's lock: a held one refuses it.
fn is_held(set: &Setting<'_>, place: &Place, ask: Ask) -> bool {
    let (Ask::Return(seats), Some(record)) = (ask, place.record()) else { return false };
    let (all, seats) = (usize::from(record.seats), usize::from(seats));
    let bytes = if seats == 0 {
        0..all
    } else if set.has(Rule::HighBytes) {
        all - seats..all
    } else {
        0..seats
    };
    place.slots.iter().take(bytes.end).skip(bytes.start).any(|slot| match slot {
        Slot::Free => false,
        Slot::Locked => set.has(Rule::LockThenRead),
        Slot::Kept => true,
    })
}

/// An orphan is cleaned while something is asked about it. A restored portal that has forgotten what
/// ended it may grant that, and then holds a seat for nobody: until a person repeats the end, as
/// `restore` asks for.
fn forgotten_end(world: &mut World, at: PlaceIndex) {
    let place = &world.places[at];
    if place.pending().is_some() && world.ghost.portal_restored {
        world.ghost.disturbed |= 1 << place.host;
    }
}

/// The judgment knows of holders with two stores.
fn second_store(world: &mut World, at: PlaceIndex) {
    let host = world.places[at].host;
    let others = world
        .places
        .iter()
        .enumerate()
        .any(|(other, place)| other != at && place.host == host && place.store.is_some());
    if others {
        world.ghost.disturbed |= 1 << host;
    }
}

fn intend(set: &Setting<'_>, world: &mut World, at: PlaceIndex, ask: Ask) {
    set.hit(match ask {
        Ask::Activate(_) => Event::Activate,
        Ask::Reattach(_) => Event::Reattach,
        Ask::Repair => Event::Repair,
        Ask::More(_) => Event::More,
        Ask::Abandon(_) => Event::Abandon,
        Ask::Return(0) => Event::ReturnAll,
        Ask::Return(_) => Event::ReturnSome,
        Ask::Refresh => Event::Refresh,
    });
    let place = &mut world.places[at];
    let before = place.pending().map(|pending| pending.request);
    let displaced = match ask {
        Ask::Return(_) if set.has(Rule::OneOutstanding) => before,
        _ => None,
    };
    if displaced.is_some() {
        set.hit(Event::ReturnInPlace);
    }
    let request = request(place, at, ask, displaced.map(|request| request.op));
    let pending = Some(Pending { request, displaced, marked: false });
    match entry_mut(place) {
        Some(entry) => entry.pending = pending,
        None => {
            if let Some(store) = &mut place.store {
                store.entry = Some(Entry {
                    record: None,
                    restored: false,
                    orphaned: None,
                    too_late: false,
                    pending,
                    began: 0,
                });
            }
        }
    }
}

/// A restored portal has forgotten the operation: a return or an abandon is made anew, and stays one.
pub(super) fn ask_anew(world: &mut World, at: PlaceIndex, pending: &Pending) {
    let ask = pending.request.ask;
    let request = request(&mut world.places[at], at, ask, pending.request.unanswered);
    let again = Some(Pending { request, ..*pending });
    let Some(store) = &mut world.places[at].store else { return };
    match &mut store.entry {
        Some(entry) => entry.pending = again,
        none => {
            *none = Some(Entry {
                record: None,
                restored: false,
                orphaned: None,
                too_late: false,
                pending: again,
                began: 0,
            });
        }
    }
}

fn entry_mut(place: &mut Place) -> Option<&mut Entry> {
    place.store.as_mut()?.entry.as_mut()
}

/// Makes a request: once, the same bytes at every try.
fn request(place: &mut Place, at: PlaceIndex, ask: Ask, unanswered: Option<Op>) -> Request {
    let op = Op::new(at, place.ops);
    place.ops += 1;
    let record = match ask {
        Ask::Activate(_) | Ask::Abandon(_) => None,
        _ => place.record().copied(),
    };
    let key = match (ask, record) {
        (Ask::Abandon(activate), _) => activate,
        (_, Some(record)) => record.key,
        (_, None) => op,
    };
    let epoch = place.store.as_ref().and_then(|store| store.epoch);
    Request { op, ask, host: place.host, record, unanswered, key, epoch }
}

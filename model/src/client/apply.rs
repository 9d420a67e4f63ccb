//! An answer becomes the state. Rule 5: only the answer to the pending operation is accepted.

use super::store;
use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{
    Answer, Ask, Entry, Pending, PlaceIndex, Reason, Record, Refusal, ResponseFile, Time, Verdict,
    World,
};

/// Applies an answer. `false`: it is none of this store's.
pub fn apply(set: &Setting<'_>, world: &mut World, at: PlaceIndex, answer: &Answer) -> bool {
    let Some(pending) = accepted(set, world, at, answer) else { return false };
    if answer.older {
        set.hit(Event::OlderApplied);
    }
    store::begin(set, world, at);
    // The mark of this very commit counts too.
    let pending = world.places[at].pending().copied().unwrap_or(pending);
    let now = world.now;
    let worked = super::usable(set, world, at) > 0;
    if let Some(store) = &mut world.places[at].store {
        store.epoch = store.epoch.max(Some(answer.epoch));
        let before = store.entry;
        store.entry = decide(set, before, &pending, answer.verdict, (now, worked));
    }
    if let (Verdict::Denied(Refusal::PortalRestored), Ask::Return(_) | Ask::Abandon(_)) =
        (answer.verdict, pending.request.ask)
    {
        set.hit(Event::AskedAnew);
        super::call::ask_anew(world, at, &pending);
    }
    store::end(set, world, at);
    super::notice(set, world, at);
    true
}

/// A response file is applied: this machine's part of it. `false`: it has none.
pub fn apply_file(
    set: &Setting<'_>,
    world: &mut World,
    at: PlaceIndex,
    file: ResponseFile,
) -> bool {
    let Some(pending) = world.places[at].pending().map(|pending| pending.request.op) else {
        return false;
    };
    let part = if set.has(Rule::OwnPart) {
        file.answers().find(|answer| answer.op == pending)
    } else {
        file.answers().next().map(|answer| Answer { op: pending, ..answer })
    };
    set.hit(if part.is_some() { Event::FileApplied } else { Event::FileOfOthers });
    part.is_some_and(|answer| apply(set, world, at, &answer))
}

/// The pending operation that this answers.
fn accepted(set: &Setting<'_>, world: &World, at: PlaceIndex, answer: &Answer) -> Option<Pending> {
    let pending = world.places[at].pending().copied();
    if answer.older && !set.has(Rule::OlderApplied) {
        return None;
    }
    if let Some(pending) = pending.filter(|pending| pending.request.op == answer.op) {
        return Some(pending);
    }
    let Verdict::Granted(record) = answer.verdict else { return None };
    let another = !set.has(Rule::OnlyPending)
        && answer.op.place() == at
        && world.places[at].store.is_some()
        && world.places[at].record() != Some(&record);
    another.then_some(Pending {
        request: crate::state::Request {
            op: answer.op,
            ask: Ask::Activate(record.seats),
            host: record.host,
            record: None,
            unanswered: None,
            key: record.key,
            epoch: None,
        },
        displaced: None,
        marked: false,
    })
}

fn decide(
    set: &Setting<'_>,
    entry: Option<Entry>,
    pending: &Pending,
    verdict: Verdict,
    when: (Time, bool),
) -> Option<Entry> {
    let entry = entry.map(|entry| Entry { pending: None, ..entry });
    match verdict {
        Verdict::Granted(record) => Some(granted(set, entry, pending, record, when)),
        Verdict::Returned | Verdict::Abandoned => None,
        Verdict::Denied(_) => denied(set, entry, pending),
        Verdict::Stale => stale(set, entry, pending.request.ask),
        Verdict::Obsolete(reason) => obsolete(set, entry, pending.request.ask, reason),
    }
}

fn granted(
    set: &Setting<'_>,
    entry: Option<Entry>,
    pending: &Pending,
    record: Record,
    (now, worked): (Time, bool),
) -> Entry {
    let too_late = now > record.apply_by && set.has(Rule::ApplyBy);
    set.hit(if now > record.apply_by { Event::ApplyLate } else { Event::Apply });
    let restored = pending.marked && set.has(Rule::MarkCoversPending);
    let was = entry.is_some_and(|entry| entry.restored);
    if restored {
        set.hit(Event::KeptMark);
    } else if was {
        set.hit(Event::Healed);
    }
    let same = |entry: &Entry| entry.record.is_some_and(|old| old.fid == record.fid);
    let began = entry.filter(|entry| worked && same(entry)).map_or(now, |entry| entry.began);
    Entry { record: Some(record), restored, orphaned: None, too_late, pending: None, began }
}

/// As it was before the operation; a first activate leaves nothing.
fn denied(set: &Setting<'_>, entry: Option<Entry>, pending: &Pending) -> Option<Entry> {
    set.hit(Event::Denied);
    let entry = entry.filter(|entry| entry.record.is_some())?;
    let displaced = pending.displaced.filter(|_| set.has(Rule::DeniedGivesBack));
    let back =
        displaced.map(|request| Pending { request, displaced: None, marked: pending.marked });
    if back.is_some() {
        set.hit(Event::DeniedBack);
    }
    Some(Entry { pending: back, ..entry })
}

fn stale(set: &Setting<'_>, entry: Option<Entry>, ask: Ask) -> Option<Entry> {
    let entry = entry.filter(|entry| entry.record.is_some())?;
    match ask {
        Ask::Abandon(_) => None,
        // A stored grant that is true no more says nothing against the record that is here.
        Ask::Activate(_) | Ask::Reattach(_) => Some(entry),
        Ask::More(_) | Ask::Return(_) | Ask::Refresh | Ask::Repair => {
            set.hit(Event::ToldStale);
            Some(Entry { restored: true, ..entry })
        }
    }
}

fn obsolete(set: &Setting<'_>, entry: Option<Entry>, ask: Ask, reason: Reason) -> Option<Entry> {
    let entry = entry.filter(|entry| entry.record.is_some())?;
    match ask {
        Ask::Return(_) | Ask::Abandon(_) => None,
        Ask::Activate(_) => Some(entry),
        Ask::More(_) | Ask::Refresh | Ask::Repair | Ask::Reattach(_) => {
            set.hit(Event::Orphaned);
            Some(Entry { orphaned: Some(reason), ..entry })
        }
    }
}

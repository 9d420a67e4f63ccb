//! The machines' side: what a store holds must be what calls and answers make of what it held.

use super::{Place, Replay};
use crate::client::{self, Call};
use crate::setting::{Bounds, Setting};
use crate::state::{
    Anchor, Answer, Ask, Entry, Host, Op, Pending, Place as Machine, Record, Request, Store,
    Verdict, World,
};

/// A store, as it was found.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// What it holds of this activation ID.
    pub entry: Option<Entry>,
    /// Somebody may have put this store back, lost it, or copied another one to it.
    pub touched: bool,
    /// The license may be removed without a word to the portal: its term is over, or the host is not
    /// its own.
    pub removable: bool,
}

/// How many steps may have come between two looks at a store.
const DEEPEST: usize = 8;

impl Replay {
    /// An answer was handed to a machine. Whether it takes it is seen by its store.
    pub fn handed(&mut self, place: Place, answer: Answer) {
        // What the portal has never given is nobody's answer.
        let given = self.given.contains(&(answer.op, answer.verdict));
        let handed = self.handed.entry(place).or_default();
        if given && !handed.contains(&answer) {
            handed.push(answer);
        }
    }

    /// A store was looked at.
    ///
    /// # Errors
    /// What it held before, where nothing that the model knows leads to what it holds now.
    pub fn seen(&mut self, place: Place, seen: &Seen) -> Result<(), String> {
        let before = self.stores.get(&place).copied();
        let back = |kept: &Entry| seen.entry.is_some_and(|entry| alike(kept, &entry));
        let put_back = seen.touched && (seen.entry.is_none() || self.kept.iter().any(back));
        if !put_back && !self.leads(place, before, seen, DEEPEST) {
            return Err(format!(
                "a store held {before:?} and holds {:?} now; handed to it were {:?}",
                seen.entry,
                self.handed.get(&place)
            ));
        }
        self.keep(place, seen.entry);
        Ok(())
    }

    /// The record that a store held when it was last looked at.
    #[must_use]
    pub fn held(&self, place: Place) -> Option<&Record> {
        self.stores.get(&place)?.record.as_ref()
    }

    /// A request has left a machine: its operation was made there.
    pub fn sent(&mut self, place: Place, request: Request) {
        self.sent.entry(place).or_default().push(request);
    }

    fn keep(&mut self, place: Place, entry: Option<Entry>) {
        let sent = self.sent.remove(&place).unwrap_or_default();
        self.made.extend(sent.iter().map(|request| request.op));
        let Some(entry) = entry else {
            self.stores.remove(&place);
            return;
        };
        self.made.extend(operations(&entry).map(|request| request.op));
        if !self.kept.contains(&entry) {
            self.kept.push(entry);
        }
        self.stores.insert(place, entry);
    }

    /// Whether a few steps of the model lead from one state of a store to another.
    fn leads(&self, place: Place, from: Option<Entry>, seen: &Seen, steps: usize) -> bool {
        if is_now(from, seen.entry) {
            return true;
        }
        if steps == 0 {
            return false;
        }
        let next = self.taken(place, from, seen).into_iter();
        let next = next.chain(self.called(place, from, seen)).chain(cleaned(from, seen));
        let next: Vec<_> = next.filter(|next| *next != from).collect();
        next.into_iter().any(|next| self.leads(place, next, seen, steps - 1))
    }

    /// What the answers make of it that were handed to this place.
    fn taken(&self, place: Place, from: Option<Entry>, seen: &Seen) -> Vec<Option<Entry>> {
        let Some(pending) = from.and_then(|entry| entry.pending) else { return Vec::new() };
        let handed = self.handed.get(&place).into_iter().flatten();
        let mut next = Vec::new();
        for answer in handed.filter(|answer| answer.op == pending.request.op) {
            // A return that a restored portal has forgotten becomes a new one in the same commit.
            let anew = seen.entry.and_then(|entry| entry.pending).map(|pending| pending.request);
            let host = anew.map_or(pending.request.host, |request| request.host);
            let (bounds, mut world) = self.machine(from, host, anew.as_ref());
            let set = Setting { without: None, bounds: &bounds, cover: None };
            client::apply(&set, &mut world, 0, answer);
            next.push(world.places[0].entry().copied());
            next.extend(of_another(from, answer.verdict).map(Some));
        }
        next
    }

    /// What calls make of it that made an operation which is seen for the first time.
    fn called(&self, place: Place, from: Option<Entry>, seen: &Seen) -> Vec<Option<Entry>> {
        let sent = self.sent.get(&place).into_iter().flatten().copied();
        let new = seen.entry.iter().flat_map(operations).chain(sent);
        let new = new.filter(|request| !self.made.contains(&request.op));
        new.flat_map(|request| self.intended(from, request)).collect()
    }

    fn intended(&self, from: Option<Entry>, request: Request) -> Vec<Option<Entry>> {
        let call = match request.ask {
            Ask::Activate(total) | Ask::Reattach(total) | Ask::More(total) => Call::Activate(total),
            Ask::Abandon(_) => Call::Return(0),
            Ask::Return(seats) => Call::Return(seats),
            Ask::Refresh => Call::Refresh,
            Ask::Repair => Call::Repair,
        };
        let mut made = Vec::new();
        for appearance in appearances(from, request.ask) {
            let (bounds, mut world) = self.machine(appearance, request.host, Some(&request));
            let set = Setting { without: None, bounds: &bounds, cover: None };
            let done = client::call(&set, &mut world, 0, call);
            let made_it = world.places[0].pending().filter(|pending| pending.request == request);
            if let Some(pending) = made_it.copied().filter(|_| done) {
                let fresh = world.places[0].entry().copied();
                made.push(from.or(fresh).map(|entry| Entry { pending: Some(pending), ..entry }));
            }
        }
        made
    }

    /// A machine with this entry, about to make this operation.
    fn machine(&self, entry: Option<Entry>, host: Host, next: Option<&Request>) -> (Bounds, World) {
        let mut world = self.world.clone();
        let id = Op::new(Op::OUTSIDE, 0);
        let epoch = next.and_then(|request| request.epoch);
        let ops = next.map_or(0, |request| request.op.0 & Op::NUMBERS);
        world.places = vec![Machine {
            host,
            store: Some(Store { id, generation: 1, epoch, entry }),
            anchor: Some(Anchor { id, generation: 1 }),
            ops,
            ..world.places[0].clone()
        }];
        (self.bounds.clone(), world)
    }
}

/// The operations that an entry knows of.
fn operations(entry: &Entry) -> impl Iterator<Item = Request> + use<> {
    let pending = entry.pending;
    pending.into_iter().flat_map(|pending| pending.displaced.into_iter().chain([pending.request]))
}

/// An entry as a call may see it: clocks and hosts break trust and mend it, and what a call asks
/// depends on that. The model is shown each; nothing but the operation is taken from there.
fn appearances(entry: Option<Entry>, ask: Ask) -> Vec<Option<Entry>> {
    let Some(entry) = entry else { return vec![None] };
    match (ask, entry.record) {
        // It shows no record: to this host it is another's, or it is an orphan.
        (Ask::Activate(_), Some(record)) => {
            let foreign = Some(Record { host: Host::MAX, ..record });
            vec![Some(Entry { record: foreign, ..entry }), Some(entry)]
        }
        _ => [false, true]
            .map(|ails| Some(Entry { restored: ails, too_late: ails, ..entry }))
            .to_vec(),
    }
}

/// A re-attach may be told of another fulfillment than the one whose record is here: that one stays
/// as it was, or is told so too.
fn of_another(entry: Option<Entry>, verdict: Verdict) -> Option<Entry> {
    let entry = entry.filter(|entry| entry.record.is_some())?;
    match (entry.pending?.request.ask, verdict) {
        (Ask::Reattach(_), Verdict::Obsolete(_)) => Some(Entry { pending: None, ..entry }),
        (Ask::Activate(_), Verdict::Obsolete(reason)) => {
            Some(Entry { pending: None, orphaned: Some(reason), ..entry })
        }
        _ => None,
    }
}

/// An entry that is removed without a word to the portal.
fn cleaned(entry: Option<Entry>, seen: &Seen) -> Option<Option<Entry>> {
    let entry = entry?;
    let free = |pending: &Pending| {
        matches!(pending.request.ask, Ask::Refresh | Ask::More(_) | Ask::Repair)
    };
    let orphan = entry.orphaned.is_some() && entry.pending.as_ref().is_none_or(free);
    let removable = seen.removable && entry.pending.is_none() && entry.record.is_some();
    (orphan || removable).then_some(None)
}

/// Whether the model's state of a store is the real one.
fn is_now(model: Option<Entry>, real: Option<Entry>) -> bool {
    match (model, real) {
        (None, None) => true,
        // A mark may be set by whoever looks; only a grant clears it.
        (Some(model), Some(real)) => alike(&model, &real) && (real.restored || !model.restored),
        _ => false,
    }
}

/// Whether two entries are the same, save for what clocks and anchors say of them.
fn alike(one: &Entry, other: &Entry) -> bool {
    let asked = |entry: &Entry| entry.pending.map(|pending| pending.request);
    let displaced =
        |entry: &Entry| entry.pending.and_then(|pending| pending.displaced.map(|it| it.op));
    one.record == other.record
        && one.orphaned.is_some() == other.orphaned.is_some()
        && asked(one) == asked(other)
        && displaced(one) == displaced(other)
}

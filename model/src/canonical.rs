//! One form for all worlds that no observer can tell apart: fewer states, the same behavior.
//!
//! Generations of stores are only ever compared, so they are renumbered in order. A message that
//! nobody can use any more, and what the portal remembers only for its sake, is forgotten.

use crate::rules::Rule;
use crate::setting::{Budget, Setting};
use crate::state::{Ask, Op, Place, Request, ResponseFile, Store, Verdict, World};

/// Brings a world into its form.
pub(crate) fn canonical(set: &Setting<'_>, world: &mut World) {
    renumber(world);
    let sound =
        [Rule::OnlyPending, Rule::StoredAnswer, Rule::OwnPart].iter().all(|rule| set.has(*rule));
    if sound {
        forget(set, world);
    }
}

/// Store generations, in order, from 1.
fn renumber(world: &mut World) {
    let mut seen: Vec<(Op, u8)> = Vec::new();
    each_generation(world, |id, generation| seen.push((id, *generation)));
    seen.sort_unstable();
    seen.dedup();
    each_generation(world, |id, generation| {
        let at = seen.binary_search(&(id, *generation)).unwrap_or(0);
        let first = seen.partition_point(|(other, _)| *other < id);
        *generation = u8::try_from(at - first).unwrap_or(u8::MAX) + 1;
    });
}

fn each_generation(world: &mut World, mut visit: impl FnMut(Op, &mut u8)) {
    for place in &mut world.places {
        let (saved, beside) = match &mut place.saved {
            Some((store, anchor)) => (Some(store), anchor.as_mut()),
            None => (None, None),
        };
        for store in place.store.as_mut().into_iter().chain(saved) {
            visit(store.id, &mut store.generation);
        }
        for anchor in place.anchor.as_mut().into_iter().chain(beside) {
            visit(anchor.id, &mut anchor.generation);
        }
    }
}

fn stores(place: &Place) -> impl Iterator<Item = &Store> {
    place.store.iter().chain(place.saved.iter().map(|(store, _)| store))
}

/// Requests that some store, or a backup of one, waits for or would ask again.
fn awaited(world: &World) -> Vec<Request> {
    let entries = world.places.iter().flat_map(stores).filter_map(|store| store.entry.as_ref());
    let pending = entries.filter_map(|entry| entry.pending.as_ref());
    pending.flat_map(|pending| [Some(pending.request), pending.displaced]).flatten().collect()
}

fn forget(set: &Setting<'_>, world: &mut World) {
    let awaited = awaited(world);
    let waits = |op: Op| awaited.iter().any(|request| request.op == op);
    world.answers.retain(|answer| waits(answer.op));
    forget_files(world, waits);
    // A portal that may still be restored may forget what it knows: then an old request counts.
    let restores = world.spent(Budget::PortalRestore) < set.bounds.budget(Budget::PortalRestore);
    if restores {
        return;
    }
    let portal = &world.portal;
    world.requests.retain(|request| waits(request.op) || portal.known(request.op).is_none());
    let speaks_of = |op: Op| {
        world.requests.iter().chain(&awaited).any(|request| {
            request.op == op || request.unanswered == Some(op) || request.ask == Ask::Abandon(op)
        })
    };
    let kept = |op: Op| waits(op) || speaks_of(op);
    let known: Vec<_> = portal.known.iter().copied().filter(|known| kept(known.op)).collect();
    world.portal.known = known;
    forget_fulfillments(world);
}

/// Of a response file only what somebody waits for matters.
fn forget_files(world: &mut World, waits: impl Fn(Op) -> bool) {
    for file in std::mem::take(&mut world.files) {
        let mut answers = file.answers().filter(|answer| waits(answer.op));
        if let Some(first) = answers.next() {
            world.hand_out(ResponseFile(first, answers.next()));
        }
    }
}

/// A fulfillment that is gone matters only while some record or answer still names it.
fn forget_fulfillments(world: &mut World) {
    let mut named = Vec::new();
    for store in world.places.iter().flat_map(stores) {
        let entry = store.entry.as_ref();
        named.extend(entry.and_then(|entry| entry.record).map(|record| record.fid));
    }
    let requests = world.requests.iter().chain(awaited_ref(&world.places));
    named.extend(requests.filter_map(|request| request.record).map(|record| record.fid));
    let granted = world.portal.known.iter().map(|known| known.verdict);
    let in_files = world.files.iter().flat_map(|file| file.answers());
    let answers = world.answers.iter().copied().chain(in_files);
    let answered = answers.map(|answer| Some(answer.verdict));
    named.extend(granted.chain(answered).filter_map(|verdict| match verdict {
        Some(Verdict::Granted(record)) => Some(record.fid),
        _ => None,
    }));
    world.portal.fulfillments.retain(|held| held.gone.is_none() || named.contains(&held.fid));
}

fn awaited_ref(places: &[Place]) -> impl Iterator<Item = &Request> {
    let entries = places.iter().flat_map(stores).filter_map(|store| store.entry.as_ref());
    entries
        .filter_map(|entry| entry.pending.as_ref())
        .flat_map(|pending| std::iter::once(&pending.request).chain(pending.displaced.as_ref()))
}

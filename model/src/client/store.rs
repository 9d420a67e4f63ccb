//! Trusted storage: birth, commit, anchors, the RESTORE mark.

use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Anchor, Op, Place, PlaceIndex, Store, World};

/// Makes a store where there is none. Over a standing anchor it has a new ID and starts above it.
pub(super) fn birth(set: &Setting<'_>, world: &mut World, at: PlaceIndex) {
    let place = &mut world.places[at];
    if place.store.is_some() {
        return;
    }
    let before = place.anchor.map_or(0, |anchor| anchor.generation);
    set.hit(if place.anchor.is_some() { Event::BirthOverAnchor } else { Event::Birth });
    let id = Op::new(at, place.ops);
    let generation = before + 1;
    place.store = Some(Store { id, generation, epoch: None, entry: None });
    place.anchor = Some(Anchor { id, generation });
}

/// A commit begins: anchors are read, and what a restored store holds is marked.
pub(super) fn begin(set: &Setting<'_>, world: &mut World, at: PlaceIndex) {
    let place = &mut world.places[at];
    let broken = place.is_broken() && set.has(Rule::RestoreBreak);
    let Some(entry) = place.store.as_mut().and_then(|store| store.entry.as_mut()) else { return };
    if broken {
        set.hit(Event::Marked);
        entry.restored = entry.record.is_some();
        if let Some(pending) = &mut entry.pending {
            pending.marked = true;
        }
    } else if !set.has(Rule::MarkStays) {
        entry.restored = false;
    }
}

/// A commit ends: the image is durable, above every anchor. The anchors follow in a step of their
/// own, unless steps are coarse.
pub(super) fn end(set: &Setting<'_>, world: &mut World, at: PlaceIndex) {
    let place = &mut world.places[at];
    let highest = place.anchor.map_or(0, |anchor| anchor.generation);
    if let Some(store) = &mut place.store {
        let before = store.generation;
        store.generation = before.max(highest) + 1;
        // Anchors that are behind are raised to the store before it is written.
        if let Some(anchor) = place.anchor.as_mut().filter(|anchor| anchor.id == store.id) {
            anchor.generation = anchor.generation.max(before);
        }
    }
    // An anchor of another store, or none, is replaced with the mark that it has caused.
    let of_this =
        place.anchor.map(|anchor| anchor.id) == place.store.as_ref().map(|store| store.id);
    if !set.bounds.fine || !of_this {
        level(&mut world.places[at]);
    }
}

/// A store that its anchors expose is marked by the first who opens it to do something.
pub(super) fn mark(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let broken = world.places[at].is_broken() && set.has(Rule::RestoreBreak);
    if broken {
        begin(set, world, at);
        end(set, world, at);
    }
    broken
}

/// Raises the anchors. `false`: they stand, or the store is one that they expose.
pub fn raise(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let place = &mut world.places[at];
    if place.is_broken() && set.has(Rule::RestoreBreak) {
        return false;
    }
    level(place)
}

fn level(place: &mut Place) -> bool {
    let Some(store) = &place.store else { return false };
    let raised = Anchor { id: store.id, generation: store.generation };
    let changes = place.anchor != Some(raised);
    place.anchor = Some(raised);
    changes
}

/// Whether the anchors are level with the store.
#[must_use]
pub fn raised(place: &Place) -> bool {
    match (&place.store, &place.anchor) {
        (Some(store), Some(anchor)) => {
            store.id == anchor.id && store.generation == anchor.generation
        }
        _ => false,
    }
}

//! The fair future: everything heals, every message arrives, everyone tries again. From each state
//! it must lead to a quiet one in which no seat is held by nobody and nobody is locked out.

use crate::actions::pass_time;
use crate::client::{self, Call};
use crate::portal;
use crate::setting::{Bounds, Setting};
use crate::state::{Entry, NEVER, PlaceIndex, Refusal, Verdict, Way, World};

/// More rounds than any machine needs.
const ROUNDS: usize = 8;

/// Whether everything drains from here.
pub(crate) fn drains(set: &Setting<'_>, world: &World) -> Result<(), String> {
    let bounds = Bounds { fine: false, ..set.bounds.clone() };
    let set = Setting { bounds: &bounds, cover: None, ..*set };
    let mut world = world.clone();
    world.portal.behind = false;
    for at in 0..world.places.len() {
        client::crash(&mut world, at);
    }
    settle_down(&set, &mut world)?;
    honest_ones_work(&set, &world)?;
    nothing_is_lost(&world)?;
    world.portal.returns = 0;
    everyone_returns(&set, &mut world)?;
    let left = world.portal.fulfillments.clone();
    for held in left.iter().filter(|held| held.gone.is_none()) {
        let disturbed = world.ghost.disturbed & (1 << held.host) != 0;
        if !disturbed && !held.doubtful {
            return Err(format!("{} holds a seat that nobody has", crate::text::host(held.host)));
        }
        portal::rehost(&set, &mut world, held.fid);
    }
    all_is_free(&set, &mut world)?;
    everyone_can_activate(&set, &mut world)
}

/// Everybody finishes what is pending, and mends what can be mended.
fn settle_down(set: &Setting<'_>, world: &mut World) -> Result<(), String> {
    let mut denied = Vec::new();
    for _ in 0..ROUNDS {
        let before = world.clone();
        for at in 0..world.places.len() {
            heal(set, world, at, &mut denied);
        }
        let quiet = world.places.iter().all(|place| place.pending().is_none());
        if quiet && *world == before {
            return Ok(());
        }
    }
    let busy = (0..world.places.len()).find(|at| world.places[*at].pending().is_some());
    Err(format!("{} never comes to rest", crate::text::place(world, busy.unwrap_or_default())))
}

fn heal(set: &Setting<'_>, world: &mut World, at: PlaceIndex, denied: &mut Vec<PlaceIndex>) {
    finish(set, world, at);
    client::call(set, world, at, Call::Clean);
    let place = &world.places[at];
    let ails = |entry: &Entry| entry.restored || entry.too_late || place.is_broken();
    let needs_repair = place.entry().is_some_and(ails) && !denied.contains(&at);
    if needs_repair && client::call(set, world, at, Call::Repair) {
        match finish(set, world, at) {
            // A restored portal refuses what may be of the time before, once.
            Some(Verdict::Granted(_) | Verdict::Denied(Refusal::PortalRestored)) => {}
            _ => denied.push(at),
        }
    }
}

/// Sends what is pending until its answer is applied.
fn finish(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> Option<Verdict> {
    let mut last = None;
    for _ in 0..ROUNDS {
        let Some(pending) = world.places[at].pending().copied() else { break };
        client::send(set, world, at);
        client::raise(set, world, at);
        client::look(set, world, at);
        let answer = portal::receive(set, world, &pending.request, Way::Online);
        client::apply(set, world, at, &answer);
        last = Some(answer.verdict);
    }
    last
}

/// A machine whose store was never disturbed works, if it has a record and its lease is renewed.
fn honest_ones_work(set: &Setting<'_>, world: &World) -> Result<(), String> {
    let mut world = world.clone();
    for at in 0..world.places.len() {
        let disturbed = world.ghost.disturbed & (1 << world.places[at].host) != 0;
        if disturbed || world.places[at].record().is_none() {
            continue;
        }
        // A restored portal refuses the first, which may be of the time before, and not the second.
        for _ in 0..2 {
            client::call(set, &mut world, at, Call::Refresh);
            finish(set, &mut world, at);
        }
        let orphaned = world.places[at].entry().is_some_and(|entry| entry.orphaned.is_some());
        if !orphaned && client::usable(set, &world, at) == 0 {
            return Err(format!("{} is locked out", crate::text::place(&world, at)));
        }
    }
    Ok(())
}

/// Each fulfillment of an honest machine is known to it, as the portal has it.
fn nothing_is_lost(world: &World) -> Result<(), String> {
    for held in world.portal.fulfillments.iter().filter(|held| held.gone.is_none()) {
        let disturbed = world.ghost.disturbed & (1 << held.host) != 0;
        let known = world.places.iter().filter_map(|place| place.record()).any(|record| {
            record.fid == held.fid
                && (record.generation, record.seats, record.key)
                    == (held.generation, held.seats, held.key)
        });
        if !known && !disturbed && !held.doubtful {
            return Err(format!(
                "{} holds {} at the portal and doesn't know it",
                crate::text::host(held.host),
                held.seats
            ));
        }
    }
    Ok(())
}

/// Everyone returns all that it has; an entry stays only where that was refused.
fn everyone_returns(set: &Setting<'_>, world: &mut World) -> Result<(), String> {
    for at in 0..world.places.len() {
        for _ in 0..2 {
            client::call(set, world, at, Call::Return(0));
            finish(set, world, at);
            client::call(set, world, at, Call::Clean);
        }
        if world.places[at].pending().is_some() {
            return Err(format!("{} can't return", crate::text::place(world, at)));
        }
        let disturbed = world.ghost.disturbed & (1 << world.places[at].host) != 0;
        if !disturbed && world.places[at].record().is_some() {
            return Err(format!("{} keeps its record", crate::text::place(world, at)));
        }
    }
    Ok(())
}

/// After the reach of all that was ever signed, each seat is free again.
fn all_is_free(set: &Setting<'_>, world: &mut World) -> Result<(), String> {
    let coolings = world.portal.coolings.iter().map(|cooling| cooling.until);
    let latest = coolings.max().unwrap_or(0);
    if latest == NEVER {
        return Err("a seat cools without end".to_owned());
    }
    let steps = latest.saturating_sub(world.now) + 1;
    pass_time(set, world, steps);
    let portal = &world.portal;
    if portal.fulfilled + portal.cooling + portal.excess > 0 {
        return Err(format!(
            "{} fulfilled, {} cooling, {} in excess remain when all have returned",
            portal.fulfilled, portal.cooling, portal.excess
        ));
    }
    Ok(())
}

/// With all seats free, a new activate works everywhere, until there are no more seats.
fn everyone_can_activate(set: &Setting<'_>, world: &mut World) -> Result<(), String> {
    if !world.portal.active {
        return Ok(());
    }
    for at in 0..world.places.len() {
        let mut alone = world.clone();
        if let Some(store) = &mut alone.places[at].store {
            store.entry = None;
        }
        for _ in 0..2 {
            client::call(set, &mut alone, at, Call::Activate(1));
            finish(set, &mut alone, at);
        }
        if client::usable(set, &alone, at) == 0 {
            return Err(format!("{} can't activate", crate::text::place(&alone, at)));
        }
    }
    Ok(())
}

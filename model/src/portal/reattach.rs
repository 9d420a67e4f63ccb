//! Activate: the same holder re-attaches, another one takes seats.

use super::issue::{self, Grant};
use super::judge::{is_current, not_found};
use super::seats;
use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Ask, Fulfillment, Key, Reason, Refusal, Request, Verdict, World};

pub(super) fn activate(
    set: &Setting<'_>,
    world: &mut World,
    request: &Request,
    total: u8,
) -> Verdict {
    if !world.portal.active {
        set.hit(Event::InactiveId);
        return Verdict::Denied(Refusal::Inactive);
    }
    if let Some(verdict) = about_another(set, world, request) {
        return verdict;
    }
    match own(set, world, request) {
        Some((at, true)) => free(set, world, request, at, total),
        Some((at, false)) => as_repair(set, world, request, at, total),
        None => new(set, world, request, total),
    }
}

/// A re-attach that shows a record is about its fulfillment and no other: where that is gone, it is
/// obsolete, and nothing new is taken.
fn about_another(set: &Setting<'_>, world: &World, request: &Request) -> Option<Verdict> {
    let own_only = set.has(Rule::OwnFulfillment) && !set.bounds.as_the_library;
    let record = request.record.filter(|_| own_only)?;
    let Some(at) = world.portal.find(record.fid) else {
        return Some(not_found(set, world, &record));
    };
    let gone = world.portal.fulfillments[at].gone?;
    set.hit(Event::Obsolete);
    Some(Verdict::Obsolete(gone))
}

/// The holder's fulfillment, and whether the re-attach is free.
fn own(set: &Setting<'_>, world: &World, request: &Request) -> Option<(usize, bool)> {
    let held = || world.portal.fulfillments.iter().enumerate().filter(|(_, f)| f.gone.is_none());
    if let Some((at, _)) = held().find(|(_, held)| is_free(set, held, request)) {
        return Some((at, true));
    }
    let own = |held: &Fulfillment| held.host == request.host || !set.has(Rule::StrictHost);
    let named = request.record.map(|record| record.fid);
    let mut matching: Vec<_> = held().filter(|(_, held)| own(held)).collect();
    matching.sort_by_key(|(_, held)| named != Some(held.fid));
    matching.first().map(|(at, _)| (*at, false))
}

fn is_free(set: &Setting<'_>, held: &Fulfillment, request: &Request) -> bool {
    let Some(record) = request.record else { return false };
    held.host == request.host
        && held.fid == record.fid
        && (held.key == request.key || !set.has(Rule::DeviceKey))
        && (!set.has(Rule::FreeAtGeneration) || is_current(set, held, request, &record))
}

fn free(set: &Setting<'_>, world: &mut World, request: &Request, at: usize, total: u8) -> Verdict {
    let (host, has) = (request.host, world.portal.fulfillments[at].seats);
    let Some(cools_until) =
        seats::take_for(set, &mut world.portal, host, total.saturating_sub(has))
    else {
        set.hit(Event::NoSeats);
        return Verdict::Denied(Refusal::NoSeats);
    };
    set.hit(Event::FreeReattach);
    issue::owe(world, at, cools_until);
    let grant = Grant::fresh(set, world, request, has.max(total));
    issue::next(set, world, request, at, grant)
}

/// The store was lost, restored or cloned: counted, and the device key is replaced for good.
fn as_repair(
    set: &Setting<'_>,
    world: &mut World,
    request: &Request,
    at: usize,
    total: u8,
) -> Verdict {
    let key = fresh_key(request);
    if world.portal.fulfillments[at].replaced.contains(&key) {
        set.hit(Event::HeldElsewhere);
        return Verdict::Obsolete(Reason::HeldElsewhere);
    }
    if set.has(Rule::RepairLimit) && world.portal.repairs >= set.bounds.repair_limit {
        set.hit(Event::RepairLimit);
        return Verdict::Denied(Refusal::RepairLimit);
    }
    let (host, has) = (request.host, world.portal.fulfillments[at].seats);
    let Some(cools_until) =
        seats::take_for(set, &mut world.portal, host, total.saturating_sub(has))
    else {
        set.hit(Event::NoSeats);
        return Verdict::Denied(Refusal::NoSeats);
    };
    set.hit(Event::AsRepair);
    world.charged(request);
    world.portal.repairs = (world.portal.repairs + 1).min(set.bounds.repair_limit + 1);
    issue::owe(world, at, cools_until);
    let held = &mut world.portal.fulfillments[at];
    let key = if set.has(Rule::KeyReplaced) {
        if held.key != key {
            held.replaced.push(held.key);
        }
        key
    } else {
        held.key
    };
    let grant = Grant { key, ..Grant::fresh(set, world, request, has.max(total)) };
    issue::next(set, world, request, at, grant)
}

/// The key that a request brings: its own activate's, or the second one beside the record's.
fn fresh_key(request: &Request) -> Key {
    match request.ask {
        Ask::Reattach(_) => request.op,
        _ => request.key,
    }
}

fn new(set: &Setting<'_>, world: &mut World, request: &Request, total: u8) -> Verdict {
    let Some(cools_until) = seats::take_for(set, &mut world.portal, request.host, total) else {
        set.hit(Event::NoSeats);
        return Verdict::Denied(Refusal::NoSeats);
    };
    set.hit(Event::New);
    // The library's portal keeps the key that asks.
    let key = if set.bounds.as_the_library { request.key } else { fresh_key(request) };
    let grant = Grant { key, ..Grant::fresh(set, world, request, total) };
    issue::first(set, world, request, grant, cools_until)
}

impl World {
    /// For the judgment: a repair is to be charged only where a store was lost, restored or copied,
    /// or is one of two. From then on an older copy may work until its reach.
    pub(super) fn charged(&mut self, request: &Request) {
        let host = usize::from(request.host);
        if self.ghost.disturbed & (1 << host) == 0 && !self.ghost.portal_restored {
            self.ghost.fault =
                Some("a machine whose store was never disturbed is charged a repair");
        }
        self.ghost.excused[host] = self.ghost.reach[host].saturating_add(1);
    }
}

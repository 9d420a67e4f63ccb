//! After a restored backup. What was asked before it may have been answered and forgotten, so it
//! changes nothing; what the portal doesn't know any more is taken in from the signed record of a
//! request that names today's epoch, before that is answered.

use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Ask, Fulfillment, Portal, Reason, Record, Request, World};

/// Whether a request is, or may be, of the time before the backup was restored. A machine's first
/// activate knows no epoch: it may take new seats, and do nothing else.
pub(super) fn is_older(set: &Setting<'_>, world: &World, request: &Request) -> bool {
    let restored = world.portal.epoch > 1;
    match request.epoch {
        Some(epoch) => epoch < world.portal.epoch && set.has(Rule::OldEpoch),
        None => restored && set.has(Rule::NoEpoch) && !takes_new(world, request),
    }
}

fn takes_new(world: &World, request: &Request) -> bool {
    let has = world.portal.fulfillments.iter().any(|f| f.gone.is_none() && f.host == request.host);
    matches!(request.ask, Ask::Activate(_)) && !has
}

/// Takes a request's record in, where it tells the portal what it has lost.
pub(super) fn take_in(set: &Setting<'_>, world: &mut World, request: &Request) {
    let Some(record) = request.record else { return };
    let epoch = if set.has(Rule::TakenInByRecord) { Some(record.epoch) } else { request.epoch };
    let older = epoch.is_some_and(|epoch| epoch < world.portal.epoch);
    if !set.has(Rule::TakenIn) || !older || !world.portal.active {
        return;
    }
    match world.portal.find(record.fid) {
        None => unknown(set, world, &record),
        Some(at) => higher(set, &mut world.portal, at, &record),
    }
    raise_excess(set, &mut world.portal);
}

/// A fulfillment that was issued after the backup. What a late copy of the record's own activate was
/// granted since the restore, nobody has heard of: it gives way.
fn unknown(set: &Setting<'_>, world: &mut World, record: &Record) {
    let (now, portal) = (world.portal_now(), &mut world.portal);
    let (mut reach, mut owed) = (set.bounds.reach(record.until).max(portal.floor), 0);
    let of_holder = |held: &Fulfillment| held.gone.is_none() && held.host == record.host;
    if let Some(at) = portal.fulfillments.iter().position(of_holder) {
        let other = &mut portal.fulfillments[at];
        let unheard = other.key == record.key && other.generation == 1;
        if !unheard || !set.has(Rule::GivesWay) {
            return;
        }
        set.hit(Event::GaveWay);
        (other.gone, other.gone_at) = (Some(Reason::Returned), now);
        (reach, owed) = (reach.max(other.reach), other.owed);
        let seats = other.seats;
        portal.fulfilled -= seats;
        portal.excess -= portal.excess.min(seats);
    }
    set.hit(Event::UnknownTakenIn);
    portal.fulfilled += record.seats;
    portal.fulfillments.push(Fulfillment {
        fid: record.fid,
        host: record.host,
        gone: None,
        gone_at: 0,
        generation: record.generation,
        seats: record.seats,
        key: record.key,
        op: record.op,
        until: record.until,
        reach,
        owed,
        replaced: Vec::new(),
        doubtful: false,
    });
}

fn higher(set: &Setting<'_>, portal: &mut Portal, at: usize, record: &Record) {
    let floor = portal.floor;
    let held = &mut portal.fulfillments[at];
    let stands = held.gone.is_none() || !set.has(Rule::TakenInWhileStanding);
    if record.generation <= held.generation || !stands {
        return;
    }
    set.hit(Event::HigherTakenIn);
    if held.gone.take().is_none() {
        portal.fulfilled -= held.seats;
    }
    portal.fulfilled += record.seats;
    let lowered = portal.excess.min(held.seats.saturating_sub(record.seats));
    portal.excess -= lowered;
    if held.key != record.key {
        held.replaced.push(held.key);
    }
    held.generation = record.generation;
    held.seats = record.seats;
    held.key = record.key;
    held.op = record.op;
    held.until = record.until;
    held.reach = held.reach.max(set.bounds.reach(record.until)).max(floor);
}

/// Seats over the quantity, in a column of their own.
fn raise_excess(set: &Setting<'_>, portal: &mut Portal) {
    let used = portal.fulfilled + portal.cooling + portal.given_back;
    let over = used.saturating_sub(set.bounds.quantity);
    if over > portal.excess && set.has(Rule::Excess) {
        set.hit(Event::ExcessRaised);
        portal.excess = over;
    }
}

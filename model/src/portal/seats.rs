//! Seats: taken, freed and cooled in this one place.

use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Cooling, Host, NEVER, Portal, Reason, Time, World};

/// Takes seats that are available, all or none.
pub(super) fn take(set: &Setting<'_>, portal: &mut Portal, seats: u8) -> bool {
    let used = portal.fulfilled + portal.cooling + portal.given_back;
    let enough = portal.active && used + seats <= set.bounds.quantity;
    if enough {
        portal.fulfilled += seats;
    }
    enough
}

/// Takes seats for a holder: those that cool for it first. Gives the latest date until which one of
/// them would have cooled; `None`: there are not so many.
pub(super) fn take_for(
    set: &Setting<'_>,
    portal: &mut Portal,
    host: Host,
    wanted: u8,
) -> Option<Time> {
    let own: u8 = portal.coolings.iter().filter(|c| c.host == host).map(|c| c.seats).sum();
    let from_own = own.min(wanted);
    if wanted > from_own && !take(set, portal, wanted - from_own) {
        return None;
    }
    if from_own > 0 {
        set.hit(Event::TookCooling);
    }
    let (mut left, mut latest) = (from_own, 0);
    for cooling in portal.coolings.iter_mut().filter(|c| c.host == host) {
        let part = left.min(cooling.seats);
        if part > 0 {
            latest = latest.max(cooling.until);
        }
        cooling.seats -= part;
        left -= part;
    }
    portal.coolings.retain(|cooling| cooling.seats > 0);
    portal.cooling -= from_own;
    portal.fulfilled += from_own;
    Some(if set.has(Rule::TakenAgainReach) { latest } else { 0 })
}

/// Takes seats of a fulfillment back: at once, or until its reach they cool. What was taken while it
/// cooled goes on cooling, in either mode. `false`: it would have to cool without end, and nothing
/// was changed.
pub(super) fn release(
    set: &Setting<'_>,
    world: &mut World,
    at: usize,
    seats: u8,
    at_once: bool,
) -> bool {
    let (now, portal) = (world.portal_now(), &mut world.portal);
    let held = &portal.fulfillments[at];
    let (host, until) = (held.host, if at_once { held.owed } else { held.reach });
    if until == NEVER {
        return false;
    }
    portal.fulfilled -= seats;
    if until < now || until == 0 {
        lower_excess(set, portal, seats);
        return true;
    }
    set.hit(Event::Cooled);
    portal.cooling += seats;
    portal.coolings.push(Cooling { host, seats, until });
    portal.coolings.sort_unstable();
    true
}

/// What is freed lowers the excess first.
fn lower_excess(set: &Setting<'_>, portal: &mut Portal, seats: u8) {
    let lowered = portal.excess.min(seats);
    if lowered > 0 {
        set.hit(Event::ExcessLowered);
    }
    if set.has(Rule::LowersExcess) {
        portal.excess -= lowered;
    }
    if !portal.active {
        give_back(set, portal);
    }
}

/// All that is left of a retired ID goes back to its entitlement.
pub(super) fn give_back(set: &Setting<'_>, portal: &mut Portal) {
    let all = set.bounds.quantity + portal.excess;
    portal.given_back = all.saturating_sub(portal.fulfilled + portal.cooling);
}

/// What time has done: seats that have cooled are free, leases that are over for good are reclaimed.
pub fn settle(set: &Setting<'_>, world: &mut World) {
    if set.bounds.reclaim {
        reclaim(set, world);
    }
    let now = world.portal_now();
    let portal = &mut world.portal;
    let over: u8 = portal.coolings.iter().filter(|c| c.until < now).map(|c| c.seats).sum();
    if over > 0 {
        set.hit(Event::CoolingOver);
        portal.coolings.retain(|cooling| cooling.until >= now);
        portal.cooling -= over;
        lower_excess(set, portal, over);
    }
}

fn reclaim(set: &Setting<'_>, world: &mut World) {
    let now = world.portal_now();
    for at in 0..world.portal.fulfillments.len() {
        let held = &mut world.portal.fulfillments[at];
        let end = if set.has(Rule::ReclaimAtReach) {
            held.reach
        } else {
            held.until.saturating_sub(set.bounds.grace)
        };
        if held.gone.is_none() && end < now {
            set.hit(Event::Reclaimed);
            held.gone = Some(Reason::Reclaimed);
            held.gone_at = world.now;
            let seats = held.seats;
            world.portal.fulfilled -= seats;
            lower_excess(set, &mut world.portal, seats);
        }
    }
}

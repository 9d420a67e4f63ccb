//! What people do at the portal: Return, Re-host, backup and restore, a shorter lease.

use super::judge::end;
use super::seats;
use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Fid, NEVER, Reason, World};

/// Frees one fulfillment without the machine's word. `false`: refused.
pub fn rehost(set: &Setting<'_>, world: &mut World, fid: Fid) -> bool {
    seats::settle(set, world);
    match world.portal.find(fid) {
        Some(at) if world.portal.fulfillments[at].gone.is_none() => {
            leave(set, world, at, Reason::Rehosted)
        }
        _ => false,
    }
}

/// Retires the activation ID for good. `false`: refused.
pub fn retire(set: &Setting<'_>, world: &mut World) -> bool {
    seats::settle(set, world);
    let unbounded = world.portal.lease == 0 && set.bounds.strict;
    if !world.portal.active || unbounded {
        return false;
    }
    for at in 0..world.portal.fulfillments.len() {
        if world.portal.fulfillments[at].gone.is_none() {
            leave(set, world, at, Reason::Retired);
        }
    }
    world.portal.active = false;
    seats::give_back(set, &mut world.portal);
    true
}

fn leave(set: &Setting<'_>, world: &mut World, at: usize, reason: Reason) -> bool {
    let held = &world.portal.fulfillments[at];
    let (host, count) = (held.host, held.seats);
    let at_once = !set.bounds.strict || !set.has(Rule::StrictCools);
    if !seats::release(set, world, at, count, at_once) {
        return false;
    }
    world.ghost.ended.push(world.portal.fulfillments[at].fid);
    end(world, at, reason);
    let host = usize::from(host);
    world.ghost.excused[host] = world.ghost.reach[host].saturating_add(1);
    true
}

/// Keeps a copy of the portal.
pub fn back_up(world: &mut World) {
    world.backup = Some(Box::new(world.portal.clone()));
}

/// Goes back to the copy, in a new epoch. What was signed since the copy isn't known, so each
/// fulfillment reaches as far as it could have been signed for.
pub fn restore(set: &Setting<'_>, world: &mut World) {
    let Some(backup) = &world.backup else { return };
    let (epoch, now, lease) = (world.portal.epoch, world.portal_now(), world.portal.lease);
    let behind = world.portal.behind;
    world.portal = (**backup).clone();
    world.portal.epoch = if set.has(Rule::NewEpoch) { epoch + 1 } else { epoch };
    world.portal.lease = lease;
    world.portal.behind = behind;
    if set.has(Rule::ReachRaised) {
        let longest = set.bounds.lease.max(lease);
        let reach = set.bounds.reach(set.bounds.until(now, longest));
        world.portal.floor = reach;
        for held in world.portal.fulfillments.iter_mut().filter(|held| held.gone.is_none()) {
            held.reach = held.reach.max(reach);
        }
    }
    for held in &mut world.portal.fulfillments {
        held.doubtful = true;
    }
    world.ghost.ended.clear();
    world.ghost.portal_restored = true;
}

/// The portal's clock is set back. What it signs is dated before its request from then on.
pub const fn set_back(world: &mut World) -> bool {
    let changes = !world.portal.behind;
    world.portal.behind = true;
    changes
}

/// Policy shortens the lease to one step.
pub fn shorten(set: &Setting<'_>, world: &mut World) -> bool {
    let shortens = world.portal.lease > 1 && world.portal.lease != NEVER;
    if shortens {
        set.hit(Event::Shorten);
        world.portal.lease = 1;
    }
    shortens
}

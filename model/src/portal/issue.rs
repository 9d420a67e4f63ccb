//! Issuing rights: a new record, or the next generation of one.

use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Fid, Fulfillment, Host, Key, Record, Request, Time, Verdict, World};

/// What a record is to say.
#[derive(Clone, Copy)]
pub(super) struct Grant {
    pub(super) seats: u8,
    pub(super) key: Key,
    pub(super) host: Host,
    /// End of grace.
    pub(super) until: Time,
}

impl Grant {
    /// For the machine that asks, with a lease from now on.
    pub(super) fn fresh(set: &Setting<'_>, world: &World, request: &Request, seats: u8) -> Self {
        let until = set.bounds.until(world.portal_now(), world.portal.lease);
        Self { seats, key: request.key, host: request.host, until }
    }
}

/// Issues a new fulfillment, whose seats have been taken.
pub(super) fn first(
    set: &Setting<'_>,
    world: &mut World,
    request: &Request,
    grant: Grant,
    cools_until: Time,
) -> Verdict {
    let epoch = world.portal.epoch;
    let held = Fulfillment {
        fid: Fid { op: request.op, epoch },
        host: grant.host,
        gone: None,
        gone_at: 0,
        generation: 0,
        seats: 0,
        key: grant.key,
        op: request.op,
        until: 0,
        reach: cools_until,
        owed: cools_until,
        replaced: Vec::new(),
        doubtful: request.epoch.is_none() && epoch > 1,
    };
    world.portal.fulfillments.push(held);
    let at = world.portal.fulfillments.len() - 1;
    next(set, world, request, at, grant)
}

/// A fulfillment has taken seats that would have cooled until then.
pub(super) fn owe(world: &mut World, at: usize, cools_until: Time) {
    let held = &mut world.portal.fulfillments[at];
    held.owed = held.owed.max(cools_until);
    held.reach = held.reach.max(cools_until);
}

/// Issues the next generation of a fulfillment.
pub(super) fn next(
    set: &Setting<'_>,
    world: &mut World,
    request: &Request,
    at: usize,
    grant: Grant,
) -> Verdict {
    let (now, epoch) = (world.portal_now(), world.portal.epoch);
    let reach = set.bounds.reach(grant.until);
    let counted = if set.has(Rule::ReachTolerance) { reach } else { grant.until };
    let held = &mut world.portal.fulfillments[at];
    held.generation += 1;
    held.doubtful &= request.epoch.is_none();
    held.seats = grant.seats;
    held.host = grant.host;
    held.key = grant.key;
    held.op = request.op;
    held.until = grant.until;
    held.reach = if set.has(Rule::ReachIsLatest) { held.reach.max(counted) } else { counted };
    let record = Record {
        fid: held.fid,
        generation: held.generation,
        op: request.op,
        epoch,
        seats: grant.seats,
        host: grant.host,
        key: grant.key,
        until: grant.until,
        apply_by: now.saturating_add(set.bounds.apply_within).min(grant.until),
        untrue: false,
    };
    world.signed(request, grant.host, reach);
    Verdict::Granted(record)
}

impl World {
    /// For the judgment: what was signed, and that copies which share an operation share its grant.
    fn signed(&mut self, request: &Request, host: Host, reach: Time) {
        let host = usize::from(host);
        self.ghost.reach[host] = self.ghost.reach[host].max(reach);
        if self.ghost.shared.contains(&request.op) {
            self.ghost.excused[host] = self.ghost.reach[host].saturating_add(1);
        }
    }
}

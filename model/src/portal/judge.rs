//! Messages about a record that stands, and the abandon.

use super::issue::{self, Grant};
use super::seats;
use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Fulfillment, Known, Op, Reason, Record, Refusal, Request, Verdict, World};

/// Rule 7: current is the portal's generation, or the one before while the operation that made the
/// portal's is still unanswered for the client.
pub(super) fn is_current(
    set: &Setting<'_>,
    held: &Fulfillment,
    request: &Request,
    record: &Record,
) -> bool {
    record.generation == held.generation
        || (set.has(Rule::Unanswered)
            && record.generation + 1 == held.generation
            && request.unanswered == Some(held.op))
}

/// Whether a message about a record may speak for it. Gives the fulfillment's place in the list.
fn standing(set: &Setting<'_>, world: &World, request: &Request) -> Result<usize, Verdict> {
    let at = about(set, world, request)?;
    let held = &world.portal.fulfillments[at];
    let current = |record: &Record| is_current(set, held, request, record);
    if set.has(Rule::GenerationFence) && !request.record.as_ref().is_some_and(current) {
        set.hit(Event::Stale);
        return Err(Verdict::Stale);
    }
    Ok(at)
}

/// The fulfillment that a message is about, where it stands and the message's key is its own.
pub(super) fn about(set: &Setting<'_>, world: &World, request: &Request) -> Result<usize, Verdict> {
    let Some(record) = &request.record else {
        return Err(Verdict::Denied(Refusal::HostMismatch));
    };
    let Some(at) = world.portal.find(record.fid) else {
        return Err(not_found(set, world, record));
    };
    let held = &world.portal.fulfillments[at];
    // Given to this key after the backup, and ended by people: it is told so.
    let given_since = held.gone.is_some() && record.generation > held.generation;
    if request.key != held.key && !given_since {
        if held.replaced.contains(&request.key) && set.has(Rule::KeyReplaced) {
            set.hit(Event::HeldElsewhere);
            return Err(Verdict::Obsolete(Reason::HeldElsewhere));
        }
        if set.has(Rule::DeviceKey) {
            set.hit(Event::ForgeryRefused);
            return Err(Verdict::Denied(Refusal::HostMismatch));
        }
    }
    if let Some(reason) = held.gone {
        set.hit(Event::Obsolete);
        return Err(Verdict::Obsolete(reason));
    }
    Ok(at)
}

/// A fulfillment that the portal doesn't know, and didn't take in: its holder has another, or the
/// activation ID is retired.
pub(super) fn not_found(set: &Setting<'_>, world: &World, record: &Record) -> Verdict {
    let of_holder = |held: &Fulfillment| held.gone.is_none() && held.host == record.host;
    if world.portal.fulfillments.iter().any(of_holder) {
        set.hit(Event::HeldElsewhere);
        Verdict::Obsolete(Reason::HeldElsewhere)
    } else if world.portal.active {
        Verdict::Denied(Refusal::HostMismatch)
    } else {
        Verdict::Obsolete(Reason::Retired)
    }
}

pub(super) fn refresh(set: &Setting<'_>, world: &mut World, request: &Request) -> Verdict {
    let at = match standing(set, world, request) {
        Ok(at) => at,
        Err(verdict) => return verdict,
    };
    let held = &world.portal.fulfillments[at];
    if held.host != request.host && set.has(Rule::EvidenceRefused) {
        set.hit(Event::ForeignRefused);
        return Verdict::Denied(Refusal::HostMismatch);
    }
    set.hit(Event::Refreshed);
    let grant = Grant::fresh(set, world, request, held.seats);
    issue::next(set, world, request, at, grant)
}

pub(super) fn more(set: &Setting<'_>, world: &mut World, request: &Request, total: u8) -> Verdict {
    let at = match standing(set, world, request) {
        Ok(at) => at,
        Err(verdict) => return verdict,
    };
    let (host, held) = (world.portal.fulfillments[at].host, world.portal.fulfillments[at].seats);
    if host != request.host {
        set.hit(Event::ForeignRefused);
        return Verdict::Denied(Refusal::HostMismatch);
    }
    let Some(cools_until) =
        seats::take_for(set, &mut world.portal, host, total.saturating_sub(held))
    else {
        set.hit(Event::NoSeats);
        return Verdict::Denied(Refusal::NoSeats);
    };
    set.hit(Event::MoreGiven);
    issue::owe(world, at, cools_until);
    let grant = Grant::fresh(set, world, request, held.max(total));
    issue::next(set, world, request, at, grant)
}

pub(super) fn return_(
    set: &Setting<'_>,
    world: &mut World,
    request: &Request,
    asked: u8,
) -> Verdict {
    let verdict = give_back(set, world, request, asked);
    // Only where a return is denied is the unanswered operation asked again.
    if !matches!(verdict, Verdict::Denied(_)) {
        take_place(set, world, request);
    }
    verdict
}

fn give_back(set: &Setting<'_>, world: &mut World, request: &Request, asked: u8) -> Verdict {
    let at = match standing(set, world, request) {
        Ok(at) => at,
        Err(verdict) => return verdict,
    };
    let held = world.portal.fulfillments[at].clone();
    let seats = if asked == 0 { held.seats } else { asked };
    if seats > held.seats {
        return Verdict::Denied(Refusal::TooMany);
    }
    if world.portal.returns >= set.bounds.return_limit {
        set.hit(Event::ReturnLimit);
        return Verdict::Denied(Refusal::ReturnLimit);
    }
    let same_host = held.host == request.host;
    if !same_host && seats < held.seats && set.has(Rule::ForeignRest) {
        // Another host proves nothing: what is left would be issued to it.
        set.hit(Event::ForeignRefused);
        return Verdict::Denied(Refusal::HostMismatch);
    }
    let cools = (set.bounds.strict && set.has(Rule::StrictCools))
        || (!same_host && set.has(Rule::ForeignCools));
    if !seats::release(set, world, at, seats, !cools) {
        set.hit(Event::ForeignRefused);
        return Verdict::Denied(Refusal::HostMismatch);
    }
    if !same_host {
        set.hit(Event::Foreign);
    }
    world.portal.returns += u8::from(set.bounds.return_limit < 8);
    if seats == held.seats {
        set.hit(Event::ReturnedAll);
        end(world, at, Reason::Returned);
        return Verdict::Returned;
    }
    set.hit(Event::ReturnedSome);
    let grant = Grant::fresh(set, world, request, held.seats - seats);
    issue::next(set, world, request, at, grant)
}

/// Rule 7: a return takes the place of the unanswered operation; unseen, it must never come.
fn take_place(set: &Setting<'_>, world: &mut World, request: &Request) {
    if let Some(op) = request.unanswered
        && world.portal.known(op).is_none()
        && set.has(Rule::PlaceTaken)
    {
        set.hit(Event::PlaceTaken);
        world.portal.remember(Known { op, verdict: None, older: false });
    }
}

pub(super) fn abandon(
    set: &Setting<'_>,
    world: &mut World,
    request: &Request,
    activate: Op,
) -> Verdict {
    let Some(known) = world.portal.known(activate) else {
        if set.has(Rule::Tombstone) {
            set.hit(Event::Tombstoned);
            world.portal.remember(Known { op: activate, verdict: None, older: false });
        }
        return Verdict::Abandoned;
    };
    let Some(Verdict::Granted(record)) = known.verdict else {
        return Verdict::Abandoned;
    };
    let at = world.portal.find(record.fid).filter(|at| {
        let held = &world.portal.fulfillments[*at];
        held.gone.is_none()
            && (held.generation == record.generation || !set.has(Rule::AbandonAtGeneration))
    });
    let Some(at) = at else {
        set.hit(Event::AbandonMovedOn);
        return Verdict::Abandoned;
    };
    let held = world.portal.fulfillments[at].clone();
    let same_host = held.host == request.host;
    let cools = (set.bounds.strict && set.has(Rule::StrictCools)) || !same_host;
    if !seats::release(set, world, at, held.seats, !cools) {
        return Verdict::Denied(Refusal::HostMismatch);
    }
    set.hit(Event::AbandonFrees);
    end(world, at, Reason::Returned);
    Verdict::Abandoned
}

/// A fulfillment goes.
pub(super) fn end(world: &mut World, at: usize, reason: Reason) {
    let now = world.now;
    let held = &mut world.portal.fulfillments[at];
    held.gone = Some(reason);
    held.gone_at = now;
}

//! The portal: what it answers to each request, in one transaction.

mod admin;
mod epoch;
mod issue;
mod judge;
mod reattach;
mod repair;
mod seats;

pub use admin::{back_up, rehost, restore, retire, shorten};
pub use seats::settle;

use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Answer, Ask, Known, Reason, Refusal, Request, Verdict, World};

/// Answers a request.
pub fn receive(set: &Setting<'_>, world: &mut World, request: &Request) -> Answer {
    settle(set, world);
    let known = world.portal.known(request.op);
    let answered = known.filter(|known| known.verdict.is_none() || set.has(Rule::StoredAnswer));
    let verdict = match answered.map(|known| known.verdict) {
        Some(Some(stored)) => again(set, world, request, stored),
        Some(None) => {
            set.hit(Event::TombstoneMet);
            store(set, world, request, Verdict::Denied(Refusal::Abandoned))
        }
        None => {
            let verdict = judge(set, world, request);
            store(set, world, request, verdict)
        }
    };
    Answer { op: request.op, verdict, epoch: world.portal.epoch }
}

/// What is asked for the first time. A message of the time before a restored backup changes nothing:
/// its operation may have been answered and forgotten. Its client asks anew.
fn judge(set: &Setting<'_>, world: &mut World, request: &Request) -> Verdict {
    if epoch::is_older(set, world, request) {
        set.hit(Event::OldRefused);
        return Verdict::Denied(Refusal::PortalRestored);
    }
    epoch::take_in(set, world, request);
    match request.ask {
        Ask::Activate(total) | Ask::Reattach(total) => {
            reattach::activate(set, world, request, total)
        }
        Ask::Abandon(activate) => judge::abandon(set, world, request, activate),
        Ask::More(total) => judge::more(set, world, request, total),
        Ask::Return(seats) => judge::return_(set, world, request, seats),
        Ask::Refresh => judge::refresh(set, world, request),
        Ask::Repair => repair::repair(set, world, request),
    }
}

/// Rule 2: one stored answer for each operation, denials included.
fn store(set: &Setting<'_>, world: &mut World, request: &Request, verdict: Verdict) -> Verdict {
    let is_denial = matches!(verdict, Verdict::Denied(_));
    if set.has(Rule::StoredDenial) || !is_denial {
        world.portal.remember(Known { op: request.op, verdict: Some(verdict) });
    }
    verdict
}

/// Rule 2: a stored grant is given again only while its fulfillment stands at the generation that
/// it gave.
fn again(set: &Setting<'_>, world: &World, request: &Request, stored: Verdict) -> Verdict {
    let Verdict::Granted(record) = stored else {
        set.hit(Event::StoredAgain);
        return stored;
    };
    let held = world.portal.find(record.fid).and_then(|at| world.portal.fulfillments.get(at));
    let moved_on = match held {
        Some(held) if held.gone.is_none() && held.generation == record.generation => None,
        Some(held) if held.replaced.contains(&request.key) && set.has(Rule::HeldFirst) => {
            Some(Verdict::Obsolete(Reason::HeldElsewhere))
        }
        Some(held) => Some(held.gone.map_or(Verdict::Stale, Verdict::Obsolete)),
        None => Some(Verdict::Denied(Refusal::PortalRestored)),
    };
    match moved_on {
        None => {
            set.hit(Event::StoredAgain);
            stored
        }
        Some(_) if !set.has(Rule::GrantOnlyWhileTrue) => {
            let mut record = record;
            record.untrue = true;
            Verdict::Granted(record)
        }
        Some(verdict) => {
            set.hit(Event::NoLongerTrue);
            verdict
        }
    }
}

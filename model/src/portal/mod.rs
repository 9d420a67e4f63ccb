//! The portal: what it answers to each request, in one transaction.

mod admin;
mod epoch;
mod issue;
mod judge;
mod reattach;
mod repair;
mod seats;

pub use admin::{back_up, rehost, restore, retire, set_back, shorten};
pub use seats::settle;

use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{Answer, Ask, Known, Op, Place, Reason, Refusal, Request, Verdict, Way, World};

/// Answers a request.
pub fn receive(set: &Setting<'_>, world: &mut World, request: &Request, way: Way) -> Answer {
    settle(set, world);
    let older = world.portal.behind && world.now > 0;
    let known = world.portal.known(request.op);
    let answered = known.filter(|known| known.verdict.is_none() || set.has(Rule::StoredAnswer));
    let too_early = !set.has(Rule::FileKnown) && is_refused_by_file(set, request, way);
    let (verdict, older) = match answered.map(|known| (known.verdict, known.older)) {
        _ if too_early => (Verdict::Denied(Refusal::Policy), older),
        Some((Some(stored), stored_older)) => {
            let verdict = again(set, world, request, stored);
            (verdict, if verdict == stored { stored_older } else { older })
        }
        Some((None, _)) => {
            set.hit(Event::TombstoneMet);
            let verdict = Verdict::Denied(Refusal::Abandoned);
            store(set, world, request.op, (verdict, older), way);
            (verdict, older)
        }
        None => {
            let verdict = judge(set, world, request, way);
            told_elsewhere(world, request, verdict);
            store(set, world, request.op, (verdict, older), way);
            (verdict, older)
        }
    };
    Answer { op: request.op, verdict, epoch: world.portal.epoch, older }
}

/// For the judgment: who has one store, which was never lost, copied or put back, and asks about the
/// record that is in it, is not told that another store of it has the license because its own activate
/// came again, late, to a restored portal. (What the backup has of it otherwise, people are to end.)
fn told_elsewhere(world: &mut World, request: &Request, verdict: Verdict) {
    let Some(record) = request.record else { return };
    let unknown = world.portal.find(record.fid).is_none();
    let disturbed = world.ghost.disturbed & (1 << record.host) != 0;
    let asks = |place: &Place| {
        place.record() == Some(&record)
            && place.pending().is_some_and(|pending| pending.request == *request)
    };
    let by_its_own = world.portal.fulfillments.iter().any(|held| {
        held.gone.is_none()
            && (held.host, held.generation, held.key) == (record.host, 1, record.key)
    });
    let told = verdict == Verdict::Obsolete(Reason::HeldElsewhere) && unknown;
    if told && !disturbed && by_its_own && world.places.iter().any(asks) {
        world.ghost.fault =
            Some("a machine with one store is told that another one holds its license");
    }
}

/// Whether policy refuses that rights are given by a file. What gives seats back, or undoes
/// something, is hindered by no policy.
fn is_refused_by_file(set: &Setting<'_>, request: &Request, way: Way) -> bool {
    let takes =
        matches!(request.ask, Ask::Activate(_) | Ask::Reattach(_) | Ask::More(_) | Ask::Refresh);
    takes && way == Way::File && set.bounds.files_refused
}

/// What is asked for the first time. A message of the time before a restored backup changes nothing:
/// its operation may have been answered and forgotten. Its client asks anew.
fn judge(set: &Setting<'_>, world: &mut World, request: &Request, way: Way) -> Verdict {
    if epoch::is_older(set, world, request) {
        set.hit(Event::OldRefused);
        return Verdict::Denied(Refusal::PortalRestored);
    }
    epoch::take_in(set, world, request);
    if is_refused_by_file(set, request, way) {
        set.hit(Event::FileRefused);
        return Verdict::Denied(Refusal::Policy);
    }
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
fn store(set: &Setting<'_>, world: &mut World, op: Op, given: (Verdict, bool), way: Way) {
    let (verdict, older) = given;
    let is_denial = matches!(verdict, Verdict::Denied(_));
    let kept = set.has(Rule::StoredDenial) || !is_denial;
    if kept && (way == Way::Online || set.has(Rule::FileStored)) {
        world.portal.remember(Known { op, verdict: Some(verdict), older });
    }
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
        Some(held) => Some(match held.gone {
            Some(reason) => Verdict::Obsolete(reason),
            // Its own key, or the fresh one that it brought.
            None if [request.key, request.op].contains(&held.key) => Verdict::Stale,
            None if set.has(Rule::HeldFirst) => Verdict::Obsolete(Reason::HeldElsewhere),
            None => Verdict::Stale,
        }),
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

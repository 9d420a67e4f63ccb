//! A path through the model, as sentences.

use std::fmt::Write as _;

use crate::actions::Action;
use crate::client::Call;
use crate::portal;
use crate::setting::{Bounds, Setting};
use crate::state::{
    Answer, Ask, Fid, Host, NEVER, Op, PlaceIndex, Reason, Record, Refusal, Request, ResponseFile,
    Time, Verdict, Way, World,
};

/// `host A`.
#[must_use]
pub fn host(host: Host) -> String {
    format!("host {}", letter(host))
}

fn letter(host: Host) -> char {
    char::from(b'A' + host)
}

/// `A`, and `A'` for the second place of a host.
#[must_use]
pub fn place(world: &World, at: PlaceIndex) -> String {
    let host = world.places[at].host;
    let before = world.places.iter().take(at).filter(|place| place.host == host).count();
    format!("{}{}", letter(host), "'".repeat(before))
}

fn op(world: &World, op: Op) -> String {
    if op.place() == Op::OUTSIDE {
        return format!("X{}", (op.0 & Op::NUMBERS) + 1);
    }
    format!("{}{}", place(world, op.place()), (op.0 & Op::NUMBERS) + 1)
}

fn fid(world: &World, id: Fid) -> String {
    let epoch = if id.epoch > 1 { format!(" of epoch {}", id.epoch) } else { String::new() };
    format!("F-{}{epoch}", op(world, id.op))
}

fn time(time: Time) -> String {
    if time == NEVER { "without end".to_owned() } else { format!("until {time}") }
}

fn seats(count: u8) -> String {
    if count == 1 { "1 seat".to_owned() } else { format!("{count} seats") }
}

fn ask(world: &World, asked: Ask) -> String {
    match asked {
        Ask::Activate(total) => format!("activate, {} in total", seats(total)),
        Ask::Repair => "repair".to_owned(),
        Ask::Reattach(total) => format!("re-attach, {} in total", seats(total)),
        Ask::More(total) => format!("more seats, {} in total", seats(total)),
        Ask::Abandon(activate) => format!("abandon {}", op(world, activate)),
        Ask::Return(0) => "return of all seats".to_owned(),
        Ask::Return(count) => format!("return of {}", seats(count)),
        Ask::Refresh => "refresh".to_owned(),
    }
}

fn request(world: &World, request: &Request) -> String {
    let generation =
        request.record.map_or(String::new(), |r| format!(", generation {}", r.generation));
    let unanswered = request
        .unanswered
        .map_or(String::new(), |other| format!(", {} unanswered", op(world, other)));
    format!("{} ({}{generation}{unanswered})", op(world, request.op), ask(world, request.ask))
}

fn record(world: &World, record: &Record) -> String {
    format!(
        "{} generation {}, {}, {}",
        fid(world, record.fid),
        record.generation,
        seats(record.seats),
        time(record.until)
    )
}

fn verdict(world: &World, verdict: Verdict) -> String {
    match verdict {
        Verdict::Granted(granted) => format!("granted: {}", record(world, &granted)),
        Verdict::Returned => "returned".to_owned(),
        Verdict::Abandoned => "abandoned".to_owned(),
        Verdict::Denied(refusal) => format!("denied: {}", refused(refusal)),
        Verdict::Stale => "stale".to_owned(),
        Verdict::Obsolete(reason) => format!("obsolete: {}", gone(reason)),
    }
}

const fn refused(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::NoSeats => "no seats",
        Refusal::Inactive => "the activation ID is Inactive",
        Refusal::HostMismatch => "not the machine that it was issued to",
        Refusal::RepairLimit => "repair limit",
        Refusal::ReturnLimit => "return limit",
        Refusal::Abandoned => "it was abandoned",
        Refusal::PortalRestored => "the portal was restored",
        Refusal::TooMany => "more seats than are held",
        Refusal::Policy => "policy",
    }
}

const fn gone(reason: Reason) -> &'static str {
    match reason {
        Reason::Returned => "returned",
        Reason::Retired => "retired",
        Reason::Rehosted => "re-hosted",
        Reason::Reclaimed => "reclaimed",
        Reason::HeldElsewhere => "held by another store of this machine",
    }
}

fn call(call: Call) -> String {
    match call {
        Call::Activate(total) => format!("`lm_activate({total})`"),
        Call::Return(count) => format!("`lm_return({count})`"),
        Call::Refresh => "`lm_refresh`".to_owned(),
        Call::Repair => "`lm_repair`".to_owned(),
        Call::Clean => "the orphaned or foreign entry is cleaned".to_owned(),
    }
}

/// One step, as a sentence.
#[must_use]
pub fn step(set: &Setting<'_>, before: &World, action: Action, after: &World) -> String {
    let bounds = set.bounds;
    match action {
        Action::Call(at, called) => {
            let sent = if bounds.fine { "" } else { ", and sent" };
            let pending = after.places[at].pending();
            let written = pending.map_or(String::new(), |pending| {
                format!(": {} is durable{sent}", request(after, &pending.request))
            });
            format!("{}: {}{written}.", place(before, at), call(called))
        }
        Action::Unwritten(at, called) => {
            format!(
                "{}: {} is sent; the machine dies before it is written.",
                place(before, at),
                call(called)
            )
        }
        Action::RetryAnew(at) => {
            let pending = after.places[at].pending();
            let written = pending.map_or(String::new(), |p| request(after, &p.request));
            format!("{} tries again, with a new operation: {written}.", place(before, at))
        }
        Action::Deliver(asked) => deliver(set, before, asked),
        Action::Apply(at, answer) => apply(before, at, &answer, after),
        Action::AnswerFile(first, second) => answer_file(set, before, first, second),
        Action::ApplyFile(at, file) => apply_file(before, at, file, after),
        Action::Rehost(id) => format!("Re-host of {}.", fid(before, id)),
        other => plain(before, other, after),
    }
}

fn deliver(set: &Setting<'_>, before: &World, asked: Op) -> String {
    let Some(arrived) = before.requests.iter().find(|request| request.op == asked) else {
        return String::new();
    };
    let again = if before.portal.known(asked).is_some() { " again" } else { "" };
    let mut after = before.clone();
    let answer = portal::receive(set, &mut after, arrived, Way::Online);
    format!(
        "The portal gets {}{again}: {}.",
        request(before, arrived),
        verdict(&after, answer.verdict)
    )
}

fn answer_file(set: &Setting<'_>, before: &World, first: Op, second: Option<Op>) -> String {
    let mut after = before.clone();
    let mut parts = Vec::new();
    for asked in std::iter::once(first).chain(second) {
        let arrived = before.requests.iter().find(|request| request.op == asked);
        let Some(arrived) = arrived else { continue };
        let again = if after.portal.known(asked).is_some() { ", which it knows" } else { "" };
        let answer = portal::receive(set, &mut after, arrived, Way::File);
        let given = verdict(&after, answer.verdict);
        parts.push(format!("{}{again}: {given}", request(before, arrived)));
    }
    format!("The portal answers a file. {}.", parts.join("; "))
}

fn apply_file(before: &World, at: PlaceIndex, file: ResponseFile, after: &World) -> String {
    let parts = file
        .answers()
        .map(|answer| format!("{}: {}", op(before, answer.op), verdict(before, answer.verdict)));
    let parts = parts.collect::<Vec<_>>().join("; ");
    format!("{} takes the response file ({parts}): {}.", place(before, at), state(after, at))
}

fn apply(before: &World, at: PlaceIndex, answer: &Answer, after: &World) -> String {
    format!(
        "{} applies the answer to {} ({}): {}.",
        place(before, at),
        op(before, answer.op),
        verdict(before, answer.verdict),
        state(after, at)
    )
}

/// What a place has now.
fn state(after: &World, at: PlaceIndex) -> String {
    match after.places[at].entry() {
        None => "nothing is left".to_owned(),
        Some(entry) => {
            let mut now = match &entry.record {
                Some(_) if entry.orphaned.is_some() => "ORPHANED".to_owned(),
                Some(_) if entry.restored => "UNTRUSTED (RESTORE)".to_owned(),
                Some(_) if entry.too_late => "EXPIRED (TOO_LATE)".to_owned(),
                Some(record) => format!("{} here", seats(record.seats)),
                None => "nothing yet".to_owned(),
            };
            if let Some(pending) = &entry.pending {
                let _ = write!(now, ", {} pending again", op(after, pending.request.op));
            }
            now
        }
    }
}

fn plain(before: &World, action: Action, after: &World) -> String {
    let name = |at| place(before, at);
    match action {
        Action::Raise(at) => format!("{} raises its anchors.", name(at)),
        Action::Look(at) => {
            let table = after.places[at].table;
            format!("Another process of {} looks at the store: {}.", name(at), seats(table))
        }
        Action::Send(at) => format!("{} sends what is pending.", name(at)),
        Action::GiveOut(at) => format!("{} gives what is pending out as a file.", name(at)),
        Action::GiveUp(at) => {
            format!("The call at {} is given up: {}.", name(at), state(after, at))
        }
        Action::SetBack => "The portal's clock is set back by one.".to_owned(),
        Action::Tick => format!("Time passes: it is {}.", after.now),
        Action::Save(at) => format!("{} is backed up.", name(at)),
        Action::Restore(at) => format!("The store of {} is restored, alone.", name(at)),
        Action::Rollback(at) => format!("The whole machine {} is rolled back.", name(at)),
        Action::Lose(at) => format!("{} loses its store.", name(at)),
        Action::Copy(from, to) => format!("The store of {} is copied to {}.", name(from), name(to)),
        Action::CloneMachine(from, to) => {
            format!("{} is cloned: {} is the same machine.", name(from), name(to))
        }
        Action::Retire => "Portal Return: the activation ID is retired.".to_owned(),
        Action::BackUp => "The portal is backed up.".to_owned(),
        Action::RestorePortal => {
            format!("The portal is restored from its backup; epoch {}.", after.portal.epoch)
        }
        Action::Forge(at) => {
            format!("An outsider asks in the name of {}: return of all seats.", name(at))
        }
        Action::Hears(at) => {
            format!(
                "Another license of {}'s store hears of epoch {}.",
                name(at),
                after.portal.epoch
            )
        }
        Action::Shorten => format!("Policy shortens the lease to {}.", after.portal.lease),
        Action::Lock(at) => format!("A checkout at {} finds a free byte.", name(at)),
        Action::FinishCheckout(at) => {
            let kept = after.places[at].slots.iter().filter(|s| **s == crate::state::Slot::Kept);
            format!(
                "The checkout at {} goes on: {} in use.",
                name(at),
                seats(u8::try_from(kept.count()).unwrap_or(0))
            )
        }
        Action::CheckIn(at, byte) => format!("{} checks seat {byte} in.", name(at)),
        Action::Crash(at) => format!("The processes of {} are killed.", name(at)),
        _ => String::new(),
    }
}

/// The bounds of a run, as a sentence.
#[must_use]
pub fn bounds(bounds: &Bounds) -> String {
    let lease = if bounds.lease == 0 {
        "no lease".to_owned()
    } else {
        format!("lease {}, grace {}, tolerance {}", bounds.lease, bounds.grace, bounds.tolerance)
    };
    format!(
        "{} on {} {}, {} mode, {lease}",
        seats(bounds.quantity),
        bounds.places.len(),
        if bounds.places.len() == 1 { "place" } else { "places" },
        if bounds.strict { "strict" } else { "prompt" },
    )
}

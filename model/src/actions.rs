//! What can happen next. Every step of a machine is an action of its own, so a crash between two of
//! them is simply that the second never comes, or something else comes first.

use crate::client::{self, Call};
use crate::events::Event;
use crate::portal;
use crate::rules::Rule;
use crate::setting::{Budget, Setting};
use crate::state::{
    Answer, Ask, Fid, Op, PlaceIndex, Request, ResponseFile, SLOTS, Time, Way, World,
};

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// A call makes its intent durable; where steps are coarse it is sent too.
    Call(PlaceIndex, Call),
    /// Anchors are raised.
    Raise(PlaceIndex),
    /// Another process looks at the store.
    Look(PlaceIndex),
    /// What is pending is sent.
    Send(PlaceIndex),
    /// A request arrives at the portal, for the first time or again.
    Deliver(Op),
    /// An answer arrives and is applied.
    Apply(PlaceIndex, Answer),
    /// The portal answers a request file, of one request or two.
    AnswerFile(Op, Option<Op>),
    /// A response file is applied at a place.
    ApplyFile(PlaceIndex, ResponseFile),
    /// What is pending is given out as a file.
    GiveOut(PlaceIndex),
    /// A call is given up: cancelled by another thread, or its time is over.
    GiveUp(PlaceIndex),
    /// The portal's clock is set back.
    SetBack,
    /// Time passes.
    Tick,
    /// The store is saved, and the whole machine with it.
    Save(PlaceIndex),
    /// The store alone is restored.
    Restore(PlaceIndex),
    /// The whole machine is restored.
    Rollback(PlaceIndex),
    /// The store is lost.
    Lose(PlaceIndex),
    /// The store is copied to another place.
    Copy(PlaceIndex, PlaceIndex),
    /// The machine is cloned, evidence and anchors too.
    CloneMachine(PlaceIndex, PlaceIndex),
    /// Re-host.
    Rehost(Fid),
    /// Portal Return.
    Retire,
    /// The portal is backed up.
    BackUp,
    /// The portal is restored.
    RestorePortal,
    /// An outsider who has seen a machine's record returns it in the machine's name.
    Forge(PlaceIndex),
    /// Another license of the same store hears of the portal.
    Hears(PlaceIndex),
    /// Policy shortens the lease.
    Shorten,
    /// A checkout locks a byte.
    Lock(PlaceIndex),
    /// A checkout reads the store again.
    FinishCheckout(PlaceIndex),
    /// A checkin.
    CheckIn(PlaceIndex, usize),
    /// A machine's processes are killed.
    Crash(PlaceIndex),
    /// Mutants only: a message without its intent.
    Unwritten(PlaceIndex, Call),
    /// Mutants only: a retry as a new operation.
    RetryAnew(PlaceIndex),
}

/// All that may happen next.
pub fn enabled(set: &Setting<'_>, world: &World, actions: &mut Vec<Action>) {
    messages(world, actions);
    files(set, world, actions);
    if world.now < set.bounds.end {
        actions.push(Action::Tick);
    }
    for at in 0..world.places.len() {
        machine(set, world, at, actions);
        faults(set, world, at, actions);
        processes(set, world, at, actions);
    }
    people(set, world, actions);
}

fn messages(world: &World, actions: &mut Vec<Action>) {
    actions.extend(world.requests.iter().map(|request| Action::Deliver(request.op)));
    for answer in &world.answers {
        // A clone may apply what was sent to its original.
        let places = 0..world.places.len();
        actions.extend(places.map(|at| Action::Apply(at, *answer)));
    }
}

fn files(set: &Setting<'_>, world: &World, actions: &mut Vec<Action>) {
    for file in &world.files {
        actions.extend((0..world.places.len()).map(|at| Action::ApplyFile(at, *file)));
    }
    if world.spent(Budget::File) >= set.bounds.budget(Budget::File) {
        return;
    }
    let ops = || world.requests.iter().map(|request| request.op);
    for first in ops() {
        actions.push(Action::AnswerFile(first, None));
        let others = ops().filter(|second| *second != first);
        actions.extend(others.map(|second| Action::AnswerFile(first, Some(second))));
    }
}

fn machine(set: &Setting<'_>, world: &World, at: PlaceIndex, actions: &mut Vec<Action>) {
    if world.places[at].ops < set.bounds.ops {
        actions.extend(client::calls(set.bounds.most).into_iter().map(|c| Action::Call(at, c)));
        if !set.has(Rule::IntentFirst) {
            let calls = client::calls(set.bounds.most).into_iter();
            actions.extend(calls.map(|call| Action::Unwritten(at, call)));
        }
        if !set.has(Rule::SameBytes) {
            actions.push(Action::RetryAnew(at));
        }
    } else {
        actions.push(Action::Call(at, Call::Clean));
    }
    if set.bounds.fine {
        actions.push(Action::Raise(at));
    }
    actions.push(Action::Send(at));
    if set.bounds.fine && set.bounds.budget(Budget::File) > 0 {
        actions.push(Action::GiveOut(at));
    }
    if set.bounds.budget(Budget::GiveUp) > 0 {
        actions.push(Action::GiveUp(at));
    }
}

fn faults(set: &Setting<'_>, world: &World, at: PlaceIndex, actions: &mut Vec<Action>) {
    let has = |budget| world.spent(budget) < set.bounds.budget(budget);
    let place = &world.places[at];
    if has(Budget::Save) && place.store.is_some() {
        actions.push(Action::Save(at));
    }
    if has(Budget::Restore) && place.saved.is_some() {
        actions.push(Action::Restore(at));
    }
    if has(Budget::Rollback) && place.saved.is_some() {
        actions.push(Action::Rollback(at));
    }
    if has(Budget::Loss) && place.store.is_some() {
        actions.push(Action::Lose(at));
    }
    for to in (0..world.places.len()).filter(|to| *to != at) {
        if has(Budget::Copy) && place.store.is_some() {
            actions.push(Action::Copy(at, to));
        }
        let alike = place.host == world.places[to].host;
        if has(Budget::Clone) && place.store.is_some() && alike {
            actions.push(Action::CloneMachine(at, to));
        }
    }
    if has(Budget::Forge) && place.record().is_some() {
        actions.push(Action::Forge(at));
    }
    if has(Budget::Hears) && place.store.is_some() {
        actions.push(Action::Hears(at));
    }
}

fn processes(set: &Setting<'_>, world: &World, at: PlaceIndex, actions: &mut Vec<Action>) {
    if set.bounds.tables {
        actions.push(Action::Look(at));
    }
    if set.bounds.budget(Budget::Checkout) > 0 {
        if world.spent(Budget::Checkout) < set.bounds.budget(Budget::Checkout) {
            actions.push(Action::Lock(at));
        }
        actions.push(Action::FinishCheckout(at));
        actions.extend((0..SLOTS).map(|byte| Action::CheckIn(at, byte)));
    }
    if world.spent(Budget::Crash) < set.bounds.budget(Budget::Crash) {
        actions.push(Action::Crash(at));
    }
}

fn people(set: &Setting<'_>, world: &World, actions: &mut Vec<Action>) {
    let has = |budget| world.spent(budget) < set.bounds.budget(budget);
    if has(Budget::Rehost) {
        let held = world.portal.fulfillments.iter().filter(|held| held.gone.is_none());
        actions.extend(held.map(|held| Action::Rehost(held.fid)));
    }
    for (budget, action) in [
        (Budget::Retire, Action::Retire),
        (Budget::Backup, Action::BackUp),
        (Budget::Shorten, Action::Shorten),
        (Budget::PortalClock, Action::SetBack),
    ] {
        if has(budget) {
            actions.push(action);
        }
    }
    if has(Budget::PortalRestore) && world.backup.is_some() {
        actions.push(Action::RestorePortal);
    }
}

/// Does one step. `false`: nothing would change.
pub fn perform(set: &Setting<'_>, world: &mut World, action: Action) -> bool {
    match action {
        Action::Call(at, call) => client::call(set, world, at, call),
        Action::Raise(at) => client::raise(set, world, at) && hit(set, Event::Raise),
        Action::Look(at) => {
            let before = world.places[at].table;
            client::look(set, world, at);
            world.places[at].table != before && hit(set, Event::Look)
        }
        Action::Send(at) => client::send(set, world, at) && hit(set, Event::Send),
        Action::Deliver(op) => deliver(set, world, op),
        Action::Apply(at, answer) => {
            world.answers.contains(&answer) && client::apply(set, world, at, &answer)
        }
        Action::AnswerFile(first, second) => answer_file(set, world, first, second),
        Action::ApplyFile(at, file) => {
            world.files.contains(&file) && client::apply_file(set, world, at, file)
        }
        Action::GiveOut(at) => client::give_out(set, world, at) && hit(set, Event::GivenOut),
        Action::GiveUp(at) => client::give_up(set, world, at),
        Action::SetBack => portal::set_back(world) && spend(set, world, Budget::PortalClock),
        Action::Unwritten(at, call) => client::unwritten(set, world, at, call),
        Action::RetryAnew(at) => client::retry_anew(set, world, at),
        Action::Lock(at) => client::lock(set, world, at) && spend(set, world, Budget::Checkout),
        Action::FinishCheckout(at) => client::finish_checkout(set, world, at),
        Action::CheckIn(at, byte) => client::check_in(world, at, byte) && hit(set, Event::Checkin),
        Action::Crash(at) => client::crash(world, at) && spend(set, world, Budget::Crash),
        Action::Tick => {
            pass_time(set, world, 1);
            hit(set, Event::Tick)
        }
        Action::Save(at) => save(set, world, at),
        Action::Restore(_) | Action::Rollback(_) | Action::Lose(_) => mishap(set, world, action),
        Action::Copy(from, to) | Action::CloneMachine(from, to) => {
            let whole = matches!(action, Action::CloneMachine(..));
            copy(set, world, from, to, whole)
        }
        Action::Hears(at) => hears(set, world, at),
        Action::Forge(at) => forge(set, world, at),
        Action::Rehost(_) | Action::Retire | Action::Shorten => ask_portal(set, world, action),
        Action::BackUp => {
            portal::back_up(world);
            spend(set, world, Budget::Backup)
        }
        Action::RestorePortal => {
            portal::restore(set, world);
            spend(set, world, Budget::PortalRestore)
        }
    }
}

fn hit(set: &Setting<'_>, event: Event) -> bool {
    set.hit(event);
    true
}

fn spend(set: &Setting<'_>, world: &mut World, budget: Budget) -> bool {
    world.spent[budget.index()] += 1;
    set.hit(match budget {
        Budget::Save => Event::Save,
        Budget::Restore => Event::Restore,
        Budget::Rollback => Event::Rollback,
        Budget::Loss => Event::Lose,
        Budget::Copy => Event::Copy,
        Budget::Clone => Event::CloneMachine,
        Budget::Rehost => Event::Rehost,
        Budget::Retire => Event::Retire,
        Budget::Backup => Event::Backup,
        Budget::PortalRestore => Event::PortalRestore,
        Budget::Hears => Event::Hears,
        Budget::Forge => Event::Forge,
        Budget::Shorten => Event::Shorten,
        Budget::Crash => Event::Crash,
        Budget::Checkout => Event::Lock,
        Budget::File => Event::FileAnswered,
        Budget::GiveUp => Event::GivenUp,
        Budget::PortalClock => Event::SetBack,
    });
    true
}

fn deliver(set: &Setting<'_>, world: &mut World, op: Op) -> bool {
    let Some(request) = world.requests.iter().copied().find(|request| request.op == op) else {
        return false;
    };
    let again = world.portal.known(op).is_some();
    set.hit(if again { Event::Repeated } else { Event::Deliver });
    let answer = portal::receive(set, world, &request, Way::Online);
    world.post(answer);
    true
}

/// A request file is answered: each request in a transaction of its own, as if it came alone.
fn answer_file(set: &Setting<'_>, world: &mut World, first: Op, second: Option<Op>) -> bool {
    let mut answered = |op: Op| {
        let request = world.requests.iter().copied().find(|request| request.op == op)?;
        if world.portal.known(op).is_some() {
            set.hit(Event::FileKnown);
        }
        Some(portal::receive(set, world, &request, Way::File))
    };
    let Some(answer) = answered(first) else { return false };
    let other = second.and_then(answered);
    if other.is_some() {
        set.hit(Event::Batch);
    }
    world.hand_out(ResponseFile(answer, other));
    spend(set, world, Budget::File)
}

/// Time passes; what it has ended is noticed everywhere.
pub fn pass_time(set: &Setting<'_>, world: &mut World, steps: Time) {
    world.now += steps;
    portal::settle(set, world);
    for at in 0..world.places.len() {
        client::notice(set, world, at);
    }
}

fn save(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let place = &mut world.places[at];
    let Some(store) = place.store else { return false };
    let saved = Some((store, place.anchor));
    if place.saved == saved {
        return false;
    }
    place.saved = saved;
    spend(set, world, Budget::Save)
}

/// A store is restored, with its machine or alone, or lost.
fn mishap(set: &Setting<'_>, world: &mut World, action: Action) -> bool {
    let (at, budget) = match action {
        Action::Restore(at) => (at, Budget::Restore),
        Action::Rollback(at) => (at, Budget::Rollback),
        Action::Lose(at) => (at, Budget::Loss),
        _ => return false,
    };
    let saved = world.places[at].saved;
    let place = &mut world.places[at];
    let before = (place.store, place.anchor);
    match (budget, saved) {
        (Budget::Loss, _) => place.store = None,
        (Budget::Restore, Some((store, _))) => place.store = Some(store),
        (_, Some((store, anchor))) => (place.store, place.anchor) = (Some(store), anchor),
        (_, None) => return false,
    }
    if (place.store, place.anchor) == before {
        return false;
    }
    client::crash(world, at);
    disturb(world, at, budget == Budget::Rollback);
    if budget != Budget::Loss {
        world.ghost.tampered |= 1 << at;
    }
    spend(set, world, budget)
}

fn copy(
    set: &Setting<'_>,
    world: &mut World,
    from: PlaceIndex,
    to: PlaceIndex,
    whole: bool,
) -> bool {
    let source = &world.places[from];
    let (store, anchor) = (source.store, source.anchor);
    let target = &mut world.places[to];
    if target.store == store {
        return false;
    }
    target.store = store;
    if whole {
        target.anchor = anchor;
    }
    world.ghost.tampered |= 1 << from;
    client::crash(world, to);
    world.ghost.tampered |= 1 << to;
    // A copy on the same host is the holder's other store.
    let alike = world.places[from].host == world.places[to].host;
    disturb(world, from, alike);
    disturb(world, to, alike);
    spend(set, world, if whole { Budget::Clone } else { Budget::Copy })
}

/// For the judgment: this host's stores are not as the library left them, and where the whole
/// machine was rolled back or cloned, a copy may work until the reach.
fn disturb(world: &mut World, at: PlaceIndex, copies: bool) {
    let host = world.places[at].host;
    world.ghost.disturbed |= 1 << host;
    if copies {
        let entry = world.places[at].entry();
        let pending = entry.and_then(|entry| entry.pending);
        let requests = pending.map(|pending| [Some(pending.request), pending.displaced]);
        for request in requests.into_iter().flatten().flatten() {
            if !world.ghost.shared.contains(&request.op) {
                world.ghost.shared.push(request.op);
                world.ghost.shared.sort_unstable();
            }
        }
        let host = usize::from(host);
        world.ghost.excused[host] = world.ghost.reach[host].saturating_add(1);
    }
}

/// Evidence is no secret, and a record can be seen on its way: only the key can't be had.
fn forge(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let Some(record) = world.places[at].record().copied() else { return false };
    let op = Op::new(Op::OUTSIDE, world.spent(Budget::Forge).into());
    world.send(Request {
        op,
        ask: Ask::Return(0),
        host: record.host,
        record: Some(record),
        unanswered: None,
        key: op,
        epoch: Some(record.epoch),
    });
    spend(set, world, Budget::Forge)
}

fn hears(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let epoch = Some(world.portal.epoch);
    let Some(store) = &mut world.places[at].store else { return false };
    if store.epoch == epoch {
        return false;
    }
    store.epoch = epoch;
    spend(set, world, Budget::Hears)
}

fn ask_portal(set: &Setting<'_>, world: &mut World, action: Action) -> bool {
    match action {
        Action::Rehost(fid) => portal::rehost(set, world, fid) && spend(set, world, Budget::Rehost),
        Action::Retire => portal::retire(set, world) && spend(set, world, Budget::Retire),
        Action::Shorten => portal::shorten(set, world) && spend(set, world, Budget::Shorten),
        _ => false,
    }
}

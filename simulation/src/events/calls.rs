//! Calls of the library, by processes of the machines.

use std::sync::Arc;

use lm::{Client, Options, State};

use crate::judge::examine;
use crate::locked;
use crate::machine::{Place, Process};
use crate::peek::short;
use crate::plan::PRODUCT;
use crate::ports::View;
use crate::world::World;

/// Processes at one place.
const MOST: usize = 2;

/// Opens a client in a new process. `None`: it died in it, or may not open.
pub(crate) fn open_at(world: &Arc<World>, place: Place) -> Option<Arc<Process>> {
    let process = world.new_process(place);
    let view = View::new(Arc::clone(world), Arc::clone(&process));
    let mut options = Options::new(PRODUCT, world.portal.trust_root());
    options.portal_url = Some("https://portal.invalid".to_owned());
    options.storage_dir = Some(place.directory().to_owned());
    options.host_label = Some(format!("desk {}", place.machine));
    options.transport = Some(Arc::new(view.clone()));
    world.machine(place.machine).add(Arc::clone(&process));
    let opened = world.survives(&process, || Client::open_with(options, view.ports()))?;
    match opened {
        Ok(client) => {
            let host = world.host_of(place.machine);
            locked(&world.judge).knows_host(client.host_id(), host);
            process.opened(client);
            Some(process)
        }
        Err(error) => {
            world.accuse("a client opens", || format!("{place}: {error}"));
            None
        }
    }
}

/// A process that can be called: one that lives, or a new one.
pub(super) fn some_process(world: &Arc<World>) -> Option<Arc<Process>> {
    let place = some_place(world)?;
    let live = world.machine(place.machine).live_at(place);
    let free: Vec<_> = live.iter().filter(|process| process.is_free()).cloned().collect();
    match world.pick(&free) {
        Some(process) => Some(process),
        None if live.len() < MOST => open_at(world, place),
        None => None,
    }
}

/// A place: the second store of a machine only once it was opened.
fn some_place(world: &World) -> Option<Place> {
    let mut places = world.places();
    places.retain(|place| {
        place.directory == 0 || !world.machine(place.machine).live_at(*place).is_empty()
    });
    world.pick(&places)
}

/// An activation ID to ask about: one that is here, one that there is, or one that there isn't.
pub(super) fn some_id(world: &Arc<World>, place: Place) -> Option<String> {
    let here: Vec<_> = examine(world, place)
        .map(|store| store.entries.iter().map(|entry| entry.id.clone()).collect())
        .unwrap_or_default();
    let ids: Vec<_> = locked(&world.judge).books.ids.keys().cloned().collect();
    match world.below(100) {
        0..45 if !here.is_empty() => world.pick(&here),
        0..97 => world.pick(&ids),
        _ => Some(world.unknown_id()),
    }
}

/// One call that changes something, judged.
pub(super) fn change(
    world: &Arc<World>,
    process: &Arc<Process>,
    what: impl FnOnce() -> String,
    call: impl FnOnce(&Client) -> lm::Result<()>,
) -> Option<lm::Result<()>> {
    let before = world.before_call(process);
    let number = process.number;
    world.tell(|| format!(" {}, process {number}: {}", process.place, what()));
    let called = world.call(process, call);
    world.note_store(process.place);
    let Some(result) = called else {
        world.tell(|| format!(" process {number} is dead"));
        return None;
    };
    world.tell(|| match &result {
        Ok(()) => format!(" process {number}: OK"),
        Err(error) => format!(" process {number}: {}", error.code().name()),
    });
    world.judge_result(process, &result);
    world.judge_granted(process, before);
    Some(result)
}

fn tail(id: &str) -> String {
    short(id)
}

pub(super) fn open(world: &Arc<World>) {
    let Some(place) = some_place(world) else { return };
    if world.machine(place.machine).live_at(place).len() < MOST {
        open_at(world, place);
    }
}

/// The holder's other store. From now on it has two, and either may be told of the other.
pub(super) fn open_second(world: &Arc<World>) {
    let mut places = world.places();
    places.retain(|place| place.directory > 0);
    let Some(place) = world.pick(&places) else { return };
    locked(&world.judge).disturb(world.host_of(place.machine));
    if world.machine(place.machine).live_at(place).len() < MOST {
        open_at(world, place);
    }
}

pub(super) fn exit(world: &Arc<World>) {
    let mut live = world.live();
    live.retain(|process| process.is_free());
    let Some(process) = world.pick(&live) else { return };
    world.machine(process.place.machine).kill(&process);
}

pub(super) fn activate(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some(id) = some_id(world, process.place) else { return };
    let is_cc = locked(&world.judge).books.ids.get(&id).is_some_and(|row| row.is_cc());
    let odd = world.percent(4);
    let seats = if is_cc || odd { 1 + world.below(3) } else { 1 };
    let seats = u32::try_from(seats).unwrap_or(1);
    change(
        world,
        &process,
        || format!("activate {} {seats}", tail(&id)),
        |client| client.activate(&id, seats),
    );
}

/// An activate of more than is held.
pub(super) fn more_seats(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some((id, held)) = some_record(world, process.place) else { return };
    let seats = held.saturating_add(1 + u32::try_from(world.below(2)).unwrap_or(0));
    change(
        world,
        &process,
        || format!("activate {} {seats}", tail(&id)),
        |client| client.activate(&id, seats),
    );
}

/// A record that is here: its activation ID and seats.
pub(super) fn some_record(world: &Arc<World>, place: Place) -> Option<(String, u32)> {
    let store = examine(world, place)?;
    let records = store
        .entries
        .iter()
        .filter_map(|entry| Some((entry.id.clone(), entry.record.as_ref()?.seats)));
    world.pick(&records.collect::<Vec<_>>())
}

pub(super) fn return_all(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some(id) = some_id(world, process.place) else { return };
    change(world, &process, || format!("return {}", tail(&id)), |client| client.return_(&id, 0));
}

pub(super) fn return_some(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some((id, held)) = some_record(world, process.place) else { return };
    let most = usize::try_from(held).unwrap_or(1).max(1);
    let seats = 1 + u32::try_from(world.below(most)).unwrap_or(0);
    change(
        world,
        &process,
        || format!("return {} {seats}", tail(&id)),
        |client| client.return_(&id, seats),
    );
}

pub(super) fn refresh(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some(id) = some_id(world, process.place) else { return };
    change(
        world,
        &process,
        || format!("refresh {}", tail(&id)),
        |client| client.refresh(Some(&id)),
    );
}

pub(super) fn refresh_all(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    change(world, &process, || "refresh".to_owned(), |client| client.refresh(None));
}

pub(super) fn resume(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    change(world, &process, || "resume".to_owned(), Client::resume);
}

pub(super) fn repair(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some(id) = some_id(world, process.place) else { return };
    change(world, &process, || format!("repair {}", tail(&id)), |client| client.repair(&id));
}

/// Another thread ends the calls of a process that are under way.
pub(super) fn cancel(world: &Arc<World>) {
    let Some(process) = world.pick(&world.live()) else { return };
    world.tell(|| format!(" of process {}", process.number));
    if let Some(Err(error)) = process.client().map(|client| client.cancel()) {
        world.accuse("no wrong step", || error.to_string());
    }
}

pub(super) fn remove(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some(id) = some_id(world, process.place) else { return };
    let done =
        change(world, &process, || format!("remove {}", tail(&id)), |client| client.remove(&id));
    if matches!(done, Some(Ok(()))) {
        // A license whose term is over is removed without a word to the portal, which goes on
        // counting its seat.
        locked(&world.judge).forgot(world.host_of(process.place.machine), &id);
    }
}

/// Every host application looks at its licenses, often.
pub(super) fn status(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    look(world, &process);
}

fn look(world: &Arc<World>, process: &Process) {
    let Some(id) = some_id(world, process.place) else { return };
    let status = world.call(process, |client| {
        let best = client.status(None);
        best.and_then(|_| client.status(Some(&id)))
    });
    if let Some(Ok(status)) = status {
        world.tell(|| {
            let usable = if status.usable { status.seats } else { 0 };
            let (process, state) = (process.number, status.state.name());
            format!(" process {process} looks: {} is {state}, usable {usable}", tail(&id))
        });
    }
}

pub(super) fn list(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let Some(Ok(rows)) = world.call(&process, Client::list) else { return };
    for row in rows {
        let of_record = row.status.state != State::PendingActivation;
        if of_record && row.fulfillment_id.is_empty() && row.status.seats > 0 {
            world.accuse("no wrong step", || format!("a row without its record: {row:?}"));
        }
    }
}

/// Another process of this place, or of another machine, comes between two steps.
pub(super) fn by_another(world: &Arc<World>, process: &Process) {
    let mut live = world.live();
    live.retain(|other| other.number != process.number && other.is_free());
    if world.percent(75) {
        live.retain(|other| other.place == process.place);
    }
    let Some(other) = world.pick(&live) else { return };
    world.tell(|| format!("meanwhile, process {}", other.number));
    if world.percent(70) {
        return look(world, &other);
    }
    let Some(id) = some_id(world, other.place) else { return };
    match world.below(3) {
        0 => change(world, &other, || "resume".to_owned(), Client::resume),
        1 => change(world, &other, || "return".to_owned(), |client| client.return_(&id, 0)),
        _ => change(world, &other, || "activate".to_owned(), |client| client.activate(&id, 1)),
    };
}

//! What happens to stores and machines behind the library's back.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::disk::{Disk, Saved};
use crate::locked;
use crate::machine::{Machine, Place, anchors, install_card, replace_hardware};
use crate::world::World;

/// What people keep of a place: a backup of the store, of its anchors, and of the whole machine.
pub(crate) struct Kept {
    place: Place,
    store: Saved,
    anchors: Saved,
    disk: Disk,
    /// Whose evidence it shows.
    host: usize,
}

fn disk_of(machine: &Machine) -> std::sync::MutexGuard<'_, Disk> {
    locked(&machine.disk)
}

fn some_place(world: &World) -> Option<Place> {
    world.pick(&world.places())
}

/// Programs may run on over what is changed beneath them, or not.
fn stop_some(world: &World, place: Place) {
    if world.percent(60) {
        let machine = world.machine(place.machine);
        machine.live_at(place).iter().for_each(|process| machine.kill(process));
    }
}

pub(super) fn save(world: &Arc<World>) {
    let Some(place) = some_place(world) else { return };
    let disk = disk_of(world.machine(place.machine)).clone();
    let (store, anchors) = (disk.save(place.directory()), disk.save(&anchors()));
    if !store.is_empty() {
        let host = world.host_of(place.machine);
        locked(&world.kept).push(Kept { place, store, anchors, disk, host });
    }
}

fn some_kept<T>(world: &World, of: impl FnOnce(&Kept) -> T) -> Option<T> {
    let kept = locked(&world.kept);
    let nth = world.dice(|dice| dice.index(kept.len()))?;
    kept.get(nth).map(of)
}

/// A store is restored where it was: into its files, or as new ones; with its anchors, or alone.
pub(super) fn restore(world: &Arc<World>) {
    let kept = some_kept(world, |kept| (kept.place, kept.store.clone(), kept.anchors.clone()));
    let Some((place, store, saved_anchors)) = kept else { return };
    stop_some(world, place);
    let (in_place, with_anchors) = (world.percent(50), world.percent(40));
    world.tell(|| format!(" {place}: in place {in_place}, with anchors {with_anchors}"));
    let mut disk = disk_of(world.machine(place.machine));
    disk.put(place.directory(), &store, in_place);
    if with_anchors {
        disk.put(&anchors(), &saved_anchors, in_place);
    }
    drop(disk);
    let host = world.host_of(place.machine);
    let mut judge = locked(&world.judge);
    judge.tamper(place);
    if with_anchors {
        // Nothing local knows better where the files are the same: an older copy may work.
        judge.copied(host);
        world.machine(place.machine).all_places().for_each(|place| judge.tamper(place));
    } else {
        judge.disturb(host);
    }
}

/// A whole machine is put back to an earlier day, as a snapshot does it.
pub(super) fn put_back(world: &Arc<World>) {
    let kept = some_kept(world, |kept| (kept.place, kept.disk.clone(), kept.host));
    let Some((place, disk, host)) = kept else { return };
    let machine = world.machine(place.machine);
    machine.kill_all();
    disk_of(machine).become_like(disk);
    locked(&machine.clocks).boot_now(world.now());
    world.tell(|| format!(" machine {}", machine.number));
    let before = std::mem::replace(&mut *locked(&machine.host), host);
    let mut judge = locked(&world.judge);
    judge.disturb(before);
    judge.copied(host);
    machine.all_places().for_each(|place| judge.tamper(place));
}

pub(super) fn lose(world: &Arc<World>) {
    let Some(place) = some_place(world) else { return };
    stop_some(world, place);
    let with_anchors = world.percent(30);
    let mut disk = disk_of(world.machine(place.machine));
    disk.clear(place.directory());
    if with_anchors {
        disk.clear(&anchors());
    }
    drop(disk);
    world.tell(|| format!(" {place}, with anchors {with_anchors}"));
    let mut judge = locked(&world.judge);
    judge.tamper(place);
    judge.disturb(world.host_of(place.machine));
    if with_anchors {
        world.machine(place.machine).all_places().for_each(|place| judge.tamper(place));
    }
}

/// A store is copied to another place, with its anchors or alone.
pub(super) fn copy(world: &Arc<World>) {
    let (Some(from), Some(to)) = (some_place(world), some_place(world)) else { return };
    if from == to {
        return;
    }
    let (store, saved_anchors) = {
        let disk = disk_of(world.machine(from.machine));
        (disk.save(from.directory()), disk.save(&anchors()))
    };
    if store.is_empty() {
        return;
    }
    stop_some(world, to);
    let with_anchors = world.percent(30);
    world.tell(|| format!(" {from} → {to}, with anchors {with_anchors}"));
    let mut disk = disk_of(world.machine(to.machine));
    disk.put(to.directory(), &store, false);
    if with_anchors {
        disk.put(&anchors(), &saved_anchors, false);
    }
    drop(disk);
    let (of, here) = (world.host_of(from.machine), world.host_of(to.machine));
    let mut judge = locked(&world.judge);
    // Both have the store's ID and the device key: what one does, the other is told of.
    for (place, host) in [(from, of), (to, here)] {
        judge.tamper(place);
        judge.disturb(host);
    }
    if of == here {
        // On the same host a copy is the holder's other store.
        judge.copied(here);
    }
    if with_anchors {
        world.machine(to.machine).all_places().for_each(|place| judge.tamper(place));
    }
}

/// A machine becomes the clone of the one whose hardware it has.
pub(super) fn clone_machine(world: &Arc<World>) {
    let (from, to) = (0, 3);
    if world.machines.len() <= to || world.host_of(from) != world.host_of(to) {
        return;
    }
    let disk = disk_of(world.machine(from)).clone();
    let machine = world.machine(to);
    machine.kill_all();
    disk_of(machine).become_like(disk);
    locked(&machine.clocks).boot_now(world.now());
    machine.used.store(true, Ordering::Relaxed);
    let mut judge = locked(&world.judge);
    judge.copied(world.host_of(from));
    world.machine(from).all_places().for_each(|place| judge.tamper(place));
    machine.all_places().for_each(|place| judge.tamper(place));
}

/// An ordinary change, which keeps the host: nobody is to notice.
pub(super) fn new_card(world: &Arc<World>) {
    let machine = world.machine(world.below(world.machines.len()));
    machine.kill_all();
    let number = u32::try_from(world.below(10_000)).unwrap_or(0) + 1000;
    install_card(&mut disk_of(machine), number);
    locked(&machine.clocks).boot_now(world.now());
}

/// The disk moves into another machine.
pub(super) fn new_hardware(world: &Arc<World>) {
    let machine = world.machine(world.below(world.machines.len()));
    machine.kill_all();
    let host = world.new_host();
    replace_hardware(&mut disk_of(machine), u32::try_from(host).unwrap_or(0));
    locked(&machine.clocks).boot_now(world.now());
    let before = std::mem::replace(&mut *locked(&machine.host), host);
    let mut judge = locked(&world.judge);
    judge.disturb(before);
    judge.disturb(host);
    machine.all_places().for_each(|place| judge.tamper(place));
}

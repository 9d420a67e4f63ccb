//! Checkouts: a seat in use is a byte that the kernel keeps locked while its process lives.

use super::usable;
use crate::events::Event;
use crate::rules::Rule;
use crate::setting::Setting;
use crate::state::{PlaceIndex, SLOTS, Slot, World};

/// The first half of a checkout: the lowest free byte is locked.
pub fn lock(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let gives = usable(set, world, at);
    let slots = &mut world.places[at].slots;
    let Some(byte) = slots.iter().position(|slot| *slot == Slot::Free) else { return false };
    let pointless = usize::from(gives) <= byte || slots.contains(&Slot::Locked);
    if pointless {
        return false;
    }
    slots[byte] = Slot::Locked;
    true
}

/// The second half: the store is read again, and the byte kept only if the record still gives it.
pub fn finish_checkout(set: &Setting<'_>, world: &mut World, at: PlaceIndex) -> bool {
    let gives = usize::from(usable(set, world, at));
    let slots = &mut world.places[at].slots;
    let Some(byte) = slots.iter().position(|slot| *slot == Slot::Locked) else { return false };
    let keeps = byte < gives || !set.has(Rule::LockThenRead);
    set.hit(if keeps { Event::Keep } else { Event::LetGo });
    slots[byte] = if keeps { Slot::Kept } else { Slot::Free };
    true
}

/// A checkin.
pub fn check_in(world: &mut World, at: PlaceIndex, byte: usize) -> bool {
    let slots = &mut world.places[at].slots;
    let kept = slots.get(byte) == Some(&Slot::Kept);
    if kept {
        slots[byte] = Slot::Free;
    }
    kept
}

/// The machine's processes are killed: the kernel frees their bytes, their tables are gone.
pub fn crash(world: &mut World, at: PlaceIndex) -> bool {
    let place = &mut world.places[at];
    let ran = place.table > 0 || place.slots != [Slot::Free; SLOTS];
    place.table = 0;
    place.slots = [Slot::Free; SLOTS];
    ran
}

//! Seats in use: taken and given back by processes of a machine.

use std::sync::Arc;

use super::calls::some_process;
use crate::locked;
use crate::plan::{CONCURRENT, NODE_LOCKED};
use crate::world::World;

pub(super) fn checkout(world: &Arc<World>) {
    let Some(process) = some_process(world) else { return };
    let feature = if world.percent(95) { CONCURRENT } else { NODE_LOCKED };
    let count = 1 + u32::try_from(world.below(2)).unwrap_or(0);
    let Some(taken) = world.call(&process, |client| client.checkout(feature, count)) else {
        return;
    };
    world.tell(|| {
        let code = taken.as_ref().err().map_or("OK", |error| error.code().name());
        format!(" {}, process {}: checkout of {count}: {code}", process.place, process.number)
    });
    match taken {
        Ok(seat) => locked(&process.seats).push((seat, count)),
        Err(error) => world.judge_result(&process, &Err(error)),
    }
}

pub(super) fn checkin(world: &Arc<World>) {
    let mut live = world.live();
    live.retain(|process| process.is_free() && !locked(&process.seats).is_empty());
    let Some(process) = world.pick(&live) else { return };
    let nth = world.below(locked(&process.seats).len());
    let (seat, count) = locked(&process.seats).swap_remove(nth);
    world.tell(|| format!(" {}, process {}: checkin of {count}", process.place, process.number));
    if let Some(Err(error)) = world.call(&process, |client| client.checkin(seat)) {
        world.judge_result(&process, &Err(error));
    }
}

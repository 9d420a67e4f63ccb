//! Time passes, and clocks wander.

use std::sync::Arc;

use crate::judge::HONEST;
use crate::locked;
use crate::plan::{DAY, HOUR, MINUTE};
use crate::world::World;

fn passes(world: &Arc<World>, first: i64, last: i64) {
    let milliseconds = world.dice(|dice| dice.between(first, last));
    world.tell(|| format!(" {} s", milliseconds / 1000));
    world.pass(milliseconds);
}

pub(super) fn moment(world: &Arc<World>) {
    passes(world, 1, 400);
}

pub(super) fn minutes(world: &Arc<World>) {
    passes(world, MINUTE * 1000, HOUR * 1000);
}

pub(super) fn hours(world: &Arc<World>) {
    passes(world, HOUR * 1000, 20 * HOUR * 1000);
}

pub(super) fn days(world: &Arc<World>) {
    passes(world, DAY * 1000, 9 * DAY * 1000);
}

/// A machine is suspended: its boot clock counts on, its monotonic clock doesn't.
pub(super) fn sleep(world: &Arc<World>) {
    let milliseconds = world.dice(|dice| dice.between(1000, 12 * HOUR * 1000));
    let machine = world.below(world.machines.len());
    locked(&world.machine(machine).clocks).sleep(milliseconds);
    world.pass(milliseconds);
}

pub(super) fn wall_wanders(world: &Arc<World>) {
    let machine = world.below(world.machines.len());
    let ahead = world.dice(|dice| dice.between(-HONEST, HONEST));
    locked(&world.machine(machine).clocks).ahead = ahead;
}

/// Further than an honest clock, and less than the tolerance: beyond it, nothing is promised of a
/// clock that is set while the library isn't running.
pub(super) fn wall_set(world: &Arc<World>) {
    let machine = world.below(world.machines.len());
    let far = world.plan.policy.terms.clock_tolerance * 1000 - 2 * HONEST;
    let ahead = world.dice(|dice| {
        if dice.percent(50) { dice.between(-far, far) } else { dice.between(0, 40 * DAY * 1000) }
    });
    world.tell(|| format!(" machine {machine}: {} s ahead", ahead / 1000));
    locked(&world.machine(machine).clocks).ahead = ahead;
    locked(&world.judge).unsteady(machine);
}

pub(super) fn portal_wanders(world: &Arc<World>) {
    world.set_portal_ahead(world.dice(|dice| dice.between(-HONEST / 4, HONEST / 4)));
}

//! What people do at the portal, and what is late on the wire.

use std::sync::Arc;

use lm_portal::admin::{
    allow as allowing, generate as generating, policy as policies, rehost as rehosting, retire,
    split as splitting,
};
use lm_portal::{Error, Kind, PolicyChange, Result, Tally};

use crate::fault::Fault;
use crate::history::Act;
use crate::locked;
use crate::plan::{DAY, HOUR};
use crate::world::World;

/// A refusal is an answer; anything else that fails is the portal's fault.
fn judged<T>(world: &Arc<World>, act: Act, result: Result<T>) -> Option<T> {
    match result {
        Ok(done) => {
            world.judge_portal(None);
            world.acted(act);
            Some(done)
        }
        Err(
            error @ (Error::Refused(_)
            | Error::LimitReached { .. }
            | Error::NotFound(_)
            | Error::Invalid(_)),
        ) => {
            world.tell(|| format!(" refused: {error}"));
            None
        }
        Err(error) => {
            world.accuse("portal", || error.to_string());
            None
        }
    }
}

fn some_id(world: &Arc<World>, fits: impl Fn(&crate::judge::IdRow) -> bool) -> Option<String> {
    let judge = locked(&world.judge);
    let ids = judge.books.ids.iter().filter(|(_, row)| fits(row)).map(|(id, _)| id.clone());
    let ids: Vec<_> = ids.collect();
    drop(judge);
    world.pick(&ids)
}

pub(super) fn late_delivery(world: &Arc<World>) {
    world.late_delivery();
}

pub(super) fn portal_return(world: &Arc<World>) {
    let any = world.percent(20);
    let Some(id) = some_id(world, |row| any || (row.is_cc() && row.is_active())) else { return };
    let Ok(parsed) = id.parse() else { return };
    let held: Vec<_> = {
        let judge = locked(&world.judge);
        let held = judge.books.live.iter().filter(|held| held.id == id);
        held.map(|held| held.fulfillment.clone()).collect()
    };
    let (now, dice) = (world.portal_now(), world.portal_dice());
    let done = world.portal.act(now, dice, async |act| retire::retire(act, parsed).await);
    if done.is_ok() {
        let mut judge = locked(&world.judge);
        held.iter().for_each(|fulfillment| judge.ended(fulfillment, &id));
    }
    judged(world, Act::Return(id), done);
}

pub(super) fn rehost(world: &Arc<World>) {
    let live = locked(&world.judge).books.live.clone();
    let Some(held) = world.pick(&live) else { return };
    end(world, &held.id, &held.fulfillment);
}

/// Re-hosts one fulfillment. `None`: refused.
pub(crate) fn end(world: &Arc<World>, id: &str, fulfillment: &str) -> Option<()> {
    let parsed = id.parse().ok()?;
    let (now, dice) = (world.portal_now(), world.portal_dice());
    let done = world.portal.act(now, dice, async |act| {
        rehosting::rehost(act, parsed, Some(fulfillment)).await.map(|_| ())
    });
    if done.is_ok() {
        locked(&world.judge).ended(fulfillment, id);
    }
    judged(world, Act::Rehost(id.to_owned(), fulfillment.to_owned()), done)
}

/// New activation IDs of what an entitlement has left.
pub(super) fn generate(world: &Arc<World>) {
    let Some(entitlement) = some_id(world, |row| row.is_cc())
        .and_then(|id| Some(locked(&world.judge).books.ids.get(&id)?.entitlement.clone()))
    else {
        return;
    };
    let seats = 1 + u32::try_from(world.below(2)).unwrap_or(0);
    let (now, dice) = (world.portal_now(), world.portal_dice());
    let done = world.portal.act(now, dice, async |act| {
        generating::generate(act, &entitlement, Kind::Cc, seats, 1).await.map(|_| ())
    });
    judged(world, Act::Generate(entitlement), done);
}

pub(super) fn split(world: &Arc<World>) {
    let Some(id) = some_id(world, |row| row.is_active() && row.quantity > 1) else { return };
    let quantity = locked(&world.judge).books.ids.get(&id).map_or(0, |row| row.quantity);
    let Ok(parsed) = id.parse() else { return };
    let first = u32::try_from(world.dice(|dice| dice.between(1, quantity - 1))).unwrap_or(1);
    let rest = u32::try_from(quantity).unwrap_or(1).saturating_sub(first);
    let (now, dice) = (world.portal_now(), world.portal_dice());
    let done = world.portal.act(now, dice, async |act| {
        splitting::split(act, parsed, &[first, rest]).await.map(|_| ())
    });
    judged(world, Act::Split(id), done);
}

/// An administrator allows more than a limit does.
pub(super) fn allow(world: &Arc<World>) {
    let Some(id) = some_id(world, |row| row.is_active()) else { return };
    let Ok(parsed) = id.parse() else { return };
    let what = world.pick(&[Tally::Return, Tally::Rehost, Tally::Repair]).unwrap_or(Tally::Return);
    let (now, dice) = (world.portal_now(), world.portal_dice());
    let done = world.portal.act(now, dice, async |act| allowing::allow(act, parsed, what, 1).await);
    judged(world, Act::Allow(id), done);
}

/// Leases become shorter or longer.
pub(super) fn policy(world: &Arc<World>) {
    if world.plan.policy.terms.lease == 0 {
        return;
    }
    let Some(id) = some_id(world, |row| row.is_ours()) else { return };
    let entitlement = locked(&world.judge).books.ids.get(&id).map(|row| row.entitlement.clone());
    let Some(entitlement) = entitlement else { return };
    let lease = world.pick(&[2 * HOUR, DAY, 7 * DAY]);
    let change = PolicyChange { lease, ..PolicyChange::default() };
    let (now, dice) = (world.portal_now(), world.portal_dice());
    let done = world
        .portal
        .act(now, dice, async |act| policies::set(act, &entitlement, &change).await.map(|_| ()));
    judged(world, Act::Policy(entitlement), done);
}

pub(super) fn back_up(world: &Arc<World>) {
    if let Err(error) = world.portal.back_up() {
        return world.accuse("portal", || error.to_string());
    }
    locked(&world.judge).backed_up = true;
    world.acted(Act::BackUp);
}

/// The portal's database is lost, and its backup taken into use.
pub(super) fn restore(world: &Arc<World>) {
    if !locked(&world.judge).backed_up {
        return;
    }
    let keeps_epoch = world.has(Fault::EpochKept);
    // The longest lease that was ever sold, and its grace.
    let longest = 7 * DAY + world.plan.policy.terms.grace;
    let (now, dice) = (world.portal_now(), world.portal_dice());
    let done = world.portal.restore((now, dice), longest, keeps_epoch);
    if done.is_ok() {
        locked(&world.judge).portal_restored();
    }
    judged(world, Act::Restore, done);
}

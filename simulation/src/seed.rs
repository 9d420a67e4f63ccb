//! One seed: a world is made, so many things happen in it, it is drained.

use std::sync::Arc;

use lm_portal::admin::{entitlements, generate};
use lm_portal::{Kind, Result};

use crate::cover::Cover;
use crate::events;
use crate::history::{Act, Happened};
use crate::locked;
use crate::plan::{Order, PRODUCT};
use crate::portal::Portal;
use crate::replay;
use crate::world::{Broken, World};

/// What a seed came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The broken promise.
    pub broken: Option<Broken>,
    /// The history in words, where it was told.
    pub story: Vec<String>,
    /// The history as data, where it was told.
    pub history: Vec<Happened>,
    /// What was reached.
    pub cover: Cover,
}

/// Runs one seed.
pub fn run(order: Order, portal: &Arc<Portal>) -> Result<Outcome> {
    portal.wipe()?;
    let world = World::new(order, Arc::clone(portal));
    world.tell(|| format!("{:?}", world.plan));
    found(&world)?;
    world.judge_portal(None);
    world.acted(Act::Founded);
    world.set_calm(false);
    for event in 1..=world.order.events {
        if world.order.without.contains(&event) {
            continue;
        }
        world.begin_event(event);
        let moment = world.dice(|dice| dice.between(1, 60));
        world.pass(moment);
        events::happen(&world);
        world.end_event();
        world.judge_quiet();
        if world.broken().is_some() {
            break;
        }
    }
    replay::judge(&world);
    if world.broken().is_none() {
        world.drain();
    }
    world.end();
    let cover = locked(&world.cover).clone();
    let history = std::mem::take(&mut *locked(&world.history));
    Ok(Outcome { broken: world.broken(), story: world.story(), history, cover })
}

/// What the vendor has sold: a node-locked ID, a concurrent one with seats left to generate more of,
/// and one of another product.
fn found(world: &World) -> Result<()> {
    let policy = &world.plan.policy;
    let (now, dice) = (world.portal_now(), world.portal_dice());
    world.portal.act(now, dice, async |act| {
        let new = policy.entitlement(PRODUCT, (Kind::Nl, policy.nl));
        let nl = entitlements::create(act, &new).await?;
        generate::generate(act, &nl, Kind::Nl, policy.nl, 1).await?;
        let new = policy.entitlement(PRODUCT, (Kind::Cc, policy.cc + 2));
        let cc = entitlements::create(act, &new).await?;
        generate::generate(act, &cc, Kind::Cc, policy.cc, 1).await?;
        let other =
            entitlements::create(act, &policy.entitlement("another", (Kind::Cc, 1))).await?;
        generate::generate(act, &other, Kind::Cc, 1, 1).await?;
        Ok(())
    })
}

//! Random walks: deep where the exhaustive search is broad. What breaks is told by the few steps
//! that matter.

use std::sync::Arc;

use crate::actions::{Action, enabled, perform};
use crate::canonical::canonical;
use crate::model::{Found, begin};
use crate::properties::first_broken;
use crate::rules::Rule;
use crate::setting::{Bounds, Cover, Setting};
use crate::state::World;
use crate::text;

/// Steps of one walk.
const STEPS: usize = 120;

/// A sequence of numbers that anyone can make again from its seed (splitmix64).
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let count = u64::try_from(count).unwrap_or(1).max(1);
        usize::try_from((mixed ^ (mixed >> 31)) % count).unwrap_or(0)
    }
}

/// Walks through the protocol until so many states were visited, or a promise breaks.
#[must_use]
pub fn walk(
    bounds: &Bounds,
    without: Option<Rule>,
    cover: &Arc<Cover>,
    seed: u64,
    states: usize,
) -> Found {
    let set = Setting { without, bounds, cover: Some(cover) };
    let mut dice = Dice(seed);
    let mut found = Found { states: 0, depth: 0, whole: false, broken: None, trace: Vec::new() };
    while found.states < states {
        let (path, world) = one(&set, &mut dice, &mut found.states);
        found.depth = found.depth.max(path.len());
        if let Some(broken) = first_broken(&set, &world) {
            let path = shortened(&set, path, broken.0);
            let (trace, end) = told(&set, &path);
            found.trace = trace;
            found.broken = first_broken(&set, &end).or(Some(broken));
            return found;
        }
    }
    found
}

/// One walk, to its end or to a broken promise.
fn one(set: &Setting<'_>, dice: &mut Dice, states: &mut usize) -> (Vec<Action>, World) {
    let (mut world, mut path, mut actions) = (begin(set.bounds), Vec::new(), Vec::new());
    for _ in 0..STEPS {
        actions.clear();
        enabled(set, &world, &mut actions);
        while !actions.is_empty() {
            let action = actions.swap_remove(dice.below(actions.len()));
            if let Some(next) = next(set, &world, action) {
                (world, path) = (next, {
                    path.push(action);
                    path
                });
                *states += 1;
                break;
            }
        }
        if first_broken(set, &world).is_some() {
            break;
        }
    }
    (path, world)
}

/// The world after a step that changes something.
fn next(set: &Setting<'_>, world: &World, action: Action) -> Option<World> {
    let mut next = world.clone();
    let done = perform(set, &mut next, action);
    canonical(set, &mut next);
    (done && next != *world).then_some(next)
}

/// Leaves out every step without which the same promise still breaks.
fn shortened(set: &Setting<'_>, mut path: Vec<Action>, property: &str) -> Vec<Action> {
    let set = Setting { cover: None, ..*set };
    let breaks = |path: &[Action]| {
        let end = path
            .iter()
            .fold(begin(set.bounds), |world, action| next(&set, &world, *action).unwrap_or(world));
        first_broken(&set, &end).is_some_and(|(name, _)| name == property)
    };
    let mut size = path.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < path.len() {
            let mut without = path.clone();
            without.drain(at..(at + size).min(path.len()));
            if breaks(&without) {
                path = without;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    path
}

fn told(set: &Setting<'_>, path: &[Action]) -> (Vec<String>, World) {
    let set = Setting { cover: None, ..*set };
    let (mut world, mut trace) = (begin(set.bounds), Vec::new());
    for action in path {
        let Some(after) = next(&set, &world, *action) else { continue };
        trace.push(text::step(&set, &world, *action, &after));
        world = after;
    }
    (trace, world)
}

//! The model as stateright explores it.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use stateright::{Checker, CheckerBuilder, HasDiscoveries, Model, Path, Property};

use crate::actions::{Action, enabled, perform};
use crate::canonical::canonical;
use crate::properties::first_broken;
use crate::rules::Rule;
use crate::setting::{BUDGETS, Bounds, Cover, Setting};
use crate::state::{Ghost, Place, Portal, SLOTS, Slot, World};
use crate::text;

/// The name of the one property that stateright sees: all of ours, in their order.
const PROMISE: &str = "promise";

/// The protocol within bounds, whole or without one rule.
#[derive(Debug)]
pub struct Protocol {
    bounds: Bounds,
    without: Option<Rule>,
    cover: Arc<Cover>,
    /// The first broken promise ends the search, so that its path is a shortest one.
    broken: AtomicBool,
    why: Mutex<Option<(&'static str, String)>>,
}

/// What a run has found.
#[derive(Debug)]
pub struct Found {
    /// Different states.
    pub states: usize,
    /// The longest path looked at.
    pub depth: usize,
    /// Nothing was left to explore within the bounds.
    pub whole: bool,
    /// The broken promise, and why.
    pub broken: Option<(&'static str, String)>,
    /// The way to it.
    pub trace: Vec<String>,
}

/// How far a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Threads. With more than one, the path to a broken promise may not be the shortest.
    pub threads: usize,
    /// Steps after which it stops; `None`: at its bounds.
    pub states: Option<usize>,
}

impl Effort {
    /// Alone, to the bounds.
    pub const WHOLE: Self = Self { threads: 1, states: None };
}

impl Protocol {
    /// Explores the protocol within bounds.
    #[must_use]
    pub fn explore(
        bounds: &Bounds,
        without: Option<Rule>,
        cover: &Arc<Cover>,
        effort: Effort,
    ) -> Found {
        let checker = Self::new(bounds, without, cover).prepared(effort);
        Found { whole: effort.states.is_none(), ..found(&checker.spawn_bfs().join()) }
    }

    fn new(bounds: &Bounds, without: Option<Rule>, cover: &Arc<Cover>) -> Self {
        Self {
            bounds: bounds.clone(),
            without,
            cover: Arc::clone(cover),
            broken: AtomicBool::new(false),
            why: Mutex::new(None),
        }
    }

    fn prepared(self, effort: Effort) -> CheckerBuilder<Self> {
        let mut checker =
            self.checker().threads(effort.threads).finish_when(HasDiscoveries::AnyFailures);
        if let Some(states) = effort.states {
            checker = checker.target_state_count(states);
        }
        checker
    }

    fn setting(&self) -> Setting<'_> {
        Setting { without: self.without, bounds: &self.bounds, cover: Some(&self.cover) }
    }

    fn keeps_promise(&self, world: &World) -> bool {
        if self.broken.load(Ordering::Relaxed) {
            return true;
        }
        let Some(why) = first_broken(&self.setting(), world) else { return true };
        if self.broken.swap(true, Ordering::Relaxed) {
            return true;
        }
        if let Ok(mut slot) = self.why.lock() {
            *slot = Some(why);
        }
        false
    }
}

fn found(done: &impl Checker<Protocol>) -> Found {
    let why = done.model().why.lock().ok().and_then(|why| why.clone());
    let trace = done.discovery(PROMISE).map(|path| trace(done.model(), &path));
    Found {
        states: done.unique_state_count(),
        depth: done.max_depth(),
        whole: false,
        broken: why,
        trace: trace.unwrap_or_default(),
    }
}

fn trace(model: &Protocol, path: &Path<World, Action>) -> Vec<String> {
    let steps = path.clone().into_vec();
    let set = Setting { cover: None, ..model.setting() };
    steps
        .windows(2)
        .filter_map(|pair| match pair {
            [(before, Some(action)), (after, _)] => Some(text::step(&set, before, *action, after)),
            _ => None,
        })
        .collect()
}

impl Found {
    /// The numbers, in one line.
    #[must_use]
    pub fn line(&self, name: &str) -> String {
        let broken = if self.broken.is_some() { "a broken promise" } else { "0 violations" };
        let whole = if self.whole { ", explored whole" } else { "" };
        format!("{name}: {} states, depth {}{whole}, {broken}", self.states, self.depth)
    }
    /// The trace as numbered lines.
    #[must_use]
    pub fn numbered(&self) -> String {
        let mut text = String::new();
        for (number, line) in self.trace.iter().enumerate() {
            let _ = writeln!(text, "{}. {line}", number + 1);
        }
        text
    }
}

/// The world as it begins.
#[must_use]
pub fn begin(bounds: &Bounds) -> World {
    let place = |host: &u8| Place {
        host: *host,
        store: None,
        anchor: None,
        saved: None,
        ops: 0,
        table: 0,
        slots: [Slot::Free; SLOTS],
    };
    World {
        now: 0,
        portal: Portal {
            epoch: 1,
            active: true,
            fulfilled: 0,
            cooling: 0,
            excess: 0,
            given_back: 0,
            floor: 0,
            lease: bounds.lease,
            fulfillments: Vec::new(),
            coolings: Vec::new(),
            known: Vec::new(),
            repairs: 0,
            returns: 0,
            behind: false,
        },
        backup: None,
        places: bounds.places.iter().map(place).collect(),
        requests: Vec::new(),
        answers: Vec::new(),
        files: Vec::new(),
        spent: [0; BUDGETS],
        ghost: Ghost {
            reach: vec![0; bounds.hosts()],
            excused: vec![0; bounds.hosts()],
            ended: Vec::new(),
            shared: Vec::new(),
            disturbed: 0,
            tampered: 0,
            portal_restored: false,
            fault: None,
        },
    }
}

impl Model for Protocol {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![begin(&self.bounds)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        enabled(&self.setting(), world, actions);
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        let set = self.setting();
        if !perform(&set, &mut next, action) {
            return None;
        }
        canonical(&set, &mut next);
        (next != *world).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![Property::always(PROMISE, Self::keeps_promise)]
    }
}

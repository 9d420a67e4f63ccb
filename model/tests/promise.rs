//! The promise holds: in every state of small worlds, which are explored whole, in a million states
//! of large ones, and along random walks through these.

use std::io::Write as _;
use std::sync::Arc;

use lm_model::events::Event;
use lm_model::model::{Effort, Found, Protocol};
use lm_model::runs::{LARGE, WHOLE};
use lm_model::setting::{Bounds, Cover};
use lm_model::walk::walk;

fn keeps_promise(bounds: &Bounds, found: &Found) {
    let _ = writeln!(std::io::stdout(), "{}", found.line(bounds.name));
    assert!(found.broken.is_none(), "{:?}\n{}", found.broken, found.numbered());
}

/// Each small world, whole. Together they do everything that the model can do: what no run has
/// touched would be proven by nothing.
#[test]
fn small_worlds_keep_the_promise() {
    let cover = Arc::new(Cover::default());
    let mut states = 0;
    for bounds in WHOLE {
        let effort = Effort { threads: 2, states: None };
        let found = Protocol::explore(bounds, None, &cover, effort);
        keeps_promise(bounds, &found);
        assert!(found.whole, "{} was not explored whole", bounds.name);
        states += found.states;
    }
    let _ = writeln!(std::io::stdout(), "{states} states in all");
    let untouched: Vec<_> = Event::ALL.iter().filter(|event| cover.count(**event) == 0).collect();
    assert!(untouched.is_empty(), "no run ever did {untouched:?}");
}

/// Three machines, two seats, everything that can happen: a million states, the nearest ones.
#[test]
fn a_large_world_keeps_the_promise() {
    let effort = Effort { threads: 2, states: Some(2_800_000) };
    let found = Protocol::explore(&LARGE[0], None, &Arc::new(Cover::default()), effort);
    keeps_promise(&LARGE[0], &found);
    assert!(found.states >= 1_000_000, "{} states", found.states);
}

/// The same worlds, and others, at random and deep.
#[test]
fn random_walks_keep_the_promise() {
    let cover = Arc::new(Cover::default());
    for bounds in LARGE.iter().chain(WHOLE) {
        let states = if bounds.name.starts_with("large") { 150_000 } else { 2_000 };
        keeps_promise(bounds, &walk(bounds, None, &cover, 7, states));
    }
}

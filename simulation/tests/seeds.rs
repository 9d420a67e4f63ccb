//! Some seeds of the simulation, and that it can be believed: the same seed tells the same history,
//! and what is planted is found and made short. The many seeds: `.ci/simulate`.

use std::sync::Arc;

use lm_simulation::{Cover, Fault, Happened, Order, Outcome, Portal, Replay, run, shrunk};

fn order(seed: u64) -> Order {
    Order {
        seed,
        events: 120,
        fault: None,
        without: Vec::new(),
        told: true,
        replay: Replay::Beside,
    }
}

fn portal() -> Arc<Portal> {
    Arc::new(Portal::open().unwrap())
}

fn ran(order: Order, portal: &Arc<Portal>) -> Outcome {
    run(order, portal).unwrap()
}

#[test]
fn seeds_keep_the_promise() {
    let portal = portal();
    let mut cover = Cover::default();
    for seed in 1..=16 {
        let outcome = ran(Order { told: false, ..order(seed) }, &portal);
        assert_eq!(outcome.broken, None, "seed {seed}");
        cover.add(&outcome.cover);
    }
    let granted = |message| {
        cover.exchanges().any(|(asked, answer, ..)| (asked, answer) == (message, "granted"))
    };
    assert!(granted("activate") && granted("refresh"));
}

/// On another portal, after other seeds, it is the same to the last word.
#[test]
fn a_seed_is_the_same_again() {
    let first = ran(order(5), &portal());
    let later = portal();
    ran(order(6), &later);
    let again = ran(order(5), &later);
    assert!(first.story.len() > 120, "{}", first.story.len());
    assert_eq!(first.story, again.story);
    assert_eq!(format!("{:?}", first.history), format!("{:?}", again.history));
}

/// A history as data has both sides of an exchange.
#[test]
fn a_history_has_both_sides() {
    let history = ran(order(5), &portal()).history;
    let ops = |of: fn(&Happened) -> Option<lm_protocol::Id>| {
        history.iter().filter_map(of).collect::<std::collections::BTreeSet<_>>()
    };
    let sent = ops(|happened| match happened {
        Happened::Sent { request, .. } => Some(request.op),
        _ => None,
    });
    let answered = ops(|happened| match happened {
        Happened::Answered { answer, .. } => Some(answer.op),
        _ => None,
    });
    let received = ops(|happened| match happened {
        Happened::Received { answer, .. } => Some(answer.op),
        _ => None,
    });
    assert!(sent.intersection(&answered).count() > 5);
    assert!(received.is_subset(&answered));
}

#[test]
fn what_is_planted_is_found_and_made_short() {
    let portal = portal();
    let planted = |seed| Order { fault: Some(Fault::CreditedTwice), told: false, ..order(seed) };
    let found = (1..=30).find_map(|seed| Some((seed, ran(planted(seed), &portal).broken?)));
    let (seed, broken) = found.expect("the fault is found");
    let short = shrunk(&planted(seed), &broken, &portal).unwrap();
    let left = short.events - u64::try_from(short.without.len()).unwrap();
    assert!(left < broken.event / 2, "{left} of {} events are left", broken.event);
    let outcome = ran(Order { told: true, ..short.clone() }, &portal);
    assert_eq!(outcome.broken.map(|broken| broken.check), Some(broken.check));
    // Without the fault the same events keep the promise.
    assert_eq!(ran(Order { fault: None, ..short }, &portal).broken, None);
}

/// A world ends with its seed: millions of them must not fill the memory.
#[test]
fn a_world_ends_with_its_seed() {
    let portal = portal();
    ran(order(5), &portal);
    assert_eq!(Arc::strong_count(&portal), 1);
}

/// The model by itself, without the judgment, finds what is planted in the portal, on the wire and in files.
#[test]
fn the_model_alone_finds_what_is_planted() {
    let portal = portal();
    for fault in [
        Fault::AnswerNotStored,
        Fault::AnsweredBeforeCommit,
        Fault::CreditedTwice,
        Fault::CooledAtOnce,
        Fault::OtherAnswerAccepted,
    ] {
        let planted =
            |seed| Order { fault: Some(fault), told: false, replay: Replay::Alone, ..order(seed) };
        let found = (1..=200).find_map(|seed| ran(planted(seed), &portal).broken);
        assert_eq!(found.map(|broken| broken.check), Some("the model allows it"), "{fault:?}");
    }
}

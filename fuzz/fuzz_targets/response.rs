//! What a portal's reply may do to a client: keyset, answer, record and time statement, each as it
//! should be, changed, made up, or signed by a stranger. The fuzzer's payloads are signed, so what it
//! makes gets past the signatures.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use lm::{Client, Code, Status};
use lm_fuzz::input::Input;
use lm_fuzz::is_planted;
use lm_fuzz::portal::{EXPIRES_AT, Make, Replied};
use lm_fuzz::world::{World, activation_id};

/// A machine without a license, and one with two seats.
static WORLDS: LazyLock<[World; 2]> = LazyLock::new(|| {
    let (empty, licensed) = (World::new(), World::new());
    licensed.portal(Some(Arc::new(|request, post| Replied::RIGHT.body(request, post))));
    let client = licensed.client().expect("a client");
    client.activate(&activation_id().to_string(), 2).expect("a license");
    assert!(client.status(None).expect("a status").usable);
    licensed.portal(None);
    [empty, licensed]
});

#[derive(Clone, Copy, PartialEq)]
enum Call {
    Activate,
    MoreSeats,
    Refresh,
    ReturnOne,
    ReturnAll,
}

fn call(client: &Client, call: Call) -> lm::Result<()> {
    let id = activation_id().to_string();
    match call {
        Call::Activate => client.activate(&id, 2),
        Call::MoreSeats => client.activate(&id, 3),
        Call::Refresh => client.refresh(None),
        Call::ReturnOne => client.return_(&id, 1),
        Call::ReturnAll => client.return_(&id, 0),
    }
}

/// What another process reads of the store is what this one says.
fn is_durable(world: &World, client: &Client, told: &Status) {
    let again = world.client().expect("the store that was just written");
    let read = again.status(None).expect("a status");
    assert_eq!((read.state, read.usable, read.seats), (told.state, told.usable, told.seats));
    assert_eq!(again.list().expect("a list").len(), client.list().expect("a list").len());
    assert!(read.cause != Some(Code::StorageDamaged), "it can't read what it wrote");
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let calls = [Call::Activate, Call::MoreSeats, Call::Refresh, Call::ReturnOne, Call::ReturnAll];
    let this = calls[usize::from(input.byte()) % calls.len()];
    let world = WORLDS[usize::from(this != Call::Activate)].copy();
    let modes = [input.byte(), input.byte(), input.byte(), input.byte()];
    let is_raw = input.byte() == 1;
    let [keyset, answer, record, time] = modes.map(|mode| Make::of(mode, &mut input));
    let replied = Replied { keyset, answer, record, time };
    let is_forged = replied.is_forged() && !is_raw;
    let raw = input.rest().to_vec();
    world.portal(Some(Arc::new(
        move |request, post| {
            if is_raw { raw.clone() } else { replied.body(request, post) }
        },
    )));

    let client = world.client().expect("a store of its own");
    let before = client.status(None).expect("a status");
    let result = call(&client, this);
    let after = client.status(None).expect("a status always answers");
    if is_forged && this != Call::ReturnAll {
        // Return all needs no record, so a forged one is not looked at.
        assert!(result.is_err(), "what a stranger signed was taken");
        assert!(!after.usable || before.usable, "it gave rights");
    }
    assert!(!after.usable || after.seats > 0);
    is_durable(&world, &client, &after);
    // And once more, with a portal that answers as it should: nothing is stuck for ever.
    world.portal(Some(Arc::new(|request, post| Replied::RIGHT.body(request, post))));
    let _ = client.resume();
    is_durable(&world, &client, &client.status(None).expect("a status"));

    if is_planted() {
        // No seed's: the fuzzer has made the record, signed as it must be, and the store holds it.
        let is_made = after.expires_at != 0 && !EXPIRES_AT.contains(&after.expires_at);
        assert!(!is_made, "planted: behind the signatures, a term that no seed has");
    }
});

//! Envelopes: any text; any payload, and a right one with some fields changed, signed as it must be.
#![no_main]

use std::sync::{Arc, LazyLock, Mutex};

use libfuzzer_sys::fuzz_target;
use lm_fuzz::input::Input;
use lm_fuzz::is_planted;
use lm_fuzz::portal::{answer, changed, keyset, record, sealed};
use lm_fuzz::world::{NOW, PRODUCT, Signer, VENDOR, World, activation_id, key, trust_root};
use lm_protocol::exchange::{Post, Reply};
use lm_protocol::{
    ActivationId, Answer, Keyring, Keyset, Message, Record, Request, TimeStatement, TrustRoot,
    Unverified, envelope,
};

/// What was verified can be signed again and says the same.
fn verified<T: Message + Clone + PartialEq + std::fmt::Debug>(text: &str) -> Option<T> {
    let all = [Signer::Root, Signer::Portal].map(|signer| key(signer).public());
    let unverified = Unverified::<T>::parse(text).ok()?;
    assert!(unverified.clone().verify(&[]).is_err());
    assert!(unverified.clone().verify(&[key(Signer::Stranger).public()]).is_err());
    let _ = unverified.clone().verify_named();
    let message = unverified.verify(&all).ok()?;
    assert_eq!(message.text(), text);
    let message = message.into_inner();
    assert!(message.is_within_bounds());
    // A shorter text for the same payload may have come; the longest that we make has a bound.
    if let Ok(again) = envelope::sign(&message, &[&key(Signer::Portal)]) {
        let again = Unverified::<T>::parse(&again).expect("our own envelope");
        assert_eq!(again.verify(&all).expect("our own signature").into_inner(), message);
    }
    Some(message)
}

fn each(text: &str) {
    let mut keyring = Keyring::new(trust_root());
    let keyset =
        sealed(Keyset::TYPE, &serde_json::to_vec(&keyset()).expect("a keyset"), Signer::Root);
    keyring.learn(&keyset).expect("the root's own");
    let _ = (keyring.verify::<Answer>(text), keyring.verify::<TimeStatement>(text));
    if let Ok(record) = keyring.verify::<Record>(text) {
        let _ = record.reach();
        assert!((1..=lm_protocol::limits::SEATS_MAX).contains(&record.seats));
    }
    let _ = (verified::<Keyset>(text), verified::<Record>(text), verified::<TimeStatement>(text));
    let (request, answered) = (verified::<Request>(text), verified::<Answer>(text));
    if let (Some(request), Some(answered)) = (&request, &answered) {
        let _ = answered.must_answer(request);
    }
    if is_planted() {
        // No seed's: the fuzzer has made it, whole, within its bounds, and signed.
        let is_made = answered.is_some_and(|answered| answered.product != PRODUCT);
        assert!(!is_made, "planted: behind the signature, an answer of another product");
    }
    if let Ok(true) = keyring.learn(text) {
        assert!(keyring.keyset_version() > 2);
    }
}

/// A right payload of each kind, as this crate's world makes them.
static PAYLOADS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let (world, seen) = (World::new(), Arc::new(Mutex::new(Vec::new())));
    let sees = seen.clone();
    world.portal(Some(Arc::new(move |request, post| {
        let granted = sealed(Record::TYPE, &json(&record(request)), Signer::Portal);
        let time = TimeStatement { vendor: VENDOR.to_owned(), nonce: post.time_nonce, time: NOW };
        *sees.lock().expect("one thread") = vec![
            json(&keyset()),
            json(&answer(request, granted)),
            json(&record(request)),
            json(&**request),
            json(&time),
        ];
        Vec::new()
    })));
    let client = world.client().expect("a client");
    client.activate(&activation_id().to_string(), 2).expect_err("nothing was replied");
    let payloads = seen.lock().expect("one thread").clone();
    assert_eq!(payloads.len(), KINDS.len());
    payloads
});

fn json<T: Message>(message: &T) -> Vec<u8> {
    serde_json::to_vec(message).expect("a message")
}

const KINDS: [&str; 5] =
    [Keyset::TYPE, Answer::TYPE, Record::TYPE, Request::TYPE, TimeStatement::TYPE];

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mode = usize::from(input.byte());
    let rest = input.rest();
    let kind = KINDS[mode % KINDS.len()];
    let signer = if kind == Keyset::TYPE { Signer::Root } else { Signer::Portal };
    match mode {
        // Any text, for each reader there is.
        0 => {
            let _ = (Post::parse(rest), Reply::parse(rest));
            let text = String::from_utf8_lossy(rest);
            each(&text);
            let _ = Request::open(&text);
            if let Ok(root) = TrustRoot::parse(&text) {
                assert_eq!(TrustRoot::parse(&root.to_string()), Ok(root));
            }
            if let Ok(id) = ActivationId::parse(&text) {
                assert_eq!(ActivationId::parse(&id.to_string()), Ok(id));
            }
        }
        // Any payload, signed.
        1..=5 => each(&sealed(kind, rest, signer)),
        // A right payload but for some of its fields, signed.
        _ => each(&sealed(kind, &changed(&PAYLOADS[mode % KINDS.len()], rest), signer)),
    }
});

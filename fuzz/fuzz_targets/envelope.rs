//! Envelopes: any text, and any payload in an envelope that is signed as it must be.
#![no_main]

use libfuzzer_sys::fuzz_target;
use lm_fuzz::input::Input;
use lm_fuzz::is_planted;
use lm_fuzz::portal::{keyset, sealed};
use lm_fuzz::world::{Signer, key, trust_root};
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
    let keyset = sealed(Keyset::TYPE, &serde_json::to_vec(&keyset()).expect("a keyset"), Signer::Root);
    keyring.learn(&keyset).expect("the root's own");
    let _ = (keyring.verify::<Answer>(text), keyring.verify::<TimeStatement>(text));
    if let Ok(record) = keyring.verify::<Record>(text) {
        let _ = record.reach();
        assert!((1..=lm_protocol::limits::SEATS_MAX).contains(&record.seats));
    }
    let _ = (verified::<Keyset>(text), verified::<Record>(text), verified::<TimeStatement>(text));
    let (request, answer) = (verified::<Request>(text), verified::<Answer>(text));
    if let (Some(request), Some(answer)) = (&request, &answer) {
        let _ = answer.must_answer(request);
    }
    if is_planted() {
        let stale = answer.is_some_and(|answer| answer.epoch == 77);
        assert!(!stale, "planted: behind the signature, a field of an answer");
    }
    if let Ok(true) = keyring.learn(text) {
        assert!(keyring.keyset_version() > 2);
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mode = input.byte();
    let rest = input.rest();
    let kinds = [Keyset::TYPE, Answer::TYPE, Record::TYPE, Request::TYPE, TimeStatement::TYPE];
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
        _ => {
            let kind = kinds[usize::from(mode) % kinds.len()];
            let signer = if kind == Keyset::TYPE { Signer::Root } else { Signer::Portal };
            each(&sealed(kind, rest, signer));
        }
    }
});

//! R57: every flipped bit of every signed message is refused.
//!
//! The messages are the published vectors; each goes through the verifier that its receiver uses. The
//! one thing that isn't signed is the key named beside a signature: a hint, which decides nothing.
//! `LM_STORAGE_TESTS=whole` flips every bit of every vector (`.ci/storage` does), else those of some
//! bytes of the first of each kind.

use std::path::PathBuf;

use lm_protocol::{Answer, Error, Keyring, Record, Request, Result, TimeStatement, TrustRoot};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    payload: String,
    envelope: String,
}

#[derive(Deserialize)]
struct Names {
    trust_root: Root,
}

#[derive(Deserialize)]
struct Root {
    line: String,
}

fn json<T: serde::de::DeserializeOwned>(name: &str) -> T {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
}

fn root() -> TrustRoot {
    TrustRoot::parse(&json::<Names>("names.json").trust_root.line).unwrap()
}

fn keyring() -> Keyring {
    let mut keyring = Keyring::new(root());
    assert_eq!(keyring.learn(&json::<Vec<Vector>>("keyset.json")[0].envelope), Ok(true));
    keyring
}

#[expect(clippy::disallowed_methods, reason = "a knob of these tests")]
fn whole() -> bool {
    std::env::var_os("LM_STORAGE_TESTS").is_some_and(|value| value == "whole")
}

/// What stands in the place of each bit flipped; not text any more: refused before anything reads it.
fn flips(text: &str) -> impl Iterator<Item = (usize, String)> {
    let places = (0..text.len()).step_by(stride());
    places.flat_map(|at| (0..8).map(move |bit| (at, bit))).filter_map(|(at, bit)| {
        let mut bytes = text.as_bytes().to_vec();
        bytes[at] ^= 1 << bit;
        Some((at, String::from_utf8(bytes).ok()?))
    })
}

fn stride() -> usize {
    if whole() { 1 } else { 11 }
}

/// Where the keys are named beside the signatures.
fn hints(envelope: &str) -> Vec<std::ops::Range<usize>> {
    let found = envelope.match_indices("{\"key\":\"");
    found.map(|(at, start)| at + start.len()..at + start.len() + 44).collect()
}

/// Flips every bit; `open` gives the payload of what was accepted. Returns how many were tried.
fn all_refused(vector: &Vector, open: impl Fn(&str) -> Result<String>) -> usize {
    assert_eq!(open(&vector.envelope).as_ref(), Ok(&vector.payload), "{}", vector.name);
    let hints = hints(&vector.envelope);
    for (at, flipped) in flips(&vector.envelope) {
        let hint = hints.iter().any(|hint| hint.contains(&at));
        match open(&flipped) {
            Err(_) => {}
            Ok(payload) if hint => assert_eq!(payload, vector.payload),
            Ok(_) => panic!("{}: byte {at} flipped, and accepted: {flipped}", vector.name),
        }
    }
    vector.envelope.len().div_ceil(stride()) * 8
}

fn text<T: serde::Serialize>(message: &T) -> String {
    serde_json::to_string(message).unwrap()
}

/// All of them, or the first.
fn vectors(name: &str) -> Vec<Vector> {
    let all: Vec<Vector> = json(name);
    let count = if whole() { all.len() } else { 1 };
    all.into_iter().take(count).collect()
}

#[expect(clippy::print_stdout, reason = "a test's report")]
fn tell(count: usize, what: &str) {
    println!("{count} cases: flipped bits of {what}");
}

#[test]
fn r57_every_flipped_bit_of_what_the_portal_signs_is_refused() {
    let keyring = keyring();
    let record = |t: &str| keyring.verify::<Record>(t).map(|it| text(&*it));
    let answer = |t: &str| keyring.verify::<Answer>(t).map(|it| text(&*it));
    let time = |t: &str| keyring.verify::<TimeStatement>(t).map(|it| text(&*it));
    let count = vectors("record.json").iter().map(|v| all_refused(v, record)).sum::<usize>()
        + vectors("answers.json").iter().map(|v| all_refused(v, answer)).sum::<usize>()
        + vectors("time.json").iter().map(|v| all_refused(v, time)).sum::<usize>();
    tell(count, "records, answers and time statements");
}

#[test]
fn r57_every_flipped_bit_of_what_the_root_signs_is_refused() {
    let vector = &json::<Vec<Vector>>("keyset.json")[0];
    let open = |t: &str| {
        let mut keyring = Keyring::new(root());
        let learned = keyring.learn(t)?;
        if learned { Ok(vector.payload.clone()) } else { Err(Error::Signature) }
    };
    tell(all_refused(vector, open), "keysets");
}

/// A request names its own keys, and all of them must have signed: here the key is no hint.
#[test]
fn r57_every_flipped_bit_of_what_a_machine_signs_is_refused() {
    let mut count = 0;
    for vector in vectors("requests.json") {
        assert!(Request::open(&vector.envelope).is_ok());
        for (at, flipped) in flips(&vector.envelope) {
            let opened = Request::open(&flipped);
            assert!(opened.is_err(), "{}: byte {at} flipped, and accepted: {flipped}", vector.name);
        }
        count += vector.envelope.len().div_ceil(stride()) * 8;
    }
    tell(count, "requests");
}

#[test]
fn r57_every_flipped_bit_of_the_trust_root_is_refused() {
    let line = root().to_string();
    for (at, flipped) in flips(&line) {
        assert!(TrustRoot::parse(&flipped).is_err(), "byte {at} flipped, and accepted: {flipped}");
    }
    tell(line.len().div_ceil(stride()) * 8, "the trust root's line");
}

/// What accepts without looking is caught.
#[test]
#[should_panic(expected = "flipped, and accepted")]
fn the_check_sees_a_verifier_that_does_not_verify() {
    let vector = json::<Vec<Vector>>("time.json").remove(0);
    all_refused(&vector, |_| Ok(vector.payload.clone()));
}

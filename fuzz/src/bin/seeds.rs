//! Writes the seeds of `response`, `image` and `file`, which are made of this crate's own world. Those of
//! `envelope` come from a real portal: tests/fuzz_seeds.rs.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use lm_fuzz::input::END;
use lm_fuzz::portal::{Replied, keyset, record, response_file};
use lm_fuzz::sealed::Plain;
use lm_fuzz::world::{World, activation_id, image};
use lm_protocol::Request;
use lm_protocol::file::read_requests;

fn write(target: &str, name: &str, bytes: &[u8]) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join(name), bytes).expect("a seed");
}

/// Modes of `Make`.
const CHANGED: u8 = 1;
const PAYLOAD: u8 = 2;
const FORGED: u8 = 4;

/// A reply in which one of keyset, answer, record and time is made otherwise.
fn response(call: u8, which: usize, mode: u8, piece: &str) -> Vec<u8> {
    let mut bytes = vec![call, 0, 0, 0, 0, 0];
    bytes[1 + which] = mode;
    bytes.extend_from_slice(piece.as_bytes());
    bytes.push(END);
    bytes
}

fn responses() {
    let answers = [
        ("stale", r#"{"verdict":"stale"}"#),
        ("returned", r#"{"verdict":"returned"}"#),
        ("abandoned", r#"{"verdict":"abandoned"}"#),
        ("obsolete", r#"{"verdict":{"obsolete":{"reason":"held_elsewhere"}}}"#),
        ("denied", r#"{"verdict":{"denied":{"refusal":"no_seats","retry_at":0,"detail":"{}"}}}"#),
        ("generation", r#"{"generation":7,"epoch":4,"store_generation":900}"#),
        ("time", r#"{"time":1799999999,"fulfillment_id":"F-2"}"#),
    ];
    let records = [
        ("seats", r#"{"seats":1,"kind":"nl","features":[{"name":"ortho","limit":null}]}"#),
        ("term", r#"{"starts_at":1800000001,"expires_at":1800000005,"apply_by":0}"#),
        ("expiry", r#"{"expires_at":1900000000}"#),
        ("lease", r#"{"lease_until":0,"grace_until":0,"generation":2}"#),
    ];
    for call in 0..5 {
        write("response", &format!("right-{call}"), &[call, 0, 0, 0, 0, 0]);
        for (name, piece) in answers {
            write("response", &format!("answer-{name}-{call}"), &response(call, 1, CHANGED, piece));
        }
        for (name, piece) in records {
            write("response", &format!("record-{name}-{call}"), &response(call, 2, CHANGED, piece));
        }
    }
    write("response", "time", &response(2, 3, CHANGED, r#"{"time":1700000000}"#));
    let keyset = serde_json::to_string(&keyset()).expect("a keyset");
    write("response", "keyset", &response(2, 0, PAYLOAD, &keyset));
    for which in 0..4 {
        write("response", &format!("forged-{which}"), &response(0, which, FORGED, ""));
    }
    // The record and the body that the first activation of this world gets.
    let world = World::new();
    let seen = Arc::new(Mutex::new((String::new(), Vec::new())));
    let sees = seen.clone();
    world.portal(Some(Arc::new(move |request, post| {
        let body = Replied::RIGHT.body(request, post);
        let record = serde_json::to_string(&record(request)).expect("a record");
        *sees.lock().expect("one thread") = (record, body.clone());
        body
    })));
    let client = world.client().expect("a client");
    client.activate(&activation_id().to_string(), 2).expect("a license");
    let (record, body) = seen.lock().expect("one thread").clone();
    write("response", "record-payload", &response(0, 2, PAYLOAD, &record));
    write("response", "raw", &[&[0, 0, 0, 0, 0, 1], body.as_slice()].concat());
}

/// As `response`, in a file: the first byte says that, the second which request it answers.
fn files() {
    let file = |asked: u8, which: usize, mode: u8, piece: &str| {
        let mut bytes = [&[2], &response(asked, which, mode, piece)[..]].concat();
        // Whether it is raw, which is said otherwise here.
        bytes.remove(6);
        bytes
    };
    let answers = [
        ("stale", r#"{"verdict":"stale"}"#),
        ("obsolete", r#"{"verdict":{"obsolete":{"reason":"held_elsewhere"}}}"#),
        (
            "restored",
            r#"{"verdict":{"denied":{"refusal":"portal_restored","retry_at":0,"detail":"{}"}}}"#,
        ),
        ("time", r#"{"time":1700000000,"epoch":9}"#),
    ];
    for asked in 0..4 {
        write("file", &format!("right-{asked}"), &[2, asked, 0, 0, 0, 0]);
        for (name, piece) in answers {
            write("file", &format!("answer-{name}-{asked}"), &file(asked, 1, CHANGED, piece));
        }
        let expiry = r#"{"expires_at":1900000000}"#;
        write("file", &format!("record-expiry-{asked}"), &file(asked, 2, CHANGED, expiry));
        write("file", &format!("forged-{asked}"), &file(asked, usize::from(asked), FORGED, ""));
    }
    let world = World::new();
    let client = world.client().expect("a client");
    let request = client.request_activation(&activation_id().to_string(), 2).expect("a file");
    write("file", "request", &[&[0, 0], &request[..]].concat());
    let entry = read_requests(&request).expect("our own").remove(0);
    let asked = Request::open(&entry.request).expect("our own");
    let answers = Replied::RIGHT.answers(&asked, entry.time_nonce);
    write("file", "contents", &[&[1, 0], &answers[..]].concat());
    let whole = response_file("For the machine.", &answers);
    write("file", "response", &[&[0, 0], whole.as_bytes()].concat());
}

fn images() {
    let world = World::new();
    world.portal(Some(Arc::new(|request, post| Replied::RIGHT.body(request, post))));
    let client = world.client().expect("a client");
    client.activate(&activation_id().to_string(), 2).expect("a license");
    let bytes = world.files.get(&image("a")).expect("an image");
    let mut plain = Plain::open(&bytes);
    let sealed = plain.seal(plain.plaintext());
    let anchor = world.files.get(&world.anchor()).expect("an anchor");
    let state = plain.state().clone();
    let with = |head: &[u8], rest: &[u8]| [head, rest].concat();
    write("image", "raw", &with(&[0, 2], &sealed));
    write("image", "raw-short", &with(&[0, 0], &sealed[..100]));
    write("image", "anchor", &with(&[1, 2], &anchor));
    write("image", "changed", &with(&[2, 2, 0, 20], b"\0\0\0\x01"));
    write("image", "plaintext", &with(&[3, 2], &plain.plaintext()));
    write("image", "sections", &with(&[4, 2, 1], &[&state[..], &[END, 2], b"later"].concat()));
    write("image", "state", &with(&[5, 2], &state));
    let changes: [(&str, u8, &str); 8] = [
        ("restored", 1, r#"{"restored":true}"#),
        ("late", 1, r#"{"too_late":true,"activated_at":-1}"#),
        ("contacted", 1, r#"{"contacted_at":1799000000}"#),
        ("no-record", 1, r#"{"record":null}"#),
        ("marks", 0, r#"{"marks":{"high":9,"low":9,"boot":null}}"#),
        (
            "backoff",
            0,
            r#"{"backoff":{"failures":3,"until":1900000000,"code":70,"person_until":0}}"#,
        ),
        ("settled", 0, r#"{"settled":[{"op":"00000000000000000000000000000001","result":112}]}"#),
        ("keyset", 0, r#"{"keyset":null,"epoch":9}"#),
    ];
    for (name, of, fields) in changes {
        write("image", name, &with(&[6, 2, of], fields.as_bytes()));
    }
}

fn main() {
    responses();
    files();
    images();
}

//! The seeds of the fuzz target `envelope`: what a real portal and a real client said to each other, as
//! envelopes and, so that a fuzzer can change them, as payloads alone.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "common/mod.rs"]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use common::machine::PRODUCT;
use common::world::World;
use lm::machine::SystemClock;
use lm::ports::{HttpRequest, HttpResponse, Transport};
use lm::storage::SystemFiles;
use lm::transport::{HttpsTransport, TransportOptions};
use lm::{Client, Options, Proxy};
use lm_protocol::exchange::{Post, Reply};
use lm_protocol::{
    Answer, Keyset, Message, Record, Request, TimeStatement, Unverified, Verdict, Verified,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/envelope")
}

/// What the first byte of a seed says of the rest; fuzz/fuzz_targets/envelope.rs reads it.
const ENVELOPE: u8 = 0;
const ANSWER: u8 = 1;
const RECORD: u8 = 2;
const REQUEST: u8 = 3;
const TIME: u8 = 4;
const KEYSET: u8 = 5;

/// Fields for the target's own payload of a kind: its number and five.
const FIELDS: [(&str, &[u8]); 5] = [
    ("fields-answer", b"\x06{\"product\":\"ortho-studio\",\"generation\":5,\"verdict\":\"stale\"}"),
    ("fields-record", b"\x07{\"seats\":2,\"kind\":\"cc\",\"expires_at\":1900000000}"),
    ("fields-request", b"\x08{\"operation\":{\"activate\":{\"seats\":2}},\"host_label\":\"desk\"}"),
    ("fields-time", b"\x09{\"time\":1800000000}"),
    ("fields-keyset", b"\x0A{\"version\":3,\"issued_at\":1}"),
];

/// Opens an envelope by the keys that it names.
fn opened<T: Message>(text: &str) -> lm_protocol::Result<Verified<T>> {
    Unverified::<T>::parse(text)?.verify_named()
}

fn is_payload<T: Message>(text: &str) -> bool {
    serde_json::from_str::<T>(text).is_ok_and(|message| message.is_within_bounds())
}

#[test]
fn the_seeds_are_messages_of_today() {
    let mut count = [0; 10];
    for seed in fs::read_dir(folder()).unwrap() {
        let bytes = fs::read(seed.unwrap().path()).unwrap();
        let is = |kind| bytes[0] == kind;
        if bytes[0] > KEYSET {
            continue;
        }
        let text = std::str::from_utf8(&bytes[1..]).unwrap();
        let kinds = [
            is(ENVELOPE) && opened::<Request>(text).is_ok(),
            is(ENVELOPE) && opened::<Answer>(text).is_ok(),
            is(ENVELOPE) && opened::<Keyset>(text).is_ok(),
            is(ENVELOPE) && opened::<TimeStatement>(text).is_ok(),
            is(ENVELOPE) && opened::<Record>(text).is_ok(),
            is(REQUEST) && is_payload::<Request>(text),
            is(ANSWER) && is_payload::<Answer>(text),
            is(KEYSET) && is_payload::<Keyset>(text),
            is(TIME) && is_payload::<TimeStatement>(text),
            is(RECORD) && is_payload::<Record>(text),
        ];
        let kind = kinds.iter().position(|is| *is).expect("renew them: fuzz/renew-seeds");
        count[kind] += 1;
    }
    assert!(count.iter().all(|count| *count > 0), "{count:?}: renew them: fuzz/renew-seeds");
}

/// Carries the messages on and keeps them.
struct Kept(HttpsTransport, Arc<Mutex<Vec<(Post, Reply)>>>);

impl Transport for Kept {
    fn post(&self, request: &HttpRequest<'_>) -> lm::Result<HttpResponse> {
        let response = self.0.post(request)?;
        let said = (Post::parse(request.body).unwrap(), Reply::parse(&response.body).unwrap());
        self.1.lock().unwrap().push(said);
        Ok(response)
    }
}

/// Not a check: `fuzz/renew-seeds` runs it.
#[test]
#[ignore = "writes fuzz/seeds: run fuzz/renew-seeds"]
fn renew() {
    // The vendor of the target's own trust root.
    let (world, dir) = (World::named("Terra"), tempfile::tempdir().unwrap());
    let (id, other) = (world.cc(3), world.nl(1));
    let kept = Arc::new(Mutex::new(Vec::new()));
    let https = HttpsTransport::new(TransportOptions {
        proxy: Proxy::None,
        ca_file: None,
        files: Arc::new(SystemFiles),
        clock: Arc::new(SystemClock),
    });
    let mut options = Options::new(PRODUCT, world.portal.trust_root());
    options.portal_url = Some(world.url().to_owned());
    options.storage_dir = Some(dir.path().join("store"));
    options.host_identity = Some("a machine".to_owned());
    options.transport = Some(Arc::new(Kept(https.unwrap(), kept.clone())));
    let client = Client::open(options).unwrap();
    client.activate(&id, 2).unwrap();
    client.activate(&id, 3).unwrap();
    client.refresh(None).unwrap();
    // Refused: a node-locked license has one seat.
    client.activate(&other, 2).unwrap_err();
    client.return_(&id, 1).unwrap();
    client.return_(&id, 0).unwrap();
    let anchor = client.anchor_path().map(Path::to_owned);
    drop(client);
    let _ = anchor.map(fs::remove_file);

    let _ = fs::remove_dir_all(folder());
    fs::create_dir_all(folder()).unwrap();
    for (name, bytes) in FIELDS {
        fs::write(folder().join(name), bytes).unwrap();
    }
    for (n, (post, reply)) in kept.lock().unwrap().iter().enumerate() {
        write::<Request>(&format!("request-{n}"), REQUEST, &post.request);
        write::<Answer>(&format!("answer-{n}"), ANSWER, &reply.answer);
        if let Verdict::Granted { record } = &opened::<Answer>(&reply.answer).unwrap().verdict {
            write::<Record>(&format!("record-{n}"), RECORD, record);
        }
        if n == 0 {
            write::<Keyset>("keyset", KEYSET, &reply.keyset);
            write::<TimeStatement>("time", TIME, &reply.time);
        }
    }
}

/// Writes a message as two seeds.
fn write<T: Message>(name: &str, kind: u8, envelope: &str) {
    let payload = serde_json::to_vec(&opened::<T>(envelope).unwrap().into_inner()).unwrap();
    let seeds = [("", ENVELOPE, envelope.as_bytes()), ("-payload", kind, payload.as_slice())];
    for (suffix, first, bytes) in seeds {
        fs::write(folder().join(format!("{name}{suffix}")), [&[first], bytes].concat()).unwrap();
    }
}

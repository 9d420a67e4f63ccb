//! The seeds of the fuzz target `envelope`: what a real portal and a real client said to each other.
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

/// Opens an envelope by the keys that it names.
fn opened<T: Message>(text: &str) -> lm_protocol::Result<Verified<T>> {
    Unverified::<T>::parse(text)?.verify_named()
}

#[test]
fn the_seeds_are_messages_of_today() {
    let mut count = [0; 5];
    for seed in fs::read_dir(folder()).unwrap() {
        let bytes = fs::read(seed.unwrap().path()).unwrap();
        // The byte before it tells the target that the rest is an envelope, or a payload to be signed.
        if bytes[0] != 0 {
            continue;
        }
        let text = std::str::from_utf8(&bytes[1..]).unwrap();
        let kinds = [
            opened::<Request>(text).is_ok(),
            opened::<Answer>(text).is_ok(),
            opened::<Keyset>(text).is_ok(),
            opened::<TimeStatement>(text).is_ok(),
            opened::<Record>(text).is_ok(),
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
    let (world, dir) = (World::new(), tempfile::tempdir().unwrap());
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
    let write = |name: String, text: &str| {
        fs::write(folder().join(&name), [b"\0", text.as_bytes()].concat()).unwrap();
        // What it carries too, for the target to sign; the first byte says of which message.
        let kinds = ["answer", "record", "request", "time", "keyset"];
        let kind = kinds.iter().position(|kind| name.starts_with(kind)).unwrap() + 1;
        let envelope: serde_json::Value = serde_json::from_str(text).unwrap();
        let payload = envelope["payload"].as_str().unwrap();
        let payload = lm_protocol::encoding::from_base64(payload).unwrap();
        let bytes = [&[u8::try_from(kind).unwrap()], payload.as_slice()].concat();
        fs::write(folder().join(format!("{name}-payload")), bytes).unwrap();
    };
    for (n, (post, reply)) in kept.lock().unwrap().iter().enumerate() {
        write(format!("request-{n}"), &post.request);
        write(format!("answer-{n}"), &reply.answer);
        if let Verdict::Granted { record } = &opened::<Answer>(&reply.answer).unwrap().verdict {
            write(format!("record-{n}"), record);
        }
        if n == 0 {
            write("keyset".to_owned(), &reply.keyset);
            write("time".to_owned(), &reply.time);
        }
    }
}

//! How a release's store is made: once, then never again.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lm::machine::SystemClock;
use lm::ports::{Clock as _, Transport};
use lm::storage::{Commit, SystemFiles};
use lm::transport::{HttpsTransport, Proxy, TransportOptions};

use crate::common::machine::PRODUCT;
use crate::common::world::World;
use crate::machine::Machine;
use crate::{Row, Shown, hex, rows};

const UNKNOWN: u32 = 0x6E75_6C6C;

fn wire() -> Arc<dyn Transport> {
    let options = TransportOptions {
        proxy: Proxy::None,
        ca_file: None,
        files: Arc::new(SystemFiles),
        clock: Arc::new(SystemClock),
    };
    Arc::new(HttpsTransport::new(options).unwrap())
}

/// An NL record, a CC record with features, and one of which a return is under way: by a real client
/// from a real portal.
#[test]
#[ignore = "makes the store of this release, once"]
fn makes_the_store_of_this_release() {
    let version = env!("CARGO_PKG_VERSION").rsplit_once('.').unwrap().0;
    let release = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records").join(version);
    assert!(!release.exists(), "{} is made once and kept for ever", release.display());
    let mut world = World::new();
    let machine = Machine::new();
    let made_at = world.now();
    machine.set_now(made_at);
    let (url, root) = (world.url().to_owned(), world.portal.trust_root());
    let client = machine.client(PRODUCT, &root, Some((&url, wire())));
    for (id, seats) in [(world.nl(1), 1), (world.cc(5), 3)] {
        client.activate(&id, seats).unwrap();
    }
    let going = world.cc(2);
    client.activate(&going, 2).unwrap();
    world.stop();
    client.return_(&going, 1).unwrap_err();
    drop(client);

    let vendor = lm_protocol::TrustRoot::parse(&root).unwrap().vendor;
    let store = machine.storage(&vendor, PRODUCT);
    let unknown: Vec<u8> = (0..=255).collect();
    let change = store.change(Duration::from_secs(10), |_, contents| {
        contents.set(UNKNOWN, unknown.clone());
        Ok(((), Commit::Write))
    });
    change.unwrap();
    let standing = store.read().unwrap().standing;
    machine.give(&release);
    let mut shown = Shown {
        vendor,
        product: PRODUCT.to_owned(),
        trust_root: root,
        made_at,
        store_id: hex(&standing.store_id),
        generation: standing.generation,
        format: 1,
        records: Vec::<Row>::new(),
        unknown: (UNKNOWN, hex(&unknown)),
    };
    shown.records = rows(&machine, &shown);
    let text = serde_json::to_string_pretty(&shown).unwrap() + "\n";
    std::fs::write(release.join("store.json"), text).unwrap();
    assert!(SystemClock.wall() - made_at < 600);
}

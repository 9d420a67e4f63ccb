//! R59: what every release wrote opens for ever.
//!
//! Beside this file each release has a folder with a store as it wrote it: both images, the anchor, and
//! in `store.json` what they are to show. `README.md` says how one is made.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod machine;
mod make;

use std::path::{Path, PathBuf};

use lm::storage::{Commit, State, Storage};
use lm::{Client, trust};
use serde::{Deserialize, Serialize};

use machine::Machine;

/// What a store of a release shows to whoever opens it.
#[derive(Debug, Serialize, Deserialize)]
struct Shown {
    vendor: String,
    product: String,
    trust_root: String,
    /// Unix seconds.
    made_at: i64,
    store_id: String,
    generation: u64,
    format: u16,
    records: Vec<Row>,
    /// A section that no release knows: tag and bytes, in hexadecimal.
    unknown: (u32, String),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    activation_id: String,
    fulfillment_id: String,
    generation: u64,
    state: String,
    usable: bool,
    seats: u32,
    features: String,
    /// The state after a month without contact.
    in_a_month: String,
}

const SOON: i64 = 30;
const MONTH: i64 = 31 * 86_400;

fn releases() -> Vec<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/records");
    let entries = std::fs::read_dir(here).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<_> = entries.filter(|path| path.is_dir()).collect();
    folders.sort();
    folders
}

fn shown_of(release: &Path) -> Shown {
    serde_json::from_slice(&std::fs::read(release.join("store.json")).unwrap()).unwrap()
}

/// The rows of a client, with what they are to be a month later.
fn rows(machine: &Machine, shown: &Shown) -> Vec<Row> {
    let list = |after: i64| {
        machine.set_now(shown.made_at + after);
        let client = machine.client(&shown.product, &shown.trust_root, None);
        let mut list = client.list().unwrap();
        list.sort_by(|a, b| a.activation_id.cmp(&b.activation_id));
        list
    };
    let (now, later) = (list(SOON), list(MONTH));
    let row = |(now, later): (lm::RecordInfo, lm::RecordInfo)| Row {
        activation_id: now.activation_id,
        fulfillment_id: now.fulfillment_id,
        generation: now.generation,
        state: now.status.state.name().to_owned(),
        usable: now.status.usable,
        seats: now.status.seats,
        features: now.features,
        in_a_month: later.status.state.name().to_owned(),
    };
    now.into_iter().zip(later).map(row).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_trusted(client: &Client, id: &str) -> bool {
    client.status(Some(id)).unwrap().trust == trust::HOST | trust::RESTORE | trust::TIME
}

/// Changes the store and leaves everything in it as it is.
fn rewrite(store: &Storage) {
    let wait = std::time::Duration::from_secs(10);
    store.change(wait, |_, _| Ok(((), Commit::Write))).unwrap();
}

#[test]
fn r59_a_store_of_every_release_opens_and_keeps_what_this_build_does_not_know() {
    let releases = releases();
    assert!(!releases.is_empty());
    for release in releases {
        let told = release.display();
        let shown = shown_of(&release);
        // Opening writes the time mark, so who looks into the future has a copy of his own.
        let seer = Machine::new();
        seer.take(&release);
        assert_eq!(rows(&seer, &shown), shown.records, "{told}");

        let machine = Machine::new();
        machine.take(&release);
        machine.set_now(shown.made_at + SOON);
        let store = machine.storage(&shown.vendor, &shown.product);
        let before = store.read().unwrap();
        assert_eq!(before.standing.state, State::Sound, "{told}");
        assert_eq!(before.notes, [], "{told}: both images and the anchor are read");
        assert_eq!(hex(&before.standing.store_id), shown.store_id);
        assert_eq!(before.standing.generation, shown.generation);
        // The first open after a start of the machine writes the time marks.
        let client = machine.client(&shown.product, &shown.trust_root, None);
        assert!(shown.records.iter().all(|row| is_trusted(&client, &row.activation_id)), "{told}");
        let opened = store.read().unwrap().standing.generation;

        // This build changes it: in the format that it found, with what it doesn't know.
        rewrite(&store);
        let whole = shown.records.iter().find(|row| row.state == "ACTIVE").unwrap();
        client.request_return(&whole.activation_id, 0).unwrap();
        let after = store.read().unwrap();
        assert_eq!(after.standing.state, State::Sound, "{told}");
        assert_eq!(after.standing.generation, opened + 2, "{told}");
        let unknown = after.contents.get(shown.unknown.0).map(hex);
        assert_eq!(unknown.as_ref(), Some(&shown.unknown.1), "{told}");
        for name in ["a", "b"] {
            let bytes = std::fs::read(machine.store_dir().join(name)).unwrap();
            assert_eq!(bytes[8..10], shown.format.to_le_bytes(), "{told}");
        }
        assert!(shown.records.iter().all(|row| is_trusted(&client, &row.activation_id)), "{told}");
    }
}

/// What tells the test above from one that trusts anything: the same store as other files.
#[test]
fn r59_the_same_store_copied_is_not_trusted() {
    for release in releases() {
        let shown = shown_of(&release);
        let machine = Machine::new();
        machine.take(&release);
        machine.set_now(shown.made_at + SOON);
        machine.be_other_files();
        let client = machine.client(&shown.product, &shown.trust_root, None);
        let trusted = |row: &Row| is_trusted(&client, &row.activation_id);
        assert!(!shown.records.iter().any(trusted), "{}", release.display());
    }
}

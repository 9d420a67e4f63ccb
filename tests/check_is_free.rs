//! Between two looks a check allocates nothing: counted on the thread that checks.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[path = "common/mod.rs"]
mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use common::machine::PRODUCT;
use common::world::World;
use lm::machine::{SystemClock, SystemRandom};
use lm::ports::{Clock, Ports};
use lm::storage::SystemFiles;
use lm::{Client, Options};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: it does what the system's allocator does, and counts.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's word.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's word.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A clock by which no look is due.
struct Standing(SystemClock, Duration);

impl Clock for Standing {
    fn wall(&self) -> i64 {
        self.0.wall()
    }
    fn monotonic(&self) -> Duration {
        self.1
    }
    fn boot(&self) -> Duration {
        self.0.boot()
    }
    fn sleep(&self, duration: Duration) {
        self.0.sleep(duration);
    }
}

#[test]
fn a_check_between_two_looks_allocates_nothing() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let id = world.cc(2);
    let mut options = Options::new(PRODUCT, world.portal.trust_root());
    options.portal_url = Some(world.url().to_owned());
    options.storage_dir = Some(folder.path().join("store"));
    options.host_identity = Some("field-1".to_owned());
    let ports = Ports {
        clock: Arc::new(Standing(SystemClock, SystemClock.monotonic())),
        random: Arc::new(SystemRandom::new()),
        files: Arc::new(SystemFiles),
    };
    let client = Client::open_with(options, ports).unwrap();
    client.activate(&id, 2).unwrap();

    let before = ALLOCATIONS.with(Cell::get);
    assert!(before > 0, "the allocator counts");
    let mut usable = 0;
    for _ in 0..1000 {
        usable += usize::from(client.status(Some(&id)).is_ok_and(|status| status.usable));
        usable += usize::from(client.status(None).is_ok_and(|status| status.usable));
        usable += usize::from(client.feature_status("ortho").is_ok_and(|status| status.usable));
        usable += usize::from(client.feature_limit("raster").is_ok_and(|limit| limit == Some(4)));
        usable += usize::from(client.change_count() > 0);
    }
    assert_eq!((ALLOCATIONS.with(Cell::get) - before, usable), (0, 5000));
    if let Some(anchor) = client.anchor_path() {
        let _ = std::fs::remove_file(anchor);
    }
}

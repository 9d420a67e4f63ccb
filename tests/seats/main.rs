//! Concurrent seats under processes, threads and returns.
//!
//! | file | what it shows |
//! |---|---|
//! | `processes` | what ends a use: a process' death, and nothing less; the example |
//! | `races` | however many take seats at once, never more than there are, also while some are returned |
//! | `interleaved` | a checkout and a return, one inside the other at each step of it |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/cc.rs"]
mod cc;
#[path = "../common/mod.rs"]
mod common;

mod interleaved;
mod processes;
mod races;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use common::machine::PRODUCT;
use common::world::World;
use lm::machine::{SystemClock, SystemRandom};
use lm::ports::{Clock, Files, Ports};
use lm::{Client, Options};

const HOST: &str = "a C program";

/// The system's clock, by which a return waits for nobody: these tests are about seats, not tables.
struct Impatient(SystemClock);

impl Clock for Impatient {
    fn wall(&self) -> i64 {
        self.0.wall()
    }
    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }
    fn boot(&self) -> Duration {
        self.0.boot()
    }
    fn sleep(&self, _: Duration) {}
}

/// A client of the machine, over these files.
fn open(world: &World, storage: &Path, files: Arc<dyn Files>) -> Client {
    let mut options = Options::new(PRODUCT, world.portal.trust_root());
    options.portal_url = Some(world.url().to_owned());
    options.storage_dir = Some(storage.to_owned());
    options.host_identity = Some(HOST.to_owned());
    let ports = Ports {
        clock: Arc::new(Impatient(SystemClock)),
        random: Arc::new(SystemRandom::new()),
        files,
    };
    Client::open_with(options, ports).unwrap()
}

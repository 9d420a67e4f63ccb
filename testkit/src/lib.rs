//! `liblm_testkit`: the C calls of `lm` over a pretended machine and portal, and `lm_test_*`, which
//! put them into a state. For hosts' own tests; never shipped. docs/testkit.md is its manual.
//!
//! It is the library's own source, compiled once more: all modules but one, `open`, which says in
//! which world a client lives. So every answer comes from the code that a customer runs, and the
//! product has no door for any of this. (Not a dependency on the crate `lm`: its C symbols would be
//! there twice, since `lm_client_open` must be another one.)
//!
//! | module | what it holds |
//! |---|---|
//! | `open` | a client in the pretended world |
//! | `kit::exports` | `lm_test_*`: the C side |
//! | `kit::record` | how a record is brought into a state: by the library's own calls |
//! | `kit::portal`, `kit::answer`, `kit::offline` | the pretended portal, online and by files |
//! | `kit::disk`, `kit::file`, `kit::damage` | the disk, in memory, and what befalls it |
//! | `kit::clock`, `kit::failures`, `kit::world` | time, failures to come, and who shares a world |

#[path = "../../src/cancel.rs"]
pub mod cancel;
#[path = "../../src/client/mod.rs"]
pub mod client;
#[path = "../../src/error.rs"]
pub mod error;
#[path = "../../src/ffi/mod.rs"]
pub mod ffi;
#[path = "../../src/limits.rs"]
pub mod limits;
#[path = "../../src/log.rs"]
pub mod log;
#[path = "../../src/machine/mod.rs"]
pub mod machine;
#[path = "../../src/mutex.rs"]
pub mod mutex;
#[path = "../../src/policy/mod.rs"]
pub mod policy;
#[path = "../../src/ports.rs"]
pub mod ports;
#[path = "../../src/secret.rs"]
pub mod secret;
#[path = "../../src/storage/mod.rs"]
pub mod storage;
#[path = "../../src/transport/mod.rs"]
pub mod transport;

mod kit;
mod open;

// As in the library's own root.
pub use client::{Applied, Client, Options, RecordInfo, Seat};
pub use error::{Code, Error, Result};
pub use lm_protocol::Kind;
pub use policy::health::{Finding, Topic};
pub use policy::{NextStep, State, Status, sentence, trust};
pub use storage::Scope;
pub use transport::Proxy;

pub use kit::exports::*;

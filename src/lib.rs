//! `lm`: activate, check and return a license in the application's own process.
//!
//! The layers, from the bottom up (a line uses only what stands below it): [`error`], limits, log,
//! mutex and secret; [`ports`]; storage, machine and transport; policy; client; open; ffi.

#[doc(hidden)]
pub mod cancel;
#[doc(hidden)]
pub mod client;
pub mod error;
#[cfg(feature = "capi")]
#[doc(hidden)]
pub mod ffi;
#[doc(hidden)]
pub mod limits;
pub mod log;
#[doc(hidden)]
pub mod machine;
mod mutex;
mod open;
#[doc(hidden)]
pub mod policy;
#[doc(hidden)]
pub mod ports;
#[doc(hidden)]
pub mod secret;
#[doc(hidden)]
pub mod storage;
#[doc(hidden)]
pub mod transport;

pub use client::{Applied, Client, Options, RecordInfo, Seat};
pub use error::{Code, Error, Result};
pub use lm_protocol::Kind;
pub use policy::health::{Finding, Topic};
pub use policy::{NextStep, State, Status, sentence, trust};
pub use storage::Scope;
pub use transport::Proxy;

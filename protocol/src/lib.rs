//! Messages, bounds and signatures of the `lm` license protocol.
//!
//! Everything that crosses between a machine and its vendor's portal, online or as a file, is one
//! of the messages here inside one [`envelope`]. This crate is pure: no I/O, no clock, no
//! randomness of its own; both sides of the protocol use the same code.
//!
//! From outside comes an [`Unverified`] message. Only verification makes it [`Verified`], and
//! nothing that acts on a message takes anything else.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod activation_id;
pub mod answer;
pub mod encoding;
pub mod envelope;
pub mod error;
pub mod evidence;
pub mod exchange;
pub mod file;
pub mod keys;
pub mod keyset;
pub mod limits;
pub mod record;
pub mod request;
pub mod time_statement;
pub mod trust_root;

pub use activation_id::ActivationId;
pub use answer::{Answer, ObsoleteReason, Refusal, Verdict};
pub use encoding::{Bytes32, Id};
pub use envelope::{Message, Unverified, Verified};
pub use error::{Error, Result};
pub use evidence::{Evidence, Factor, FactorKind, MachineKind};
pub use exchange::{Post, Reply};
pub use keys::{PublicKey, SigningKey};
pub use keyset::{Keyring, Keyset, KeysetKey, KeysetStatus};
pub use record::{Feature, Kind, Record, Terms};
pub use request::{Holder, Operation, Request, Scope, StoreRef};
pub use time_statement::TimeStatement;
pub use trust_root::TrustRoot;

/// The protocol's version: of the envelope, of every message in it and of the address.
pub const VERSION: u32 = 1;

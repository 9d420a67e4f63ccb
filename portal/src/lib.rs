//! The Licensing Portal: a seat ledger over SQLite or PostgreSQL, the client protocol over HTTP, a
//! page and a command line.
//!
//! A program that embeds it opens a [`Portal`] and serves it:
//!
//! ```no_run
//! use lm_portal::{Kind, NewEntitlement, Portal, PortalOptions};
//!
//! let portal = Portal::open(PortalOptions::in_directory(std::path::Path::new("data")))?;
//! let running = portal.serve()?;
//! let new = NewEntitlement::new("ortho", &[("raster", None)], 5);
//! let entitlement = portal.create_entitlement(&new)?;
//! let ids = portal.generate(&entitlement, Kind::Nl, 1, 1)?;
//! println!("{} {} {}", running.url(), portal.trust_root(), ids[0].activation_id);
//! running.stop()?;
//! # Ok::<(), lm_portal::Error>(())
//! ```
//!
//! Below, one thing stands on another: `server` (HTTP), `page` and the binary's command line call
//! [`admin`] and [`ledger`]; these are given a transaction, the time and randomness, and know
//! nothing of who calls.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

pub mod admin;
pub mod cli;
mod database;
pub mod dates;
pub mod error;
pub mod ledger;
pub mod offline;
mod page;
mod people;
mod portal;
pub mod ports;
mod server;
mod stop;

pub use admin::Actor;
pub use admin::entitlements::{EntitlementView, NewEntitlement};
pub use admin::generate::Generated;
pub use admin::policy::{OwnerRelease, Policy, PolicyChange};
pub use admin::restore::Restored;
pub use admin::show::{ActivationView, FulfillmentView, Page};
pub use admin::tokens::{TokenScope, TokenView};
pub use database::{Database, Write};
pub use error::{Error, Result};
pub use ledger::history::HistoryRow;
pub use ledger::limits::Tally;
pub use lm_protocol::{Feature, Kind, Terms};
pub use offline::{AnsweredFile, EntryView};
pub use people::Role;
pub use portal::{FirstAdministrator, Location, Portal, PortalOptions, Running};
pub use server::tls::TlsFiles;
pub use stop::StopWatch;

//! The Licensing Portal: a seat ledger over SQLite or PostgreSQL.
#![forbid(unsafe_code)]

pub mod admin;
pub mod database;
pub mod dates;
pub mod error;
pub mod ledger;
pub mod ports;

pub use error::{Error, Result};

//! The C ABI: the only `extern "C"` of the library. Each export converts, calls one method of
//! [`crate::Client`] and converts back; it decides nothing.
//!
//! `build.rs` makes `lm.h` of these files, in the order of the modules below. The doc comments of
//! public items are that header's text, for a C programmer; a first line that starts with `§` opens
//! a section of it.
//!
//! | file | what it holds |
//! |---|---|
//! | `constants` | every number of the contract, tied to the library's own |
//! | `http`, `log` | the host's callbacks as ports of the library, and the life of their user data |
//! | `options`, `client`, `list`, `buffer`, `seat`, `health`, `error` | one C noun each |
//! | `calls`, `checks`, `upkeep`, `about` | the calls that change, that answer, that keep up; names |
//! | `offline` | activate, return and repair by request and response files |
//! | `guard` | no panic crosses; a panic poisons its client |
//! | `pointers`, `sized` | what comes from C, checked; what goes to C, bounded |

// The names are C's. What each pointer must be is said once, in the header's conventions, and by
// each item there: the doc comments here are that header's text.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)
)]

// The modules of the header, in its order: a blank line each, so that they stay so.
pub(crate) mod constants;

mod log;

mod options;

pub(crate) mod client;

mod calls;

mod checks;

mod upkeep;

mod offline;

pub(crate) mod buffer;

mod list;

mod seat;

mod health;

pub(crate) mod error;

mod http;

mod about;

// The small ones below them.
pub(crate) mod guard;
pub(crate) mod pointers;
pub(crate) mod sized;
#[cfg(test)]
mod tests;

pub use about::*;
pub use buffer::*;
pub use calls::*;
pub use checks::*;
pub use client::*;
pub use constants::*;
pub use error::*;
pub use health::*;
pub use http::*;
pub use list::*;
pub use log::*;
pub use offline::*;
pub use options::*;
pub use seat::*;
pub use upkeep::*;

//! `lm`: activate, check and return a license in the application's own process.
//!
//! The layers, from the bottom up (a line uses only what stands below it): [`error`], limits and
//! secret; [`ports`]; storage, machine and transport; policy; client; ffi.

pub mod error;
pub mod limits;
#[doc(hidden)]
pub mod ports;
pub mod secret;
#[doc(hidden)]
pub mod storage;

pub use error::{Code, Error, Result};

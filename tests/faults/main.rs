//! Bad days, end to end: messages that are lost, a disk that fails after the portal has granted,
//! bytes that rot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod flips;
mod points;
mod replies;
mod saves;

//! The numbered rules, end to end: host applications that use the C ABI, over real HTTP, against a
//! real portal with a real database.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/mod.rs"]
mod common;

mod activation;
mod bad_storage;
mod cancel;
mod checkout;
mod client_return;
mod clock;
mod health;
mod identity;
mod interface;
mod memory;
mod offline;
mod offline_or_online;
mod overrides;
mod portal_return;
mod protocol;
mod repair;
mod restore;
mod restored_portal;
mod states;
mod tpm;
mod users;

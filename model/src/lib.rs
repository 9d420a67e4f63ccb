//! The protocol of `lm` as a checked model: clients with their stores and anchors, a network that
//! loses, repeats and reorders, a portal, clones, restored stores and machines, a restored portal,
//! late files, leases. It is small enough to be explored whole, and written to be read as the
//! protocol's second specification; `docs/protocol.md` is the way in.
#![forbid(unsafe_code)]
#![allow(
    clippy::indexing_slicing,
    reason = "places and hosts are indices that the model itself makes"
)]

mod named;

pub mod actions;
mod canonical;
pub mod client;
mod drain;
pub mod events;
pub mod messages;
pub mod model;
pub mod mutants;
pub mod portal;
pub mod properties;
pub mod replay;
pub mod rules;
pub mod runs;
pub mod setting;
pub mod state;
pub mod text;
pub mod walk;

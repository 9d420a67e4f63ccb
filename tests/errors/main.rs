//! What goes wrong, and what a person is then told: `docs/errors.md`, made of what the library says
//! when it really happens. A sentence that changes, changes there: `docs/renew-errors` writes the
//! page, and these tests compare.
//!
//! | file | where it goes wrong |
//! |---|---|
//! | `arguments` | in the host application's call |
//! | `storage` | on the disk that holds trusted storage |
//! | `network` | on the way to the portal |
//! | `tls` | between two that speak TLS |
//! | `answers` | in what a portal, or who pretends to be one, answers |
//! | `files` | in a request or response file, and on its way |
//! | `seats` | where the programs of a machine share its seats |
//! | `refusals` | nowhere: the portal says no |
//! | `page` | how the page is written and compared |
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

#[path = "../common/cc.rs"]
mod cc;
#[path = "../common/mod.rs"]
mod common;

mod answers;
mod arguments;
mod files;
mod network;
mod page;
mod refusals;
mod seats;
mod storage;
mod tls;

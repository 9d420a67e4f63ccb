//! What the tests share.
#![allow(dead_code, reason = "each test program uses its part of it")]

pub mod machine;
pub mod world;

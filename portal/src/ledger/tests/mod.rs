//! The ledger's rules against a real database in memory, one test a meaning.

mod activate;
mod conservation;
mod messages;
mod reattach;
mod restored;
mod returns;
mod rules;
mod world;

//! What an administrator allows beyond a limit, and has seen.

use super::Portal;
use crate::admin::{allow, flags, parse_id};
use crate::error::Result;
use crate::ledger::limits::Tally;

impl Portal {
    /// Allows `count` more of something beyond its limit, each for one use.
    pub fn allow(&self, activation_id: &str, what: Tally, count: u32) -> Result<()> {
        let id = parse_id(activation_id)?;
        self.act(async |act| allow::allow(act, id, what, count).await)
    }

    /// Acknowledges the flags of an activation ID.
    pub fn acknowledge(&self, activation_id: &str) -> Result<()> {
        let id = parse_id(activation_id)?;
        self.act(async |act| flags::acknowledge(act, id, None).await)
    }
}

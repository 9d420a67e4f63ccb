//! The portal's time, bound to one call: the only message that may set a clock mark back.

use serde::{Deserialize, Serialize};

use crate::encoding::Id;
use crate::envelope::Message;
use crate::keyset::Signed;
use crate::limits::{TIME_STATEMENT_MAX, is_vendor};

/// Signed apart from the answer, and fresh where the answer may be a stored one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeStatement {
    /// Whose portal.
    pub vendor: String,
    /// The nonce of this call, made anew for each.
    pub nonce: Id,
    /// The portal's clock, Unix seconds.
    pub time: i64,
}

impl Message for TimeStatement {
    const TYPE: &'static str = "time";
    const MAX: usize = TIME_STATEMENT_MAX;
    fn is_within_bounds(&self) -> bool {
        is_vendor(&self.vendor) && self.time > 0
    }
}

impl Signed for TimeStatement {
    fn vendor(&self) -> &str {
        &self.vendor
    }
    fn signed_at(&self) -> i64 {
        self.time
    }
}

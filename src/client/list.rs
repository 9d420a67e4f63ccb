//! A snapshot of the records.

use super::Client;
use crate::error::Result;
use crate::policy::Status;

/// A row of a list: who it is, and its status. Times are Unix seconds, 0 is "none".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordInfo {
    /// The activation ID, in canonical text.
    pub activation_id: String,
    /// The fulfillment ID; empty before the portal's answer.
    pub fulfillment_id: String,
    /// Feature names, separated by a space.
    pub features: String,
    /// Its status.
    pub status: Status,
    /// When it was activated here.
    pub activated_at: i64,
    /// When the portal last answered about it.
    pub contacted_at: i64,
    /// The record's generation; 0 before the portal's answer.
    pub generation: u64,
}

/// A store that is missing, damaged or newer has no rows to show: that is its error.
pub(super) fn list(client: &Client) -> Result<Vec<RecordInfo>> {
    client.count_anew();
    client.ids_here()?;
    Ok(client.rows())
}

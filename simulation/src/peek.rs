//! Looks into envelopes without verifying them: the judgment only watches, it believes nobody.

use lm_protocol::encoding::from_base64;
use lm_protocol::{Answer, Operation, Request, Verdict};
use serde_json::Value;

/// What an envelope holds.
pub(crate) fn payload<T: serde::de::DeserializeOwned>(envelope: &str) -> Option<T> {
    let envelope: Value = serde_json::from_str(envelope).ok()?;
    let bytes = from_base64(envelope.get("payload")?.as_str()?).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// A request, in a few words.
pub(crate) fn ask(request: &Request) -> String {
    let what = match &request.operation {
        Operation::Activate { seats } if request.record.is_some() => format!("re-attach {seats}"),
        Operation::Activate { seats } => format!("activate {seats}"),
        Operation::MoreSeats { seats, generation, .. } => {
            format!("more seats, {seats} in all, over generation {generation}")
        }
        Operation::Abandon { activate } => format!("abandon {}", short(&activate.to_string())),
        Operation::Return { seats: 0, generation, .. } => {
            format!("return all, of generation {generation}")
        }
        Operation::Return { seats, generation, .. } => {
            format!("return {seats}, of generation {generation}")
        }
        Operation::Refresh { generation, .. } => format!("refresh generation {generation}"),
        Operation::Repair { generation, .. } => format!("repair generation {generation}"),
    };
    format!("{what} ({})", short(&request.op.to_string()))
}

/// An answer, in a few words.
pub(crate) fn verdict(answer: &Answer) -> String {
    let what = match &answer.verdict {
        Verdict::Granted { .. } => format!("granted, generation {}", answer.generation),
        Verdict::Returned => "returned".to_owned(),
        Verdict::Abandoned => "abandoned".to_owned(),
        Verdict::Denied { refusal, .. } => format!("denied, {refusal:?}"),
        Verdict::Stale => "stale".to_owned(),
        Verdict::Obsolete { reason } => format!("obsolete, {reason:?}"),
    };
    format!("{what} ({})", short(&answer.op.to_string()))
}

/// The beginning of an ID.
pub(crate) fn short(id: &str) -> String {
    id.chars().take(6).collect()
}

//! One request under judgment, and what comes of it.

use lm_protocol::envelope::sign;
use lm_protocol::{Answer, ObsoleteReason, Record, Refusal, Request, Verdict, Verified};
use serde_json::Value;
use sqlx::AnyConnection;

use super::Way;
use super::fulfillment::Fulfillment;
use super::history::{self, Event};
use super::identity::Identity;
use crate::error::{Result, damaged};
use crate::ports::Random;

/// One request under judgment, within its transaction.
pub(super) struct Case<'a> {
    pub(super) db: &'a mut AnyConnection,
    pub(super) now: i64,
    pub(super) random: &'a dyn Random,
    pub(super) identity: &'a Identity,
    pub(super) request: &'a Request,
    /// The record that the request carries, verified.
    pub(super) record: Option<&'a Verified<Record>>,
    /// How it came.
    pub(super) way: Way,
}

/// What comes of a request.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The fulfillment that it is about and its generation from here on.
    pub(super) about: Option<(String, i64)>,
    pub(super) verdict: Verdict,
}

impl Outcome {
    /// Refused; nothing was changed.
    pub(super) fn denied(refusal: Refusal) -> Self {
        let verdict = Verdict::Denied { refusal, retry_at: 0, detail: String::new() };
        Self { about: None, verdict }
    }

    /// Refused until a time.
    pub(super) fn denied_until(refusal: Refusal, retry_at: i64) -> Self {
        Self { about: None, verdict: Verdict::Denied { refusal, retry_at, detail: String::new() } }
    }

    /// The fulfillment is gone, or another store's now.
    pub(super) fn obsolete(fulfillment: &Fulfillment, reason: ObsoleteReason) -> Self {
        Self::of(fulfillment, Verdict::Obsolete { reason })
    }

    /// A fulfillment that this portal doesn't know, by the name that the message gives it, is gone.
    pub(super) fn unknown_gone((id, generation): (&str, u64), reason: ObsoleteReason) -> Self {
        let generation = i64::try_from(generation).unwrap_or(i64::MAX);
        Self { about: Some((id.to_owned(), generation)), verdict: Verdict::Obsolete { reason } }
    }

    /// Whether it counts as a refusal. What a restored portal has lost is nobody's failure.
    pub(super) const fn is_denial(&self) -> bool {
        match &self.verdict {
            Verdict::Denied { refusal, .. } => !matches!(refusal, Refusal::PortalRestored),
            _ => false,
        }
    }

    /// About a fulfillment as it stands.
    pub(super) fn of(fulfillment: &Fulfillment, verdict: Verdict) -> Self {
        Self { about: Some((fulfillment.id.clone(), fulfillment.generation)), verdict }
    }
}

impl Case<'_> {
    /// Writes to the history what this machine did.
    pub(super) async fn tell(
        &mut self,
        action: &str,
        fulfillment: Option<&str>,
        flagged: bool,
        mut detail: Value,
    ) -> Result<()> {
        let host_id = self.request.host.host_id();
        if let (Value::Object(fields), false) = (&mut detail, self.request.host_label.is_empty()) {
            fields.insert("host_label".to_owned(), self.request.host_label.clone().into());
        }
        let event = Event {
            at: self.now,
            actor: &host_id,
            origin: match self.way {
                Way::Online => "protocol",
                Way::File => "file",
            },
            action,
            activation_id: &self.request.activation_id.to_string(),
            fulfillment_id: fulfillment.unwrap_or_default(),
            host_id: &host_id,
            flagged,
            detail,
            ..Event::default()
        };
        history::write(self.db, event).await
    }

    /// The signed answer.
    pub(super) fn answer(&self, outcome: &Outcome, store_generation: u64) -> Result<String> {
        let request = self.request;
        let unsigned = |number: i64| u64::try_from(number).map_err(|_| damaged("a generation"));
        let (fulfillment_id, generation) = match &outcome.about {
            Some((id, generation)) => (Some(id.clone()), unsigned(*generation)?),
            None => (None, 0),
        };
        let answer = Answer {
            vendor: self.identity.vendor.clone(),
            product: request.product.clone(),
            op: request.op,
            nonce: request.nonce,
            activation_id: request.activation_id,
            host_id: request.host.host_id(),
            fulfillment_id,
            generation,
            time: self.now,
            epoch: unsigned(self.identity.epoch)?,
            store_generation,
            verdict: outcome.verdict.clone(),
        };
        Ok(sign(&answer, &[&self.identity.online])?)
    }
}

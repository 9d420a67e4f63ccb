//! What the vendor and the license administrator do: entitlements, activation IDs, Return, Re-host,
//! Split, history. Command line, page and embedding programs call the same functions; each is run
//! within one transaction of its caller.

pub mod allow;
pub mod entitlements;
pub mod flags;
pub mod generate;
pub mod owner;
pub mod policy;
pub mod rehost;
pub mod restore;
pub mod retire;
pub mod show;
pub mod split;
pub mod tokens;

use lm_protocol::ActivationId;
use serde_json::Value;
use sqlx::AnyConnection;

use crate::error::{Error, Result};
use crate::ledger::activation::{self, Activation};
use crate::ledger::history::{self, Event};
use crate::ledger::seats;
use crate::ports::Random;

/// Who acts, and from where.
#[derive(Clone, Debug)]
pub struct Actor {
    /// A user's name.
    pub name: String,
    /// `page`, `command line` or `library`.
    pub origin: &'static str,
}

/// One administrative act within its transaction.
pub struct Act<'a> {
    /// The transaction.
    pub db: &'a mut AnyConnection,
    /// Unix seconds.
    pub now: i64,
    /// For IDs.
    pub random: &'a dyn Random,
    /// Who acts.
    pub actor: &'a Actor,
}

/// What an act is about, for the history.
#[derive(Default)]
pub(crate) struct About<'a> {
    pub(crate) activation_id: Option<ActivationId>,
    pub(crate) entitlement_id: &'a str,
    pub(crate) fulfillment_id: &'a str,
    pub(crate) host_id: &'a str,
}

impl Act<'_> {
    /// Locks an activation ID and settles what time has done to it.
    pub(crate) async fn lock(&mut self, id: ActivationId) -> Result<Activation> {
        let found = activation::lock(self.db, id).await?.ok_or_else(|| unknown(id))?;
        seats::settle(self.db, &found, self.now).await?;
        activation::read(self.db, id).await?.ok_or_else(|| unknown(id))
    }

    /// Writes to the history.
    pub(crate) async fn tell(
        &mut self,
        action: &str,
        about: About<'_>,
        detail: Value,
    ) -> Result<()> {
        let activation_id = about.activation_id.map(|id| id.to_string()).unwrap_or_default();
        let event = Event {
            at: self.now,
            actor: &self.actor.name,
            origin: self.actor.origin,
            action,
            activation_id: &activation_id,
            entitlement_id: about.entitlement_id,
            fulfillment_id: about.fulfillment_id,
            host_id: about.host_id,
            flagged: false,
            detail,
        };
        history::write(self.db, event).await
    }
}

pub(crate) fn unknown(id: ActivationId) -> Error {
    Error::NotFound(format!("this portal has no activation ID {id}"))
}

/// Reads an activation ID that a person typed.
pub fn parse_id(text: &str) -> Result<ActivationId> {
    ActivationId::parse(text).map_err(|_| {
        Error::NotFound(format!(
            "\"{text}\" is no activation ID: its check characters do not fit; look for a typing error"
        ))
    })
}

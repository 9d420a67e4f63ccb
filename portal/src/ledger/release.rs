//! Release: how seats leave a machine. Every way ends here: client return and abandon, by the machine's
//! word; the portal's Return and Re-host, without it.

use sqlx::AnyConnection;

use super::activation::Activation;
use super::fulfillment::{self, Fulfillment, State};
use super::seats;
use crate::error::{Error, Result};
use crate::ports::Random;

/// How seats leave a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Release {
    /// They are available at once; where they were taken again while they cooled, when they would
    /// have cooled: an older copy may work until then.
    AtOnce,
    /// They cool until the record's reach.
    Cool,
}

impl Release {
    /// After the word of a machine: a host that isn't the record's proves nothing about the one
    /// that is, so the seats cool in either mode.
    pub(super) const fn of(activation: &Activation, held: &Fulfillment, same_host: bool) -> Self {
        let bounded_and_strict = activation.entitlement.terms.strict && held.reach.is_some();
        if bounded_and_strict || !same_host { Self::Cool } else { Self::AtOnce }
    }

    /// Until when the seats of a fulfillment cool; `None`: without end.
    const fn until(self, held: &Fulfillment) -> Option<i64> {
        match self {
            Self::AtOnce => Some(held.owed),
            Self::Cool => held.reach,
        }
    }

    /// Whether they cool. In the second of their reach itself a copy may still work.
    pub(super) fn cools(self, held: &Fulfillment, now: i64) -> bool {
        self.until(held).is_none_or(|until| until >= now)
    }

    /// Moves the seats. `false`: they would have to cool without end, and nothing was changed.
    pub(super) async fn carry_out(
        self,
        db: &mut AnyConnection,
        random: &dyn Random,
        held: &Fulfillment,
        seats: i64,
        now: i64,
    ) -> Result<bool> {
        match self.until(held) {
            None => return Ok(false),
            Some(_) if !self.cools(held, now) => seats::free(db, held.activation_id, seats).await?,
            Some(until) => seats::cool(db, random, held, seats, until).await?,
        }
        Ok(true)
    }
}

/// Ends a fulfillment without the machine's word, and frees all the seats that it holds: at once in
/// prompt mode; in strict mode they cool until its reach, so that no seat has two users.
pub(crate) async fn without_the_machine(
    db: &mut AnyConnection,
    random: &dyn Random,
    activation: &Activation,
    held: &Fulfillment,
    state: State,
    now: i64,
) -> Result<()> {
    let strict = activation.entitlement.terms.strict;
    let release = if strict { Release::Cool } else { Release::AtOnce };
    if !release.carry_out(db, random, held, held.seats, now).await? {
        return Err(Error::Refused(format!(
            "the record on {} has no lease, so its seat would cool without end",
            held.host_id
        )));
    }
    fulfillment::close(db, held, state, now).await
}

//! A record is brought into a state as a machine and a portal would: it is activated, returned,
//! refused, by the library's own calls. What then answers `lm_status` is the library itself.
#![forbid(unsafe_code)]

use std::sync::{Arc, Mutex};

use lm_protocol::{ActivationId, Feature, Kind, ObsoleteReason};

use super::answer::KitsWay;
use super::locked;
use super::portal::{Dates, How, Offer, Refused};
use super::world::{Opening, World};
use crate::client::Client;
use crate::error::{Code, Error, Result};
use crate::policy::{DRIFT, State, Status, trust};

const DAY: i64 = 86_400;

/// What a test wants; checked.
pub(super) struct Wanted {
    pub(super) id: ActivationId,
    /// `None`: one of the product's name.
    pub(super) features: Option<Vec<Feature>>,
    pub(super) state: State,
    pub(super) kind: Option<Kind>,
    pub(super) seats: u32,
    pub(super) trust: u32,
    pub(super) cause: Option<Code>,
    /// 0: all.
    pub(super) returning: u32,
    pub(super) dates: Term,
}

/// 0: as the state needs it.
#[derive(Clone, Copy)]
pub(super) struct Term {
    pub(super) starts_at: i64,
    pub(super) expires_at: i64,
    pub(super) lease_until: i64,
    pub(super) grace_until: i64,
}

impl Wanted {
    fn trusts(&self, bit: u32) -> bool {
        self.trust & bit != 0
    }

    /// The dates that the state needs, where the test says nothing of them.
    fn filled(&self, now: i64) -> Term {
        let Term { mut starts_at, mut expires_at, mut lease_until, mut grace_until } = self.dates;
        let or = |date: &mut i64, usual: i64| {
            if *date == 0 {
                *date = usual;
            }
        };
        let lease_over = self.cause == Some(Code::LeaseOver);
        match self.state {
            State::NotYetValid => or(&mut starts_at, now + DAY),
            State::Grace => or(&mut lease_until, now - DAY),
            State::Expired if lease_over => or(&mut lease_until, now - 4 * DAY),
            State::Expired if self.cause != Some(Code::TooLate) => or(&mut expires_at, now - DAY),
            _ => {}
        }
        // Time matters to what ends, only.
        if !self.trusts(trust::TIME) && lease_until == 0 {
            or(&mut expires_at, now + 30 * DAY);
        }
        if lease_until != 0 {
            let grace = if lease_over { lease_until + DAY } else { lease_until + 3 * DAY };
            or(&mut grace_until, grace.max(lease_until));
        }
        Term { starts_at, expires_at, lease_until, grace_until }
    }
}

/// Whether it can be told at all what is wanted.
pub(super) fn sound(wanted: &Wanted) -> Result<()> {
    let Term { starts_at, expires_at, lease_until, grace_until } = wanted.dates;
    let wrong = if wanted.kind == Some(Kind::Nl) && wanted.seats != 1 {
        "A node-locked license has one seat on a machine."
    } else if wanted.returning != 0 && wanted.returning >= wanted.seats {
        "record.returning is as many seats as there are, or more: 0 is all of them."
    } else if [starts_at, expires_at, lease_until, grace_until].iter().any(|date| *date < 0) {
        "A date is before 1970."
    } else if grace_until != 0 && (lease_until == 0 || grace_until < lease_until) {
        "record.grace_until is before record.lease_until, or there is no lease."
    } else {
        return Ok(());
    };
    Err(Error::new(Code::InvalidArgument, wrong))
}

/// The kit's own client for one record.
struct Bringing<'a> {
    world: &'a World,
    opening: &'a Opening,
    id: String,
    /// By the machine's clock.
    now: i64,
    dates: Dates,
}

impl Bringing<'_> {
    /// Makes one call; `how` is the portal's answer, `None`: it is lost.
    fn call(
        &self,
        how: Option<How>,
        (time, elsewhere): (i64, bool),
        call: impl FnOnce(&Client, &str) -> Result<()>,
    ) -> Result<()> {
        let way = KitsWay { portal: self.world.portal.clone(), how: Mutex::new(how), time };
        let client = self.opening.open(self.world, Arc::new(way), elsewhere)?;
        call(&client, &self.id)
    }

    fn granting(&self) -> Option<How> {
        Some(How::Kit(self.dates))
    }

    /// The call must end so.
    fn told(result: Result<()>, code: Code) -> Result<()> {
        match result {
            Err(error) if error.code() == code => Ok(()),
            Err(error) => Err(error),
            Ok(()) => Err(Error::new(Code::Internal, "The record did not come into that state.")),
        }
    }
}

/// Puts the record into the store and the portal's books, in the place of what they have of the ID.
pub(super) fn set(host: &Client, world: &World, opening: &Opening, wanted: &Wanted) -> Result<()> {
    let now = world.clocks.wall();
    let term = wanted.filled(now);
    let too_late = wanted.cause == Some(Code::TooLate);
    let dates = Dates { lease_until: term.lease_until, grace_until: term.grace_until, too_late };
    let bringing = Bringing { world, opening, id: wanted.id.to_string(), now, dates };
    world.clocks.level();
    clear(&bringing)?;
    let feature = || vec![Feature { name: opening.product().to_owned(), limit: None }];
    let kind = wanted.kind.unwrap_or(if wanted.seats == 1 { Kind::Nl } else { Kind::Cc });
    locked(&world.portal).forget(wanted.id);
    locked(&world.portal).offer(
        wanted.id,
        Offer {
            kind,
            features: wanted.features.clone().unwrap_or_else(feature),
            starts_at: term.starts_at,
            expires_at: term.expires_at,
            leased: term.lease_until != 0,
        },
    );
    if wanted.state != State::Absent {
        bring(&bringing, wanted)?;
    }
    world.clocks.look_soon();
    check(host, &bringing, wanted)
}

/// What is here of the ID is given up, whatever it is.
fn clear(bringing: &Bringing<'_>) -> Result<()> {
    // A return that was outstanding, of some seats, comes before that of all.
    for _ in 0..3 {
        let at = (bringing.now, false);
        match bringing.call(bringing.granting(), at, |client, id| client.return_(id, 0)) {
            Ok(()) => {}
            Err(error) => match error.code() {
                Code::NotFound => return Ok(()),
                // An activation puts a new store into its place.
                Code::StorageDamaged | Code::StorageMissing => return Ok(()),
                _ => return Err(error),
            },
        }
    }
    Ok(())
}

fn bring(bringing: &Bringing<'_>, wanted: &Wanted) -> Result<()> {
    let elsewhere = !wanted.trusts(trust::HOST);
    // Where time isn't to be trusted, the portal's is further than this machine's by more than it may be.
    let ahead = if wanted.trusts(trust::TIME) { 0 } else { 2 * DAY + DRIFT };
    let at = (bringing.now + ahead, elsewhere);
    let seats = wanted.seats;
    let activate = |client: &Client, id: &str| client.activate(id, seats);
    if wanted.state == State::PendingActivation {
        return Bringing::told(bringing.call(None, at, activate), Code::Cancelled);
    }
    let granted = bringing.call(bringing.granting(), at, activate);
    if bringing.dates.too_late {
        Bringing::told(granted, Code::TooLate)?
    } else {
        granted?
    }
    let refuse = |refused, code| {
        let how = Some(How::Verdict(refused));
        let asked = bringing.call(how, at, |client, id| client.refresh(Some(id)));
        Bringing::told(asked, code)
    };
    if !wanted.trusts(trust::RESTORE) {
        refuse(Refused::Stale, Code::Stale)?;
    }
    match wanted.state {
        State::Orphaned if wanted.cause == Some(Code::HeldElsewhere) => {
            refuse(Refused::Obsolete(ObsoleteReason::HeldElsewhere), Code::HeldElsewhere)
        }
        State::Orphaned => refuse(Refused::Obsolete(ObsoleteReason::Retired), Code::Obsolete),
        State::PendingReturn => {
            let seats = wanted.returning;
            let asked = bringing.call(None, at, |client, id| client.return_(id, seats));
            Bringing::told(asked, Code::Cancelled)
        }
        _ => Ok(()),
    }
}

/// The host's own client must say what the test wants: else the test is told what it described.
fn check(host: &Client, bringing: &Bringing<'_>, wanted: &Wanted) -> Result<()> {
    // Reads the store at once. What it can't read, the status says.
    let _ = host.list();
    let status = host.status(Some(&bringing.id))?;
    let is = |status: &Status| {
        let same_trust = wanted.state == State::Absent || status.trust == wanted.trust;
        let same_cause = wanted.cause.is_none() || status.cause == wanted.cause;
        status.state == wanted.state && same_trust && same_cause
    };
    if is(&status) {
        return Ok(());
    }
    clear(bringing)?;
    bringing.world.clocks.look_soon();
    let cause = status.cause.map_or("LM_OK", Code::name);
    Err(Error::new(
        Code::InvalidArgument,
        format!(
            "As it is described, this license is {:?} (trust {}, cause {cause}) and not {:?} \
             (trust {}{}).",
            status.state,
            status.trust,
            wanted.state,
            wanted.trust,
            wanted.cause.map_or_else(String::new, |cause| format!(", cause {}", cause.name())),
        ),
    )
    .with_hint("Leave dates, cause and trust as lm_test_record_init sets them, or set what fits."))
}

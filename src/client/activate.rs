//! `activate`: this machine holds so many seats of the ID in total.

use lm_protocol::{ActivationId, Operation, limits};

use super::Client;
use super::entry::outstanding;
use super::exchange::Wish;
use super::intent::{Signing, Way};
use super::state::Pending;
use super::store::Draft;
use super::{offline, refresh};
use crate::error::{Code, Error, Result};
use crate::policy::{self, Activate};
use crate::storage::Commit;

enum Step {
    Done,
    /// Another operation comes first.
    Finish(Pending),
    /// This call's own.
    Own(Pending),
}

/// How often a finished operation may uncover another before the call gives up.
const STEPS: usize = 8;

pub(super) fn activate(client: &Client, id: ActivationId, seats: u32) -> Result<()> {
    check_seats(seats)?;
    if client.portal_url.is_none() && !client.ids_here().is_ok_and(|ids| ids.contains(&id)) {
        // Not even a folder is made for what cannot be sent.
        return Err(Error::from_code(Code::NoPortal));
    }
    let call = client.call(Wish::Person);
    for _ in 0..STEPS {
        match client.change_in(&call, |draft| decide(client, draft, id, seats, Way::Online))? {
            Step::Done => return Ok(()),
            Step::Finish(pending) => {
                let outcome = client.settle(id, &pending, &call)?;
                if is_same(&pending, seats) && is_final(&outcome.result) {
                    return outcome.result;
                }
            }
            Step::Own(pending) => {
                let result = client.settle(id, &pending, &call)?.result;
                // A portal restored from a backup, or one that remembers a later state of this
                // store, wants a new operation: so does the loop.
                if !matches!(code_of(&result), Some(Code::PortalRestored | Code::Restored)) {
                    return result;
                }
            }
        }
    }
    Err(Error::from_code(Code::Busy))
}

/// The operation of a request file. Where this machine holds as many seats already, it asks for a new
/// lease: an offline site has no other way to one.
pub(super) fn for_file(
    client: &Client,
    draft: &mut Draft<'_>,
    id: ActivationId,
    seats: u32,
) -> Result<(Pending, Commit)> {
    let (facts, _) = draft.judge(id);
    match decide(client, draft, id, seats, Way::File)? {
        (Step::Own(pending), commit) => Ok((pending, commit)),
        (Step::Done, _) => refresh::for_file(client, draft, id),
        (Step::Finish(pending), commit) => {
            let renews = matches!(pending.operation, Operation::Refresh { .. });
            if is_same(&pending, seats) || (renews && seats <= facts.seats) {
                Ok((pending, commit))
            } else {
                Err(offline::comes_first(&pending))
            }
        }
    }
}

pub(super) fn check_seats(seats: u32) -> Result<()> {
    if (1..=limits::SEATS_MAX).contains(&seats) {
        return Ok(());
    }
    let sentence = format!("The number of seats must be 1 to {}.", limits::SEATS_MAX);
    Err(Error::new(Code::InvalidArgument, sentence))
}

fn decide(
    client: &Client,
    draft: &mut Draft<'_>,
    id: ActivationId,
    seats: u32,
    way: Way,
) -> Result<(Step, Commit)> {
    let (facts, status) = draft.judge(id);
    let outstanding = outstanding(draft.state.entry(id));
    let (operation, signing) = match policy::activate(outstanding, &facts, &status, seats)? {
        Activate::FinishFirst => {
            let pending = draft.state.entry(id).and_then(|entry| entry.pending.clone());
            return Ok((pending.map_or(Step::Done, Step::Finish), Commit::Keep));
        }
        Activate::Nothing => return Ok((Step::Done, Commit::Keep)),
        Activate::New => (Operation::Activate { seats }, Signing::NewKey),
        Activate::Reattach => (Operation::Activate { seats }, Signing::RecordAndFreshKey),
        Activate::MoreSeats => (more_seats(draft, id, seats)?, Signing::Record),
    };
    let pending = client.intend(draft, id, operation, &signing, way)?;
    Ok((Step::Own(pending), Commit::Write))
}

fn more_seats(draft: &Draft<'_>, id: ActivationId, seats: u32) -> Result<Operation> {
    let (fulfillment_id, generation) = draft.about(id)?;
    Ok(Operation::MoreSeats { seats, fulfillment_id, generation })
}

/// The same call, made before and not answered.
fn is_same(pending: &Pending, wanted: u32) -> bool {
    matches!(pending.operation,
        Operation::Activate { seats } | Operation::MoreSeats { seats, .. } if seats == wanted)
}

/// Whether an earlier try's answer is this call's too. One that speaks of a state that has passed
/// is not.
fn is_final(result: &Result<()>) -> bool {
    !matches!(
        code_of(result),
        Some(
            Code::Stale
                | Code::Obsolete
                | Code::HeldElsewhere
                | Code::TooLate
                | Code::Restored
                | Code::PortalRestored
        )
    )
}

fn code_of(result: &Result<()>) -> Option<Code> {
    result.as_ref().err().map(Error::code)
}

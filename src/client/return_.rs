//! `return`: seats go back to the portal. Local use stops durably before it is asked.

use lm_protocol::{ActivationId, Operation};

use super::Client;
use super::entry::outstanding;
use super::exchange::Wish;
use super::intent::{Signing, Way};
use super::offline;
use super::state::Pending;
use super::store::Draft;
use crate::error::{Code, Error, Result};
use crate::policy::{self, Return};
use crate::storage::Commit;

enum Step {
    Done,
    Finish(Pending),
    Own(Pending),
}

const STEPS: usize = 4;

pub(super) fn return_(client: &Client, id: ActivationId, seats: u32) -> Result<()> {
    client.must_be_here(id)?;
    let call = client.call(Wish::Person);
    for _ in 0..STEPS {
        match client.change_in(&call, |draft| decide(client, draft, id, seats, Way::Online))? {
            Step::Done => return Ok(()),
            Step::Own(pending) => {
                let result = client.settle(id, &pending, &call)?.result;
                if !was_forgotten(&result) {
                    return result;
                }
            }
            Step::Finish(pending) => {
                let was_ours = is_same(&pending, seats);
                let outcome = client.settle(id, &pending, &call)?;
                if was_forgotten(&outcome.result) && client.must_be_here(id).is_ok() {
                    continue;
                }
                if was_ours || (outcome.result.is_ok() && gave_all(&pending)) {
                    return outcome.result;
                }
                if outcome.result.is_err() && client.must_be_here(id).is_err() {
                    // The activate that came first was refused: nothing is left to return.
                    return Ok(());
                }
            }
        }
    }
    Err(Error::from_code(Code::Busy))
}

/// The operation of a request file. What is orphaned has nothing to give back.
pub(super) fn for_file(
    client: &Client,
    draft: &mut Draft<'_>,
    id: ActivationId,
    seats: u32,
) -> Result<(Pending, Commit)> {
    if draft.state.entry(id).is_some_and(|entry| entry.orphaned.is_some()) {
        return Err(Error::from_code(Code::Obsolete));
    }
    match decide(client, draft, id, seats, Way::File)? {
        (Step::Own(pending), commit) => Ok((pending, commit)),
        (Step::Finish(pending), commit) if is_same(&pending, seats) => Ok((pending, commit)),
        (Step::Finish(pending), _) => Err(offline::comes_first(&pending)),
        (Step::Done, _) => Err(Error::from_code(Code::NotFound)),
    }
}

fn decide(
    client: &Client,
    draft: &mut Draft<'_>,
    id: ActivationId,
    seats: u32,
    way: Way,
) -> Result<(Step, Commit)> {
    let (facts, _) = draft.judge(id);
    let entry = draft.state.entry(id);
    let pending = entry.and_then(|entry| entry.pending.clone());
    let (operation, signing) =
        match policy::return_(outstanding(entry), &facts, seats).map_err(refusal)? {
            Return::FinishFirst => {
                return Ok((pending.map_or(Step::Done, Step::Finish), Commit::Keep));
            }
            Return::Clean => {
                draft.state.remove(id);
                return Ok((Step::Done, Commit::Write));
            }
            Return::Abandon => {
                let activate = pending.map(|pending| pending.op).unwrap_or_default();
                (Operation::Abandon { activate }, Signing::Record)
            }
            Return::Ask { seats } => (give_back(draft, id, seats)?, Signing::Record),
        };
    let pending = client.intend(draft, id, operation, &signing, way)?;
    Ok((Step::Own(pending), Commit::Write))
}

fn give_back(draft: &Draft<'_>, id: ActivationId, seats: u32) -> Result<Operation> {
    let (fulfillment_id, generation) = draft.about(id)?;
    Ok(Operation::Return { seats, fulfillment_id, generation })
}

/// The same call, made before and not answered. An abandoned activate is what a return of all asks.
fn is_same(pending: &Pending, wanted: u32) -> bool {
    match pending.operation {
        Operation::Return { seats, .. } => seats == wanted,
        Operation::Abandon { .. } => true,
        _ => false,
    }
}

/// The portal was restored from a backup: the return has become a new one.
fn was_forgotten(result: &Result<()>) -> bool {
    result.as_ref().is_err_and(|error| error.code() == Code::PortalRestored)
}

fn gave_all(pending: &Pending) -> bool {
    matches!(pending.operation, Operation::Return { seats: 0, .. } | Operation::Abandon { .. })
}

fn refusal(code: Code) -> Error {
    match code {
        Code::InvalidArgument => Error::new(
            code,
            "This machine holds fewer seats of the license than are to be returned.",
        )
        .with_hint("Return as many as it holds, or all of them."),
        code => Error::from_code(code),
    }
}

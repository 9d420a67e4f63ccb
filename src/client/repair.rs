//! `repair`: trust again in a record whose store was put back from a backup, or whose clock ran wild, on
//! the machine that it was issued to. The portal judges whether it is the same machine, and counts.

use lm_protocol::{ActivationId, Operation};

use super::Client;
use super::entry::outstanding;
use super::exchange::Wish;
use super::intent::{Signing, Way};
use super::offline;
use super::state::Pending;
use super::store::Draft;
use crate::error::{Code, Error, Result};
use crate::policy::{self, Repair};
use crate::storage::Commit;

enum Step {
    Finish(Pending),
    Own(Pending),
}

const STEPS: usize = 4;

pub(super) fn repair(client: &Client, id: ActivationId) -> Result<()> {
    client.must_be_here(id)?;
    let call = client.call(Wish::Person);
    for _ in 0..STEPS {
        match client.change_in(&call, |draft| decide(client, draft, id, Way::Online))? {
            Step::Own(pending) => {
                let result = client.settle(id, &pending, &call)?.result;
                if !is_to_be_asked_anew(&result) {
                    return result;
                }
            }
            Step::Finish(pending) => {
                let result = client.settle(id, &pending, &call)?.result;
                let same = matches!(pending.operation, Operation::Repair { .. });
                let is_final = same && !is_to_be_asked_anew(&result);
                // A first activate that was refused leaves nothing to repair.
                if is_final || client.must_be_here(id).is_err() {
                    return result;
                }
            }
        }
    }
    Err(Error::from_code(Code::Busy))
}

/// Granted, but too late to use, or by an answer that speaks of a state that has passed; or of the time
/// before the portal was restored.
fn is_to_be_asked_anew(result: &Result<()>) -> bool {
    let code = result.as_ref().err().map(Error::code);
    matches!(code, Some(Code::TooLate | Code::Restored | Code::Stale | Code::PortalRestored))
}

/// The operation of a request file.
pub(super) fn for_file(
    client: &Client,
    draft: &mut Draft<'_>,
    id: ActivationId,
) -> Result<(Pending, Commit)> {
    match decide(client, draft, id, Way::File)? {
        (Step::Own(pending), commit) => Ok((pending, commit)),
        (Step::Finish(pending), commit) => match pending.operation {
            Operation::Repair { .. } => Ok((pending, commit)),
            _ => Err(offline::comes_first(&pending)),
        },
    }
}

fn decide(
    client: &Client,
    draft: &mut Draft<'_>,
    id: ActivationId,
    way: Way,
) -> Result<(Step, Commit)> {
    let (facts, _) = draft.judge(id);
    let entry = draft.state.entry(id);
    match policy::repair(outstanding(entry), &facts)? {
        Repair::FinishFirst => {
            let pending = entry.and_then(|entry| entry.pending.clone());
            let pending = pending.ok_or_else(|| Error::from_code(Code::Internal))?;
            Ok((Step::Finish(pending), Commit::Keep))
        }
        Repair::Ask => {
            let (fulfillment_id, generation) = draft.about(id)?;
            let operation = Operation::Repair { fulfillment_id, generation };
            let pending = client.intend(draft, id, operation, &Signing::Record, way)?;
            Ok((Step::Own(pending), Commit::Write))
        }
    }
}

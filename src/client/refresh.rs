//! `refresh`: a new lease and today's terms.

use lm_protocol::{ActivationId, Operation};

use super::Client;
use super::exchange::{Call, Wish};
use super::intent::{Signing, Way};
use super::state::Pending;
use super::store::Draft;
use crate::error::{Code, Error, Result};
use crate::storage::Commit;

enum Step {
    Finish(Pending),
    Own(Pending),
}

const STEPS: usize = 4;

/// One record, or each: one failure stops no other, the first is returned.
pub(super) fn refresh(client: &Client, id: Option<ActivationId>) -> Result<()> {
    let call = client.call(Wish::Routine);
    match id {
        Some(id) => {
            client.must_be_here(id)?;
            refresh_one(client, id, &call)
        }
        None => super::resume::each(client.ids_by_contact()?, |id| refresh_one(client, id, &call)),
    }
}

fn refresh_one(client: &Client, id: ActivationId, call: &Call) -> Result<()> {
    // A refresh that isn't asked for yet is not begun.
    client.check_backoff(call.wish)?;
    for _ in 0..STEPS {
        match client.change_in(call, |draft| decide(client, draft, id))? {
            Step::Own(pending) => {
                let result = client.settle(id, &pending, call)?.result;
                // Granted, but too late to use, or to a store older than the portal remembers; or
                // of the time before the portal was restored: settled, and asked anew.
                let code = result.as_ref().err().map(Error::code);
                if !matches!(code, Some(Code::TooLate | Code::Restored | Code::PortalRestored)) {
                    return result;
                }
            }
            Step::Finish(pending) => {
                let outcome = client.settle(id, &pending, call)?;
                let same = matches!(pending.operation, Operation::Refresh { .. });
                // An old answer carries an old lease: then this call asks for itself.
                let old = outcome.stored && outcome.result.is_ok();
                let passed = matches!(
                    outcome.result.as_ref().err().map(Error::code),
                    Some(Code::TooLate | Code::Restored | Code::PortalRestored)
                );
                if (same && !old && !passed) || client.must_be_here(id).is_err() {
                    return outcome.result;
                }
            }
        }
    }
    Err(Error::from_code(Code::Busy))
}

fn decide(client: &Client, draft: &mut Draft<'_>, id: ActivationId) -> Result<(Step, Commit)> {
    let entry = draft.state.entry(id).ok_or_else(|| Error::from_code(Code::NotFound))?;
    if let Some(pending) = &entry.pending {
        return Ok((Step::Finish(pending.clone()), Commit::Keep));
    }
    let pending = own(client, draft, id, Way::Online)?;
    Ok((Step::Own(pending), Commit::Write))
}

/// The operation of a request file, where nothing else is outstanding.
pub(super) fn for_file(
    client: &Client,
    draft: &mut Draft<'_>,
    id: ActivationId,
) -> Result<(Pending, Commit)> {
    Ok((own(client, draft, id, Way::File)?, Commit::Write))
}

fn own(client: &Client, draft: &mut Draft<'_>, id: ActivationId, way: Way) -> Result<Pending> {
    let (fulfillment_id, generation) = draft.about(id)?;
    let operation = Operation::Refresh { fulfillment_id, generation };
    client.intend(draft, id, operation, &Signing::Record, way)
}

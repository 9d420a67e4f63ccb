//! `resume`: finishes what is pending.

use lm_protocol::ActivationId;

use super::Client;
use super::exchange::{Call, Wish};
use crate::error::{Code, Result};
use crate::storage::Commit;

/// How often an operation may be asked anew.
const STEPS: usize = 4;

pub(super) fn resume(client: &Client) -> Result<()> {
    let call = client.call(Wish::Person);
    each(client.ids_here()?, |id| finish(client, id, &call))
}

fn finish(client: &Client, id: ActivationId, call: &Call) -> Result<()> {
    let mut last = Ok(());
    for _ in 0..STEPS {
        let pending = client.change_in(call, |draft| {
            let pending = draft.state.entry(id).and_then(|entry| entry.pending.clone());
            Ok((pending, Commit::Keep))
        })?;
        let Some(pending) = pending else { return last };
        last = client.settle(id, &pending, call)?.result;
        // A restored portal has forgotten a return, which is asked anew.
        if !last.as_ref().is_err_and(|error| error.code() == Code::PortalRestored) {
            return last;
        }
    }
    last
}

/// One failure stops no other; the first is returned.
pub(super) fn each(
    ids: Vec<ActivationId>,
    mut call: impl FnMut(ActivationId) -> Result<()>,
) -> Result<()> {
    let mut first = Ok(());
    for id in ids {
        let result = call(id);
        first = first.and(result);
    }
    first
}

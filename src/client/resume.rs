//! `resume`: finishes what is pending.

use lm_protocol::ActivationId;

use super::Client;
use super::exchange::{Call, Wish};
use crate::error::Result;
use crate::storage::Commit;

pub(super) fn resume(client: &Client) -> Result<()> {
    let call = client.call(Wish::Person);
    each(client.ids_here()?, |id| finish(client, id, &call))
}

fn finish(client: &Client, id: ActivationId, call: &Call) -> Result<()> {
    let pending = client.change_in(call, |draft| {
        let pending = draft.state.entry(id).and_then(|entry| entry.pending.clone());
        Ok((pending, Commit::Keep))
    })?;
    match pending {
        Some(pending) => client.settle(id, &pending, call)?.result,
        None => Ok(()),
    }
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

//! `remove`: an entry goes, here only, where that strands no seat. No network.

use lm_protocol::ActivationId;

use super::Client;
use super::entry::outstanding;
use crate::error::{Code, Error, Result};
use crate::policy;
use crate::storage::Commit;

pub(super) fn remove(client: &Client, id: ActivationId) -> Result<()> {
    client.must_be_here(id)?;
    client.change(|draft| {
        let (facts, status) = draft.judge(id);
        policy::remove(outstanding(draft.state.entry(id)), &facts, &status).map_err(refusal)?;
        draft.state.remove(id);
        Ok(((), Commit::Write))
    })
}

fn refusal(code: Code) -> Error {
    match code {
        Code::NotAllowed => Error::new(
            code,
            "Removing the license here would strand its seat, which the portal still counts.",
        )
        .with_hint("Return it instead (lm_return): that gives the seat back."),
        code => Error::from_code(code),
    }
}

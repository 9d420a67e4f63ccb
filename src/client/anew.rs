//! What a portal that was restored from a backup has forgotten is asked anew.

use lm_protocol::{Operation, Refusal, Verdict};

use super::Client;
use super::exchange::Answered;
use super::intent::Signing;
use super::state::Entry;
use super::store::Draft;
use crate::error::Result;

/// The entry whose pending return or abandon this answer refuses because the portal was restored:
/// its seats are on their way back, and stay so. Whatever else is refused so, its caller asks again.
pub(super) fn forgotten(draft: &Draft<'_>, answered: &Answered) -> Option<Entry> {
    let answer = &answered.answer;
    let Verdict::Denied { refusal: Refusal::PortalRestored, .. } = answer.verdict else {
        return None;
    };
    let entry = draft.state.entry(answer.activation_id)?;
    let pending = entry.pending.as_ref().filter(|pending| pending.op == answer.op)?;
    matches!(pending.operation, Operation::Return { .. } | Operation::Abandon { .. })
        .then(|| entry.clone())
}

impl Client {
    /// The same operation as a new one, which names the epoch that the answer has told, in the same
    /// commit as that answer.
    pub(super) fn ask_anew(&self, draft: &mut Draft<'_>, before: Entry) -> Result<()> {
        let (id, contacted_at) = (before.activation_id, draft.now.wall);
        let Some(pending) = before.pending.clone() else { return Ok(()) };
        draft.state.remove(id);
        // A return takes the place of what it took the place of before.
        let displaced = pending.displaced.as_deref().cloned();
        draft.state.entries.push(Entry { pending: displaced, contacted_at, ..before });
        self.intend_again(draft, id, pending.operation, &Signing::Record)?;
        if let Some(again) = draft.state.entry_mut(id).and_then(|entry| entry.pending.as_mut()) {
            again.restored = pending.restored;
        }
        Ok(())
    }
}

//! The answer of an operation → the state. Only the answer to the pending operation is accepted.

use lm_protocol::{Answer, ObsoleteReason, Operation, Verdict};

use super::exchange::{Answered, Freshness};
use super::state::{Entry, Pending, Seed};
use super::store::Draft;
use crate::error::{Code, Error, Result};
use crate::storage::Commit;

/// What the portal decided.
#[derive(Debug)]
pub(super) struct Outcome {
    /// What the caller is told.
    pub(super) result: Result<()>,
    /// The answer was given before, to an earlier try: it may say old things.
    pub(super) stored: bool,
}

/// An answer this much older than the reply is a stored one.
const FRESH: i64 = 60;

/// How the state that an answer was applied to is committed: above the generation that the portal
/// has seen of this store, so that one break is one break.
pub(super) fn commit_of(draft: &Draft<'_>, answered: &Answered) -> Commit {
    if !draft.stands() {
        Commit::Keep
    } else if is_of_store(draft, answered) {
        Commit::WriteAbove(answered.answer.store_generation)
    } else {
        Commit::Write
    }
}

/// Whether the answer speaks of the store that is here now.
fn is_of_store(draft: &Draft<'_>, answered: &Answered) -> bool {
    answered.request.store.id.0 == draft.standing.store_id
}

/// Applies an answer under the store's lock. An answer that another process has applied already is
/// what that process was told.
pub(super) fn apply(draft: &mut Draft<'_>, answered: &Answered) -> Outcome {
    let answer = &answered.answer;
    learn(draft, answered);
    let id = answer.activation_id;
    let stored = answer.time.saturating_add(FRESH) < answered.time;
    let pending = draft.state.entry_mut(id).and_then(|entry| {
        let ours = entry.pending.as_ref().is_some_and(|pending| pending.op == answer.op);
        if ours { entry.pending.take() } else { None }
    });
    let Some(pending) = pending else {
        return Outcome { result: settled_before(draft, answer), stored };
    };
    let result = decide(draft, answered, &pending);
    if let Some(entry) = draft.state.entry_mut(id) {
        entry.contacted_at = answered.time;
    }
    draft
        .state
        .settle(answer.op, result.as_ref().map_or_else(|error| error.code().number(), |()| 0));
    Outcome { result, stored }
}

/// What every answer teaches, whatever it decides.
fn learn(draft: &mut Draft<'_>, answered: &Answered) {
    let answer = &answered.answer;
    // Another process may have learned more while this answer was on its way, and a stored answer
    // tells of its day.
    if answered.keyring.keyset_version() >= draft.keyset_version() {
        draft.state.keyset = answered.keyring.keyset_text().map(str::to_owned);
    }
    draft.state.epoch = draft.state.epoch.max(Some(answer.epoch));
    let (marks, time) = (draft.state.marks, answered.time);
    draft.state.marks = match answered.freshness {
        Freshness::Fresh => marks.with_statement(time),
        Freshness::Signed => marks.with_signed(time),
        Freshness::Late { low_then } => marks.with_late_statement(time, low_then),
        Freshness::Ahead => marks.with_wall(time),
        Freshness::Doubted => marks,
    };
    if !answered.by_file {
        draft.state.backoff = None;
    }
    // The portal's memory is an anchor too: it has seen a later generation of this very store.
    if is_of_store(draft, answered) && draft.standing.is_behind(answer.store_generation) {
        draft.state.mark_restored();
    }
}

fn settled_before(draft: &Draft<'_>, answer: &Answer) -> Result<()> {
    match draft.state.settled(answer.op) {
        Some(0) => Ok(()),
        Some(number) => Err(Error::from_code(Code::from_number(number).unwrap_or(Code::Replayed))),
        // A return has taken its place, say.
        None => Err(Error::new(Code::Busy, "Another call changed this license meanwhile.")
            .with_hint("Call again.")),
    }
}

fn decide(draft: &mut Draft<'_>, answered: &Answered, pending: &Pending) -> Result<()> {
    let id = answered.answer.activation_id;
    match &answered.answer.verdict {
        Verdict::Granted { .. } => take_record(draft, answered, pending),
        Verdict::Returned | Verdict::Abandoned => {
            draft.state.remove(id);
            Ok(())
        }
        Verdict::Denied { refusal, retry_at, detail } => {
            denied(draft, answered, pending);
            let error = Error::from_code((*refusal).into());
            Err(error.with_retry_at(*retry_at).with_detail(detail.clone()))
        }
        Verdict::Stale => stale(draft, answered, pending),
        Verdict::Obsolete { reason } => obsolete(draft, answered, pending, *reason),
    }
}

fn take_record(draft: &mut Draft<'_>, answered: &Answered, pending: &Pending) -> Result<()> {
    let time = answered.time;
    let applied_at = applied_at(draft, answered);
    let (Some(record), Some(entry)) =
        (&answered.record, draft.state.entry_mut(answered.answer.activation_id))
    else {
        return Err(Error::new(Code::Internal, "A grant came without its record."));
    };
    let fresh = pending.fresh_key.as_ref();
    if let Some(seed) = fresh.filter(|seed| is_key(seed, record.device_key)) {
        entry.device_key = seed.clone();
    }
    entry.record = Some(record.text().to_owned());
    entry.restored = pending.restored;
    entry.orphaned = None;
    entry.too_late = applied_at > record.apply_by;
    if matches!(pending.operation, Operation::Activate { .. }) {
        entry.activated_at = time;
    }
    if entry.restored {
        Err(Error::from_code(Code::Restored))
    } else if entry.too_late {
        Err(Error::from_code(Code::TooLate))
    } else {
        Ok(())
    }
}

/// When an answer is applied: at once over the network, at some time by a file.
fn applied_at(draft: &Draft<'_>, answered: &Answered) -> i64 {
    if answered.by_file {
        answered.time.max(draft.now.wall).max(draft.state.marks.low)
    } else {
        answered.time
    }
}

fn is_key(seed: &Seed, public: lm_protocol::PublicKey) -> bool {
    seed.key().is_ok_and(|key| key.public() == public)
}

/// As it was before the operation; a first activate leaves nothing.
fn denied(draft: &mut Draft<'_>, answered: &Answered, pending: &Pending) {
    let id = answered.answer.activation_id;
    let Some(entry) = draft.state.entry_mut(id) else { return };
    if entry.record.is_none() {
        draft.state.remove(id);
    } else {
        entry.pending = pending.displaced.as_deref().cloned();
    }
}

fn stale(draft: &mut Draft<'_>, answered: &Answered, pending: &Pending) -> Result<()> {
    let id = answered.answer.activation_id;
    match (&pending.operation, draft.state.entry_mut(id)) {
        // Whoever holds it now, this activate has nothing to undo.
        (Operation::Abandon { .. }, _) => {
            draft.state.remove(id);
            Ok(())
        }
        (_, Some(Entry { record: None, .. }) | None) => {
            draft.state.remove(id);
            Err(Error::from_code(Code::Stale))
        }
        // A stored grant that is true no more says nothing against the record that is here.
        (Operation::Activate { .. }, Some(_)) => Err(Error::from_code(Code::Stale)),
        (_, Some(entry)) => {
            entry.restored = true;
            Err(Error::from_code(Code::Stale))
        }
    }
}

fn obsolete(
    draft: &mut Draft<'_>,
    answered: &Answered,
    pending: &Pending,
    reason: ObsoleteReason,
) -> Result<()> {
    let id = answered.answer.activation_id;
    let code = match reason {
        ObsoleteReason::HeldElsewhere => Code::HeldElsewhere,
        _ => Code::Obsolete,
    };
    let ours = draft.record(id).map(|record| record.fulfillment_id.clone());
    let is_ours = ours.is_some() && ours == answered.answer.fulfillment_id;
    match (&pending.operation, draft.state.entry_mut(id)) {
        (Operation::Return { .. } | Operation::Abandon { .. }, _) => {
            draft.state.remove(id);
            Ok(())
        }
        (_, Some(Entry { record: None, .. }) | None) => {
            draft.state.remove(id);
            Err(Error::from_code(code))
        }
        // A re-attach: it is the record here that is gone, where the answer speaks of it.
        (Operation::Activate { .. }, Some(_)) if !is_ours => Err(Error::from_code(code)),
        (_, Some(entry)) => {
            entry.orphaned = Some(reason);
            Err(Error::from_code(code))
        }
    }
}

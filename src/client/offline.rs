//! Request files: an operation is made as for the network, durable first, and given out as bytes. It
//! may be finished either way.

use lm_protocol::{ActivationId, Operation, Request, file};

use super::exchange::masked;
use super::state::{FileNote, Pending};
use super::store::Draft;
use super::{Client, activate, repair, return_};
use crate::error::{Code, Error, Result};
use crate::limits::STATUS_AGE;
use crate::log::Level;
use crate::storage::Commit;

pub(super) fn request_activation(client: &Client, id: ActivationId, seats: u32) -> Result<Vec<u8>> {
    activate::check_seats(seats)?;
    request(client, id, |draft| activate::for_file(client, draft, id, seats))
}

pub(super) fn request_return(client: &Client, id: ActivationId, seats: u32) -> Result<Vec<u8>> {
    client.must_be_here(id)?;
    request(client, id, |draft| return_::for_file(client, draft, id, seats))
}

pub(super) fn request_repair(client: &Client, id: ActivationId) -> Result<Vec<u8>> {
    client.must_be_here(id)?;
    request(client, id, |draft| repair::for_file(client, draft, id))
}

/// Makes the operation, or finds it made before, and writes its file: the same bytes each time.
fn request(
    client: &Client,
    id: ActivationId,
    make: impl FnOnce(&mut Draft<'_>) -> Result<(Pending, Commit)>,
) -> Result<Vec<u8>> {
    let (pending, note) = client.change(|draft| {
        let (pending, commit) = make(draft)?;
        let note = match pending.file {
            Some(note) => return Ok(((pending, note), commit)),
            None => note(client, draft, &pending)?,
        };
        if let Some(kept) = draft.state.entry_mut(id).and_then(|entry| entry.pending.as_mut()) {
            kept.file = Some(note);
        }
        Ok(((pending, note), Commit::Write))
    })?;
    if let Operation::Return { .. } = pending.operation {
        // The seats are out of use in every process before anybody can carry the proof away.
        client.ports.clock.sleep(STATUS_AGE);
    }
    client.line(Level::Info, || {
        format!("{}: the request is given out as a file ({}).", masked(id), pending.op)
    });
    let asked = Request::open(&pending.request)?;
    let text = file::write_requests(&[(&asked, note.time_nonce)]);
    text.map(String::into_bytes).map_err(|_| Error::from_code(Code::TooLarge))
}

/// Only a repair brings the portal's time: it is counted and limited, and heals a time mark that ran
/// ahead. In any response it would let the clock be set back as often as one is asked for.
fn note(client: &Client, draft: &Draft<'_>, pending: &Pending) -> Result<FileNote> {
    let time_nonce = match pending.operation {
        Operation::Repair { .. } => Some(client.new_id()?),
        _ => None,
    };
    Ok(FileNote { made_at: draft.now.wall, low: draft.state.marks.low, time_nonce })
}

/// One outstanding operation a record: another one comes first.
pub(super) fn comes_first(pending: &Pending) -> Error {
    let (what, how) = match pending.operation {
        Operation::Activate { .. } => ("An activation", "an activation of as many seats"),
        Operation::MoreSeats { .. } => ("An activation", "an activation of as many seats"),
        Operation::Refresh { .. } => ("A refresh", "an activation of the seats that are held"),
        Operation::Repair { .. } => ("A repair", "a repair"),
        Operation::Return { .. } => ("A return", "a return of as many seats"),
        Operation::Abandon { .. } => ("A return", "a return"),
    };
    let sentence = format!("{what} of this license waits for the licensing portal's answer.");
    let hint = format!(
        "Apply its response file first, or resume it over the network. A request for {how} writes \
         its request file again."
    );
    Error::new(Code::NotAllowed, sentence).with_hint(hint)
}

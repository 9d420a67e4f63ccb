//! Activate and return.

use std::ffi::c_char;

use super::client::lm_client;
use super::error::{finish, lm_error, lm_result};
use super::pointers::required_text;

/// More than any way to type an activation ID.
pub(super) const ID_TEXT_MAX: usize = 256;

/// § The three headline calls
/// Makes this machine hold seats of an activation ID in total. Asks the portal unless this machine
/// holds them already: called twice it takes them once; asked for more, it takes the difference;
/// asked for fewer, it changes nothing. After any crash, calling again ends in the same record.
///
/// activation_id: as it was typed: any case, spaces and hyphens anywhere.
/// seats: how many in all; 1 for a node-locked license.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any. Blocks, for the options' timeout_ms in all its exchanges and again at most so long
///     for another process that changes the storage (LM_ERR_BUSY); lm_status never waits for it.
///     A return waits 120 ms before it is sent, until every process has seen it.
/// Errors: LM_ERR_INVALID_ARGUMENT (seats 0), LM_ERR_ID_MALFORMED, LM_ERR_NO_PORTAL, LM_ERR_BUSY,
///     those of trusted storage (40 to 48), of the network (70 to 79), of the answer (90 to 96),
///     and the portal's refusals (110 to 129), each with its own number: LM_ERR_NO_SEATS says who
///     holds them (lm_error_detail). Whatever fails after the request was made durable, a
///     transport's LM_ERR_CANCELLED too, leaves the record LM_STATE_PENDING_ACTIVATION (or, where
///     there is a record, as it was) and loses nothing: call again, or lm_resume.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_activate(
    client: *mut lm_client,
    activation_id: *const c_char,
    seats: u32,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        // SAFETY: NULL, or text that ends in NUL.
        let id = unsafe { required_text(activation_id, "activation_id", ID_TEXT_MAX) }?;
        client.activate(id, seats)
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Gives seats of an activation ID back to the portal. They are out of use here, durably, before
/// the portal hears of it; so no crash and no lost message loses a seat or makes two of one. The
/// activation ID stays valid, here and on any other machine. An orphaned record is cleaned up
/// without credit.
///
/// activation_id: as for lm_activate.
/// seats: how many; 0: all.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any. Blocks, as lm_activate does.
/// Errors: LM_ERR_NOT_FOUND, LM_ERR_INVALID_ARGUMENT (more than are held), LM_ERR_ID_MALFORMED,
///     LM_ERR_NO_PORTAL, LM_ERR_IN_USE (seats that would go are checked out; nothing overrides it;
///     lm_error_detail says who uses them, as for lm_checkout), LM_ERR_BUSY, those of trusted
///     storage (40 to 48), of the network (70 to 79: the record is LM_STATE_PENDING_RETURN, never
///     lost; lm_resume or the next call for it finishes the return), of the answer (90 to 96), and
///     the portal's refusals, such as LM_ERR_RETURN_LIMIT (110 to 129: nothing has changed).
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_return(
    client: *mut lm_client,
    activation_id: *const c_char,
    seats: u32,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        // SAFETY: NULL, or text that ends in NUL.
        let id = unsafe { required_text(activation_id, "activation_id", ID_TEXT_MAX) }?;
        client.return_(id, seats)
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

//! Refresh, repair, remove, resume and cancel.

use std::ffi::c_char;

use super::calls::ID_TEXT_MAX;
use super::client::lm_client;
use super::error::{code_of, finish, lm_error, lm_result};
use super::pointers::{required_text, text};

/// § Upkeep
/// Asks the portal for a new lease and today's terms. A host calls it routinely, at start or once a
/// day: while the portal is away it honors a back-off and answers the last network code at once,
/// with the time of the next try (lm_error_retry_at).
///
/// activation_id: as for lm_activate; NULL: all records: one failure stops no other, and the first
///     is returned.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any. Blocks, as lm_activate does.
/// Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NO_PORTAL, LM_ERR_BUSY, those of trusted
///     storage (40 to 48), of the network (70 to 79: the license works on as before), of the
///     answer (90 to 96), and the portal's refusals (110 to 129): LM_ERR_OBSOLETE says that the
///     record is orphaned now.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_refresh(
    client: *mut lm_client,
    activation_id: *const c_char,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        // SAFETY: NULL, or text that ends in NUL.
        let id = unsafe { text(activation_id, "activation_id", ID_TEXT_MAX) }?;
        client.refresh(id)
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Restores trust in a record whose storage was put back from a backup, on the machine that it was
/// issued to, by its evidence; never on another. The same fulfillment, no second seat. The portal
/// counts it against the repair limit, unless the record turns out to be the current one.
///
/// activation_id: as for lm_activate.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any. Blocks, as lm_activate does.
/// Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NO_PORTAL, LM_ERR_BUSY, LM_ERR_CANCELLED,
///     those of trusted storage (40 to 48), of the network (70 to 79), of the answer (90 to 96),
///     and the portal's refusals (110 to 129), after which the record is as it was, such as
///     LM_ERR_HOST_MISMATCH and LM_ERR_REPAIR_LIMIT; the licenses' owner can re-host it then.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_repair(
    client: *mut lm_client,
    activation_id: *const c_char,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        // SAFETY: NULL, or text that ends in NUL.
        let id = unsafe { required_text(activation_id, "activation_id", ID_TEXT_MAX) }?;
        client.repair(id)
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Takes a record that has no rights any more out of this machine's storage: an orphaned one, one
/// whose term is over, one that belongs to another machine. Asks no portal and credits no seat.
///
/// activation_id: as for lm_activate.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any.
/// Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NOT_ALLOWED where it would strand a seat:
///     lm_return gives that back; LM_ERR_BUSY, those of trusted storage (40 to 48).
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_remove(
    client: *mut lm_client,
    activation_id: *const c_char,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        // SAFETY: NULL, or text that ends in NUL.
        let id = unsafe { required_text(activation_id, "activation_id", ID_TEXT_MAX) }?;
        client.remove(id)
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Finishes what a crash or an absent portal left pending, in all records. Nothing pending: LM_OK,
/// without asking the portal.
///
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any. Blocks, as lm_activate does.
/// Errors: those of lm_activate and lm_return; one failure stops no other record, and the first is
///     returned.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_resume(
    client: *mut lm_client,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| client.resume());
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Ends the calls that are under way on this client, for a button or before lm_client_free. They
/// return soon: with LM_ERR_CANCELLED, or as they would have where they were done already. What
/// they began is pending; the same call again, or lm_resume, finishes it, and no seat is lost.
/// Later calls are not ended. A host's own transport is not interrupted: it ends its exchange
/// itself, with LM_ERR_CANCELLED.
///
/// Ownership: nothing is kept.
/// Threads: any, while others are inside calls. Waits for none of them. Not in a signal handler.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_cancel(client: *mut lm_client) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    code_of(lm_client::run(client, |client| client.cancel()))
}

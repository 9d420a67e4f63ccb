//! Request and response files.

use std::ffi::c_char;

use lm_protocol::limits::RESPONSE_FILE_MAX;

use super::buffer::lm_buffer;
use super::calls::ID_TEXT_MAX;
use super::client::lm_client;
use super::error::{finish, lm_error, lm_result};
use super::pointers::{check_out, invalid, required_text};
use crate::client::{Client, response_too_large};
use crate::error::Result;

/// § Offline: one file out, one file in
/// Makes the request file by which lm_activate is asked of the portal without a network, also on
/// a machine that never had one. The host saves its bytes; a person takes the file to the portal
/// (its page "Offline", or `lm-portal offline answer`), and the response file back to
/// lm_apply_response. The file is text of some kilobytes that survives mail. Several request
/// files may be joined, one after the other, in one; the response serves them all.
///
/// The record is LM_STATE_PENDING_ACTIVATION until then. Asked again, the call gives the same
/// bytes; a response that was lost is issued again from them. What was begun by a file may be
/// finished over the network, and the other way round. Where this machine holds as many seats
/// already, the request asks for a new lease instead, and nothing is pending in the meantime.
///
/// activation_id: as for lm_activate.
/// seats: how many in all; 1 for a node-locked license.
/// out_request: the file's bytes.
/// out_error: the failure; may be NULL.
/// Ownership: the buffer is the host's: lm_buffer_free.
/// Threads: any. Touches no network; options.portal_url may be NULL. Waits, as lm_activate does,
///     for another process that changes the storage.
/// Errors: LM_ERR_INVALID_ARGUMENT (seats 0), LM_ERR_ID_MALFORMED, LM_ERR_WRONG_KIND,
///     LM_ERR_NOT_ALLOWED (another operation of this ID waits for its answer), LM_ERR_BUSY, those
///     of trusted storage (40 to 48).
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_request_activation(
    client: *mut lm_client,
    activation_id: *const c_char,
    seats: u32,
    out_request: *mut *mut lm_buffer,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        let make = |id: &str| client.request_activation(id, seats);
        // SAFETY: NULL, or text that ends in NUL; NULL, or the host's place for a buffer.
        unsafe { give(client, activation_id, out_request, make) }
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Makes the request file that proves a return. The seats are out of use here, durably, before
/// the file is given out; they are credited once the portal has answered it, and once only,
/// however often it is. The response file then cleans the record up; nothing but a response that
/// says so (a limit of returns, say) makes it usable again.
///
/// activation_id: as for lm_activate.
/// seats: how many; 0: all.
/// out_request: the file's bytes, the same when asked again.
/// out_error: the failure; may be NULL.
/// Ownership: the buffer is the host's: lm_buffer_free.
/// Threads: any. Touches no network. Waits 120 ms until every process has seen it.
/// Errors: LM_ERR_NOT_FOUND, LM_ERR_INVALID_ARGUMENT (more than are held), LM_ERR_ID_MALFORMED,
///     LM_ERR_IN_USE (seats are checked out), LM_ERR_OBSOLETE (orphaned: nothing to give back, see
///     lm_remove), LM_ERR_NOT_ALLOWED (another operation of this ID waits for its answer),
///     LM_ERR_BUSY, those of trusted storage (40 to 48).
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_request_return(
    client: *mut lm_client,
    activation_id: *const c_char,
    seats: u32,
    out_request: *mut *mut lm_buffer,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        let make = |id: &str| client.request_return(id, seats);
        // SAFETY: NULL, or text that ends in NUL; NULL, or the host's place for a buffer.
        unsafe { give(client, activation_id, out_request, make) }
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Makes the request file by which lm_repair is asked of the portal. Its response brings the
/// portal's time, too, and so heals LM_TRUST_TIME after a clock that ran ahead.
///
/// activation_id: as for lm_activate.
/// out_request: the file's bytes, the same when asked again.
/// out_error: the failure; may be NULL.
/// Ownership: the buffer is the host's: lm_buffer_free.
/// Threads: any. Touches no network.
/// Errors: LM_ERR_NOT_FOUND, LM_ERR_ID_MALFORMED, LM_ERR_NOT_ALLOWED (another operation of this ID
///     waits for its answer), LM_ERR_BUSY, those of trusted storage (40 to 48).
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_request_repair(
    client: *mut lm_client,
    activation_id: *const c_char,
    out_request: *mut *mut lm_buffer,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        let make = |id: &str| client.request_repair(id);
        // SAFETY: NULL, or text that ends in NUL; NULL, or the host's place for a buffer.
        unsafe { give(client, activation_id, out_request, make) }
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Applies this machine's part of a response file, which is verified as an answer over the
/// network is. What the portal decided is the result, as for lm_activate, lm_return and
/// lm_repair. Several parts
/// for this machine: one failure stops no other, and the first is returned.
///
/// response, response_len: the file's bytes, at most 16 MiB, as they came: text in UTF-8 or
///     UTF-16, with any line ends, also with a mail around it.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any. Touches no network. Waits, as lm_activate does, for another process that changes
///     the storage.
/// Errors: LM_ERR_MALFORMED (no license file, or cut or damaged), LM_ERR_TOO_LARGE,
///     LM_ERR_VERSION, LM_ERR_SIGNATURE, LM_ERR_MISMATCH (another machine's, product's or
///     request's, or a request file), LM_ERR_REPLAYED (it was applied before), LM_ERR_CLOCK (it is
///     dated after this machine's clock: nothing was applied, correct the clock), LM_ERR_TOO_LATE
///     (after its apply-by date: make a new request), LM_ERR_BUSY, those of trusted storage (40 to
///     48), and the portal's refusals (110 to 129), LM_ERR_OFFLINE_REFUSED among them. After a code
///     below 96, what was pending still is.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_apply_response(
    client: *mut lm_client,
    response: *const u8,
    response_len: usize,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        // SAFETY: the host's bytes, as the header describes them.
        let response = unsafe { file(response, response_len) }?;
        client.apply_response(response)
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// Makes a file and gives it to the host.
///
/// # Safety
/// `activation_id` is NULL or text that ends in NUL; `out_request` is NULL or may be written.
unsafe fn give(
    client: &Client,
    activation_id: *const c_char,
    out_request: *mut *mut lm_buffer,
    make: impl FnOnce(&str) -> Result<Vec<u8>>,
) -> Result<()> {
    client.check_fork()?;
    check_out(out_request.cast_const(), "out_request")?;
    // SAFETY: the caller's word.
    let id = unsafe { required_text(activation_id, "activation_id", ID_TEXT_MAX) }?;
    let buffer = Box::new(lm_buffer::new(make(id)?));
    // SAFETY: checked, and the host's place for a buffer.
    unsafe { out_request.write(Box::into_raw(buffer)) };
    Ok(())
}

/// The host's bytes; where there are more than a file can have, none of them is touched.
///
/// # Safety
/// `bytes` is NULL, or `len` bytes that live for `'a`.
unsafe fn file<'a>(bytes: *const u8, len: usize) -> Result<&'a [u8]> {
    if bytes.is_null() {
        return if len == 0 { Ok(&[]) } else { Err(invalid("response is NULL.".to_owned())) };
    }
    if len > RESPONSE_FILE_MAX {
        return Err(response_too_large());
    }
    // SAFETY: not NULL, and as long as the caller says.
    Ok(unsafe { std::slice::from_raw_parts(bytes, len) })
}

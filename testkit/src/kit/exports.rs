//! `lm_test_*`: the C side. build.rs makes lm_testkit.h of this file.

#![allow(non_camel_case_types, clippy::missing_safety_doc)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::ffi::c_char;
use std::mem::{offset_of, size_of};

use lm_protocol::{ActivationId, Feature, limits};

use super::failures::whose;
use super::offline::answer_file;
use super::record::{Term, Wanted, set};
use super::world::of_client;
use super::{damage, record};
use crate::error::{Code, Error, Result};
use crate::ffi::buffer::lm_buffer;
use crate::ffi::client::lm_client;
use crate::ffi::constants::{LM_ERR_INTERNAL, LM_OK, kind_from};
use crate::ffi::error::{code_of, finish, lm_error, lm_result};
use crate::ffi::guard::guarded;
use crate::ffi::pointers::{check_out, give_text, invalid, required_text, text};
use crate::ffi::sized::{Rest, Versioned, choice, clear, take};
use crate::policy::{State, trust};

/// § Records
/// A license as a test wants it. Fill it with lm_test_record_init, then set what differs: a state is
/// enough, and what it needs (dates, say) is filled in.
///
/// Ownership: the test's. Its texts need to live only during lm_test_set_record.
/// Threads: one at a time.
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lm_test_record {
    /// Set by lm_test_record_init.
    pub struct_size: usize,
    /// Required: any whose check characters fit. lm_test_activation_id makes some.
    pub activation_id: *const c_char,
    /// "ortho raster=500": names, with their limits where they have one. NULL: one, by the product's
    /// name.
    pub features: *const c_char,
    /// LM_STATE_*, as lm_status is to tell it. By lm_test_record_init: LM_STATE_ACTIVE.
    /// LM_STATE_ABSENT: not here; the portal knows it, and lm_activate is granted it.
    pub state: u32,
    /// LM_KIND_*. 0: node-locked with one seat, else concurrent.
    pub kind: u32,
    /// Seats of this machine. By lm_test_record_init: 1.
    pub seats: u32,
    /// LM_TRUST_* that hold, with LM_STATE_UNTRUSTED. By lm_test_record_init: all.
    pub trust: u32,
    /// Where a state has several causes, which: of LM_STATE_EXPIRED, LM_ERR_EXPIRED or
    /// LM_ERR_LEASE_OVER or LM_ERR_TOO_LATE; of LM_STATE_ORPHANED, LM_ERR_OBSOLETE or
    /// LM_ERR_HELD_ELSEWHERE. LM_OK: the first of them.
    pub cause: lm_result,
    /// Seats that are on their way back, with LM_STATE_PENDING_RETURN. 0: all.
    pub returning: u32,
    /// First second of the term. 0: it has begun.
    pub starts_at: i64,
    /// Last second of the term. 0: without end.
    pub expires_at: i64,
    /// End of the lease. 0: none.
    pub lease_until: i64,
    /// End of grace after it. 0: three days later.
    pub grace_until: i64,
}

// SAFETY: `#[repr(C)]`, its size first; NULL and 0 are all zero.
unsafe impl Versioned for lm_test_record {
    const FIRST: usize = offset_of!(lm_test_record, grace_until) + size_of::<i64>();
}

/// Fills in the defaults: an active, trusted license of one seat, without end.
///
/// record: struct_size bytes.
/// struct_size: sizeof(lm_test_record).
/// Ownership: the test's.
/// Threads: one at a time.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_test_record_init(
    record: *mut lm_test_record,
    struct_size: usize,
) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        // SAFETY: NULL, or `struct_size` bytes of the test's.
        let cleared = unsafe { clear(record, "record", struct_size) };
        if cleared.is_ok() {
            // SAFETY: not NULL, aligned and large enough, as was just checked; all of it is zero.
            let record = unsafe { &mut *record };
            (record.state, record.seats, record.trust) = (State::Active as u32, 1, trust::ALL);
        }
        code_of(cleared)
    })
}

/// Puts a license into the client's store, and into the pretended portal's books, in the place of
/// what they have of its activation ID. From then on the library answers as it does for a customer
/// whose license came into that state: lm_status and the others judge, and lm_activate, lm_return,
/// lm_refresh, lm_repair, lm_remove go on from there. Another client over the same storage sees it,
/// too. Sets the time marks: the clock is right now, unless LM_TRUST_TIME is missing in trust.
///
/// record: what is wanted.
/// out_error: the failure; may be NULL.
/// Ownership: nothing is kept.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT where the fields contradict each other, so that the library would
///     judge another state: the message says which; LM_ERR_STRUCT_SIZE, LM_ERR_UNSUPPORTED,
///     LM_ERR_ID_MALFORMED; LM_ERR_IN_USE while seats of the license are checked out;
///     LM_ERR_STORAGE_NEWER after lm_test_set_storage.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_test_set_record(
    client: *mut lm_client,
    record: *const lm_test_record,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        // SAFETY: NULL, or a record as the header describes it.
        let wanted = unsafe { wanted(record) }?;
        let (world, opening) = of_client(client)?;
        set(client, &world, &opening, &wanted)
    });
    // SAFETY: NULL, or the test's place for an error.
    unsafe { finish(result, out_error) }
}

/// An activation ID whose check characters fit. The same number gives the same one.
///
/// number: any.
/// buf, buf_len: takes the ID and its NUL, 24 bytes; NULL and 0 ask for the length only.
/// out_len: the length with the NUL, also on LM_ERR_BUFFER; may be NULL.
/// Threads: any.
/// Errors: LM_ERR_BUFFER, LM_ERR_INVALID_ARGUMENT.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_test_activation_id(
    number: u32,
    buf: *mut c_char,
    buf_len: usize,
    out_len: *mut usize,
) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        let mut random = *b"testkit\0\0\0\0\0\0\0\0\0\0";
        let (_, end) = random.split_at_mut(13);
        end.copy_from_slice(&number.to_be_bytes());
        let digest = ring::digest::digest(&ring::digest::SHA256, &random);
        let first = digest.as_ref().first_chunk().copied().unwrap_or_default();
        let id = ActivationId::from_random(first).to_string();
        // SAFETY: the caller's word.
        code_of(unsafe { give_text(&id, buf, buf_len, out_len) })
    })
}

/// § Time
/// Moves the machine's clock: it shows that time, and runs on. To the portal, a move ahead is time
/// that has passed; a move back is a clock that was set back, and the portal's doesn't follow, once
/// it has answered. 0: the system's time again, for both.
///
/// now: Unix seconds, at most 253402300799 (the end of the year 9999).
/// Threads: any. For all clients over the same storage.
/// Errors: LM_ERR_INVALID_ARGUMENT.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_test_set_now(client: *mut lm_client, now: i64) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    code_of(lm_client::run(client, |client| {
        if !(0..=253_402_300_799).contains(&now) {
            return Err(invalid("now is no time.".to_owned()));
        }
        of_client(client)?.0.clocks.set(now);
        Ok(())
    }))
}

/// § Failures
/// Makes the next calls fail. With a code of the network (70 to 76), of an answer (LM_ERR_SIGNATURE,
/// LM_ERR_MALFORMED, LM_ERR_TOO_LARGE, LM_ERR_VERSION, LM_ERR_MISMATCH, LM_ERR_TOO_LATE), of a
/// refusal (110 to 126) or LM_ERR_CANCELLED, the next exchanges with the portal end so. With
/// LM_ERR_BUSY, LM_ERR_PERMISSION, LM_ERR_STORAGE_READ_ONLY, LM_ERR_STORAGE_FULL or
/// LM_ERR_STORAGE_IO, the next changes of the store do. Message, hint and what stays pending are
/// those of the real failure. One call can need several: lm_refresh of all licenses has an exchange
/// for each, and an activation changes the store twice. Replaces what was ordered before.
///
/// code: as above; LM_OK: nothing fails any more.
/// times: how many; 0: none.
/// Threads: any. For all clients over the same storage, whichever comes first.
/// Errors: LM_ERR_INVALID_ARGUMENT where code is none, LM_ERR_UNSUPPORTED for one that doesn't come
///     about so: LM_ERR_NO_PORTAL by the options, LM_ERR_NO_FREE_SEAT by checkouts, and so on.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_test_fail_next(
    client: *mut lm_client,
    code: lm_result,
    times: u32,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    code_of(lm_client::run(client, |client| {
        let code = known(code)?;
        if code.is_some_and(|code| whose(code).is_none()) {
            return Err(Error::from_code(Code::Unsupported));
        }
        of_client(client)?.0.failures.order(code, times);
        Ok(())
    }))
}

/// What is wrong with the store, until this is called again. LM_ERR_STORAGE_DAMAGED,
/// LM_ERR_STORAGE_NEWER, LM_ERR_STORAGE_MISSING: as found on the disk; LM_ERR_STORAGE_UNSAFE,
/// LM_ERR_STORAGE_REMOTE: it is refused, by lm_client_open too; LM_ERR_PERMISSION,
/// LM_ERR_STORAGE_READ_ONLY, LM_ERR_STORAGE_FULL, LM_ERR_STORAGE_IO: it can't be changed. LM_OK:
/// nothing; one that was damaged, missing or newer is whole again, unless an activation has made a
/// new one meanwhile.
///
/// code: as above.
/// out_error: the failure; may be NULL.
/// Threads: any. For all clients over the same storage.
/// Errors: LM_ERR_INVALID_ARGUMENT, also where there is no store yet that could be damaged: set a
///     record first; LM_ERR_UNSUPPORTED for another code.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_test_set_storage(
    client: *mut lm_client,
    code: lm_result,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        let trouble = known(code)?;
        if trouble.is_some_and(|code| !damage::can_be(code)) {
            return Err(Error::from_code(Code::Unsupported));
        }
        let (world, opening) = of_client(client)?;
        world.disk(true).befall(opening.directory(), trouble)?;
        world.clocks.look_soon();
        Ok(())
    });
    // SAFETY: NULL, or the test's place for an error.
    unsafe { finish(result, out_error) }
}

/// § Files
/// Lets the pretended portal answer a request file of the application's: for lm_apply_response.
///
/// request, request_len: the bytes that lm_request_activation, lm_request_return or
///     lm_request_repair gave.
/// out_response: the response file.
/// out_error: the failure; may be NULL.
/// Ownership: the buffer is the test's: lm_buffer_free.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_MALFORMED. What the portal refuses, the file says; a
///     refusal or LM_ERR_TOO_LATE that lm_test_fail_next has ordered comes with it.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_test_answer(
    client: *mut lm_client,
    request: *const u8,
    request_len: usize,
    out_response: *mut *mut lm_buffer,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        check_out(out_response.cast_const(), "out_response")?;
        if request.is_null() || request_len > limits::REQUEST_FILE_MAX {
            return Err(invalid("request is NULL or longer than a request file.".to_owned()));
        }
        // SAFETY: not NULL, and the test's word for its length.
        let requests = unsafe { std::slice::from_raw_parts(request, request_len) };
        let (world, opening) = of_client(client)?;
        let response = Box::new(lm_buffer::new(answer_file(&world, &opening, requests)?));
        // SAFETY: checked above, and the test's place for a buffer.
        unsafe { out_response.write(Box::into_raw(response)) };
        Ok(())
    });
    // SAFETY: NULL, or the test's place for an error.
    unsafe { finish(result, out_error) }
}

/// `None`: LM_OK.
fn known(code: lm_result) -> Result<Option<Code>> {
    match Code::from_number(code) {
        None if code != LM_OK => Err(invalid(format!("{code} is no code."))),
        code => Ok(code),
    }
}

/// # Safety
/// `pointer` is NULL, or a record as the header describes it.
unsafe fn wanted(pointer: *const lm_test_record) -> Result<Wanted> {
    // SAFETY: the caller's word.
    let record = unsafe { take(pointer, "record", Rest::Zero) }?;
    // SAFETY: the caller's word.
    let id = unsafe { required_text(record.activation_id, "record.activation_id", 256) }?;
    let id = ActivationId::parse(id).map_err(|_| Error::from_code(Code::IdMalformed))?;
    // SAFETY: the caller's word.
    let listed = unsafe { text(record.features, "record.features", FEATURES_TEXT_MAX) }?;
    let kind = choice(record.kind, "record.kind", kind_from(record.kind))?;
    let state = State::from_number(record.state);
    let trusted = record.trust & !trust::ALL == 0;
    let seats = choice(record.seats, "record.seats", whole(record.seats))?;
    let wanted = Wanted {
        id,
        features: listed.map(features).transpose()?,
        state: choice(record.state, "record.state", state)?,
        kind,
        seats,
        trust: choice(record.trust, "record.trust", trusted.then_some(record.trust))?,
        cause: known(record.cause)?,
        returning: record.returning,
        dates: Term {
            starts_at: record.starts_at,
            expires_at: record.expires_at,
            lease_until: record.lease_until,
            grace_until: record.grace_until,
        },
    };
    record::sound(&wanted)?;
    Ok(wanted)
}

const FEATURES_TEXT_MAX: usize = limits::FEATURES_MAX * (limits::NAME_MAX + 21);

fn whole(seats: u32) -> Option<u32> {
    (1..=limits::SEATS_MAX).contains(&seats).then_some(seats)
}

/// "ortho raster=500".
fn features(text: &str) -> Result<Vec<Feature>> {
    let feature = |word: &str| {
        let (name, limit) = word.split_once('=').map_or((word, None), |(n, l)| (n, Some(l)));
        let limit = limit.map(str::parse::<i64>).transpose().ok()?;
        let sound = limits::is_name(name) && limit.is_none_or(|limit| limit >= 0);
        sound.then(|| Feature { name: name.to_owned(), limit })
    };
    let features: Option<Vec<_>> = text.split_whitespace().map(feature).collect();
    let sound = |features: &Vec<Feature>| (1..=limits::FEATURES_MAX).contains(&features.len());
    features.filter(sound).ok_or_else(|| {
        invalid("record.features is no list of features such as \"ortho raster=500\".".to_owned())
    })
}

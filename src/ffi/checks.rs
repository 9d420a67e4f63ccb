//! The calls that answer from a table in this process, and the status that they give.

use std::ffi::c_char;
use std::mem::{offset_of, size_of};

use lm_protocol::limits::NAME_MAX;

use super::calls::ID_TEXT_MAX;
use super::client::lm_client;
use super::constants::{LM_ERR_INTERNAL, LM_OK, kind_from, kind_number};
use super::error::{code_of, lm_result};
use super::guard::guarded;
use super::pointers::{bytes, check_out, give_text, invalid, required_text};
use super::sized::{Out, Rest, Versioned, choice, take};
use crate::error::{Code, Result};
use crate::policy::{self, NextStep, State, Status};

/// Where a license stands on this machine. 64 bytes on a 64-bit machine. An outcome is not a
/// failure: "expired" or "orphaned" is an answer here.
///
/// Set struct_size to sizeof(lm_status_info), nothing else; the library fills in the rest.
/// Ownership: the host's.
/// Threads: one at a time.
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lm_status_info {
    /// Set by the host.
    pub struct_size: usize,
    /// LM_STATE_*.
    pub state: u32,
    /// 1: work. 0: don't. The one field that a host must look at.
    pub usable: u32,
    /// LM_KIND_*; 0 until the portal has told it.
    pub kind: u32,
    /// LM_TRUST_* bits; a set one is trusted.
    pub trust: u32,
    /// Seats usable on this machine.
    pub seats: u32,
    /// Seats checked out on this machine, as of the last look.
    pub seats_in_use: u32,
    /// LM_NEXT_*: what a person does now.
    pub next_step: u32,
    /// The LM_ERR_* behind the state, or LM_OK.
    pub cause: lm_result,
    /// End of the term. Unix seconds, as all times here; 0: none.
    pub expires_at: i64,
    /// Until when the rights hold without contact to the portal.
    pub lease_until: i64,
    /// End of grace.
    pub grace_until: i64,
}

// SAFETY: `#[repr(C)]`, its size first, else numbers.
unsafe impl Versioned for lm_status_info {
    const FIRST: usize = offset_of!(lm_status_info, grace_until) + size_of::<i64>();
}

impl lm_status_info {
    pub(super) const fn of(status: &Status) -> Self {
        Self {
            struct_size: size_of::<Self>(),
            state: status.state as u32,
            usable: status.usable as u32,
            kind: kind_number(status.kind),
            trust: status.trust,
            seats: status.seats,
            seats_in_use: status.seats_in_use,
            next_step: status.next_step as u32,
            cause: match status.cause {
                Some(code) => code.number(),
                None => LM_OK,
            },
            expires_at: status.expires_at,
            lease_until: status.lease_until,
            grace_until: status.grace_until,
        }
    }

    fn status(&self) -> Result<Status> {
        let cause = match self.cause {
            LM_OK => None,
            number => Some(
                Code::from_number(number)
                    .ok_or_else(|| invalid(format!("status.cause can't be {number}.")))?,
            ),
        };
        Ok(Status {
            state: choice(self.state, "status.state", State::from_number(self.state))?,
            usable: choice(self.usable, "status.usable", bool_from(self.usable))?,
            kind: choice(self.kind, "status.kind", kind_from(self.kind))?,
            trust: self.trust,
            seats: self.seats,
            seats_in_use: self.seats_in_use,
            next_step: choice(
                self.next_step,
                "status.next_step",
                NextStep::from_number(self.next_step),
            )?,
            cause,
            expires_at: self.expires_at,
            lease_until: self.lease_until,
            grace_until: self.grace_until,
        })
    }
}

const fn bool_from(number: u32) -> Option<bool> {
    match number {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

/// Tells where a license stands. Call it whenever it matters: it takes tens of nanoseconds, from a
/// table in this process: no network, no write, no elevated right, no lock, no allocation. At most
/// once in 100 ms one caller looks at trusted storage, so what another process changed is seen
/// within that time. Nobody waits for a call that is under way.
///
/// activation_id: as for lm_activate; NULL: the best record of the product: usable before not,
///     then the later end, then more seats, then the ID.
/// out_status: struct_size set.
/// Ownership: the host's.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE, LM_ERR_ID_MALFORMED, LM_ERR_FORKED,
///     LM_ERR_INTERNAL. An ID that this machine doesn't hold is LM_OK with LM_STATE_ABSENT; any
///     state is LM_OK.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_status(
    client: *const lm_client,
    activation_id: *const c_char,
    out_status: *mut lm_status_info,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    code_of(lm_client::check(client, |client| {
        // SAFETY: NULL, or the host's structure with its size set.
        let out = unsafe { Out::new(out_status, "out_status") }?;
        // SAFETY: NULL, or text that ends in NUL.
        let id = unsafe { bytes(activation_id, "activation_id", ID_TEXT_MAX) }?;
        out.write(lm_status_info::of(&client.status_of(id)?));
        Ok(())
    }))
}

/// § More checks
/// Tells where the best record that has a feature stands. As fast as lm_status.
///
/// feature: its name, without a limit.
/// out_status: struct_size set.
/// Ownership: the host's.
/// Threads: any.
/// Errors: LM_ERR_FEATURE where no record has it; else as lm_status.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_feature_status(
    client: *const lm_client,
    feature: *const c_char,
    out_status: *mut lm_status_info,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    code_of(lm_client::check(client, |client| {
        // SAFETY: NULL, or the host's structure with its size set.
        let out = unsafe { Out::new(out_status, "out_status") }?;
        // SAFETY: NULL, or text that ends in NUL.
        let name = unsafe { required_text(feature, "feature", NAME_MAX) }?;
        out.write(lm_status_info::of(&client.feature_status(name)?));
        Ok(())
    }))
}

/// Tells the limit of a feature, such as the 16 of "tiles=16"; what it limits is up to the host.
///
/// feature: its name, without the limit.
/// out_limit: the limit; -1: it has none.
/// Ownership: the host's.
/// Threads: any.
/// Errors: LM_ERR_FEATURE where no record has it; LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED,
///     LM_ERR_INTERNAL.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_feature_limit(
    client: *const lm_client,
    feature: *const c_char,
    out_limit: *mut i64,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    code_of(lm_client::check(client, |client| {
        check_out(out_limit.cast_const(), "out_limit")?;
        // SAFETY: NULL, or text that ends in NUL.
        let name = unsafe { required_text(feature, "feature", NAME_MAX) }?;
        let limit = client.feature_limit(name)?.unwrap_or(-1);
        // SAFETY: checked, and the host's place for the limit.
        unsafe { out_limit.write(limit) };
        Ok(())
    }))
}

/// Puts a status into words for the person at the machine: state, cause, next step and dates, in
/// English, one to three sentences.
///
/// status: as lm_status or lm_feature_status filled it in.
/// buf, buf_len: where the text and its NUL go.
/// out_len: how many bytes both are, also on LM_ERR_BUFFER; may be NULL. Ask with NULL and 0
///     first, or give 512 bytes, which hold every one of them.
/// Ownership: the host's buffer, left alone unless the call succeeds.
/// Threads: any; needs no client.
/// Errors: LM_ERR_BUFFER, LM_ERR_STRUCT_SIZE, LM_ERR_INVALID_ARGUMENT for fields that no status
///     has.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_status_text(
    status: *const lm_status_info,
    buf: *mut c_char,
    buf_len: usize,
    out_len: *mut usize,
) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        // SAFETY: NULL, or the host's structure with its size set.
        let status = unsafe { take(status, "status", Rest::Any) }.and_then(|info| info.status());
        code_of(status.and_then(|status| {
            // SAFETY: the host's buffer, as the header describes it.
            unsafe { give_text(&policy::sentence(&status), buf, buf_len, out_len) }
        }))
    })
}

/// A number that rises when an answer of lm_status may have changed: a host that keeps menus or
/// lists asks here, for nothing, whether to draw them again. Time alone, such as the end of a term,
/// does not raise it.
///
/// client: may be NULL: 0.
/// Threads: any.
/// Errors: 0 in a child made by fork(), and after LM_ERR_INTERNAL.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_change_count(client: *const lm_client) -> u64 {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    lm_client::check(client, |client| Ok(client.change_count())).unwrap_or(0)
}

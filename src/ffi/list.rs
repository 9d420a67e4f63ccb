//! `lm_list`: a snapshot of the records.

use std::ffi::{CString, c_char};
use std::mem::{offset_of, size_of};

use super::checks::lm_status_info;
use super::client::lm_client;
use super::constants::LM_ERR_INTERNAL;
use super::error::{code_of, finish, lm_error, lm_result};
use super::guard::guarded;
use super::pointers::{c_text, check_out, invalid};
use super::sized::{Out, Versioned};
use crate::client::RecordInfo;

/// A snapshot of the records on this machine, sorted by activation ID. Opaque.
///
/// Ownership: the host's, which frees it with lm_list_free. It outlives its client.
/// Threads: any number may read it at once; one frees it.
/// Since 0.1.
pub struct lm_list {
    rows: Vec<Row>,
}

struct Row {
    activation_id: CString,
    fulfillment_id: CString,
    features: CString,
    info: RecordInfo,
}

/// A row of a list: which record, and the fields of its status.
///
/// Set struct_size to sizeof(lm_record_info), nothing else; the library fills in the rest.
/// Ownership: the host's; its texts are borrowed from the list until lm_list_free, and never NULL.
/// Threads: one at a time.
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lm_record_info {
    /// Set by the host.
    pub struct_size: usize,
    /// In its one form, such as 7F3KM-Q0W2E-XT9VB-4HJN8.
    pub activation_id: *const c_char,
    /// "" before the portal's answer.
    pub fulfillment_id: *const c_char,
    /// The names, separated by a blank: "ortho raster". lm_feature_limit tells a limit.
    pub features: *const c_char,
    /// LM_STATE_*.
    pub state: u32,
    /// 1: work. 0: don't.
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
    /// When it was activated on this machine.
    pub activated_at: i64,
    /// When the portal last answered about it.
    pub contacted_at: i64,
    /// How often the portal has issued it; 0 before its answer.
    pub generation: u64,
}

// SAFETY: `#[repr(C)]`, its size first; NULL and 0 are all zero.
unsafe impl Versioned for lm_record_info {
    const FIRST: usize = offset_of!(lm_record_info, generation) + size_of::<u64>();
}

impl Row {
    fn new(info: RecordInfo) -> Self {
        Self {
            activation_id: c_text(&info.activation_id),
            fulfillment_id: c_text(&info.fulfillment_id),
            features: c_text(&info.features),
            info,
        }
    }

    fn record(&self) -> lm_record_info {
        let status = lm_status_info::of(&self.info.status);
        lm_record_info {
            struct_size: size_of::<lm_record_info>(),
            activation_id: self.activation_id.as_ptr(),
            fulfillment_id: self.fulfillment_id.as_ptr(),
            features: self.features.as_ptr(),
            state: status.state,
            usable: status.usable,
            kind: status.kind,
            trust: status.trust,
            seats: status.seats,
            seats_in_use: status.seats_in_use,
            next_step: status.next_step,
            cause: status.cause,
            expires_at: status.expires_at,
            lease_until: status.lease_until,
            grace_until: status.grace_until,
            activated_at: self.info.activated_at,
            contacted_at: self.info.contacted_at,
            generation: self.info.generation,
        }
    }
}

/// § Lists
/// Takes a snapshot of the records on this machine. No network, no write.
///
/// out_list: the list; it may be empty.
/// out_error: the failure; may be NULL.
/// Ownership: the list is the host's: lm_list_free.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED, LM_ERR_INTERNAL, those of trusted storage (40
///     to 48) where it can't be read.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_list_open(
    client: *const lm_client,
    out_list: *mut *mut lm_list,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        check_out(out_list.cast_const(), "out_list")?;
        let rows = client.list()?.into_iter().map(Row::new).collect();
        // SAFETY: checked, and the host's place for a list.
        unsafe { out_list.write(Box::into_raw(Box::new(lm_list { rows }))) };
        Ok(())
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// How many rows a list has.
///
/// list: may be NULL: 0.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_list_len(list: *const lm_list) -> usize {
    guarded(0, || {
        // SAFETY: NULL, or a list that lives.
        unsafe { list.as_ref() }.map_or(0, |list| list.rows.len())
    })
}

/// Tells one row.
///
/// list: may be NULL: a list without rows.
/// index: from 0.
/// out_record: struct_size set.
/// Ownership: the host's; its texts are borrowed from the list until lm_list_free.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT (no such row), LM_ERR_STRUCT_SIZE.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_list_get(
    list: *const lm_list,
    index: usize,
    out_record: *mut lm_record_info,
) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        // SAFETY: NULL, or a list that lives.
        let list = unsafe { list.as_ref() };
        let row = list
            .and_then(|list| list.rows.get(index))
            .ok_or_else(|| invalid(format!("The list has no row {index}.")));
        code_of(row.and_then(|row| {
            // SAFETY: NULL, or the host's structure with its size set.
            let out = unsafe { Out::new(out_record, "out_record") }?;
            out.write(row.record());
            Ok(())
        }))
    })
}

/// Frees a list.
///
/// list: may be NULL. The texts of its rows are gone with it.
/// Threads: any, once.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_list_free(list: *mut lm_list) {
    guarded((), || {
        if !list.is_null() {
            // SAFETY: made by `lm_list_open`, and freed once by the host's word.
            drop(unsafe { Box::from_raw(list) });
        }
    });
}

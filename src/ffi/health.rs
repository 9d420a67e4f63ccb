//! `lm_health`: a report on what is well and what soon won't be.

use std::ffi::{CString, c_char};
use std::mem::{offset_of, size_of};

use super::client::lm_client;
use super::constants::{LM_ERR_INTERNAL, LM_OK};
use super::error::{code_of, finish, lm_error, lm_result};
use super::guard::guarded;
use super::pointers::{c_text, check_out, invalid};
use super::sized::{Out, Versioned};
use crate::error::Code;
use crate::policy::health::Finding;

/// A report of lm_health. Opaque.
///
/// Ownership: the host's, which frees it with lm_report_free. It outlives its client.
/// Threads: any number may read it at once; one frees it.
/// Since 0.1.
pub struct lm_report {
    rows: Vec<Row>,
}

struct Row {
    topic: CString,
    subject: CString,
    text: CString,
    hint: CString,
    detail: CString,
    level: u32,
    next_step: u32,
    code: lm_result,
}

/// One finding of a report.
///
/// Set struct_size to sizeof(lm_finding), nothing else; the library fills in the rest.
/// Ownership: the host's; its texts are borrowed from the report until lm_report_free, never NULL.
/// Threads: one at a time.
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lm_finding {
    /// Set by the host.
    pub struct_size: usize,
    /// What it is about, in a word: "storage", "image", "anchor", "sealer", "permission", "space",
    /// "host", "clock", "license", "portal.dns", "portal.connect", "portal.tls", "portal.http".
    /// Later versions know more.
    pub topic: *const c_char,
    /// The activation ID, path or address that it is about, or "".
    pub subject: *const c_char,
    /// A sentence.
    pub text: *const c_char,
    /// What to do, as a sentence, or "".
    pub hint: *const c_char,
    /// The numbers behind it as a JSON object, or "". Identities in it are salted hashes.
    pub detail: *const c_char,
    /// LM_LOG_INFO: as it should be. LM_LOG_WARN: it works, and may soon not. LM_LOG_ERROR: it
    /// doesn't.
    pub level: u32,
    /// LM_NEXT_*: what a person does now.
    pub next_step: u32,
    /// The LM_ERR_* behind it, or LM_OK.
    pub code: lm_result,
    /// 0.
    pub reserved: u32,
}

// SAFETY: `#[repr(C)]`, its size first; NULL and 0 are all zero.
unsafe impl Versioned for lm_finding {
    const FIRST: usize = offset_of!(lm_finding, reserved) + size_of::<u32>();
}

impl Row {
    fn new(finding: Finding) -> Self {
        let detail = &finding.detail;
        Self {
            topic: c_text(finding.topic.word()),
            subject: c_text(&finding.subject),
            text: c_text(&finding.text),
            hint: c_text(&finding.hint),
            detail: if detail.is_null() { c_text("") } else { c_text(&detail.to_string()) },
            level: finding.level as u32,
            next_step: finding.next_step as u32,
            code: finding.code.map_or(LM_OK, Code::number),
        }
    }

    fn finding(&self) -> lm_finding {
        lm_finding {
            struct_size: size_of::<lm_finding>(),
            topic: self.topic.as_ptr(),
            subject: self.subject.as_ptr(),
            text: self.text.as_ptr(),
            hint: self.hint.as_ptr(),
            detail: self.detail.as_ptr(),
            level: self.level,
            next_step: self.next_step,
            code: self.code,
            reserved: 0,
        }
    }
}

/// § Health
/// Reports on the health of this machine's licenses, before something fails: trusted storage, its
/// images and anchors, permissions and free space, the machine's identity and how much of it each
/// license still finds, the clock, each license's lease; and, where asked, the way to the portal,
/// step by step. Changes nothing. What is broken is a finding of the report, and LM_OK.
///
/// ask_portal: 0: only what is here, without the network. 1: the portal is asked, too, who it is;
///     that shows a name that isn't known, a connection, a certificate and an answer apart, and how
///     far the clock is from the portal's.
/// out_report: the report; it always has findings.
/// out_error: the failure; may be NULL.
/// Ownership: the report is the host's: lm_report_free.
/// Threads: any. Reads files, some milliseconds at most; with ask_portal it blocks until the portal
///     answers, up to timeout_ms. lm_cancel ends that.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_CANCELLED.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_health(
    client: *mut lm_client,
    ask_portal: u32,
    out_report: *mut *mut lm_report,
    out_error: *mut *mut lm_error,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    let result = lm_client::run(client, |client| {
        check_out(out_report.cast_const(), "out_report")?;
        let ask_portal = match ask_portal {
            0 => false,
            1 => true,
            other => return Err(invalid(format!("ask_portal is {other}, and must be 0 or 1."))),
        };
        let rows = client.health(ask_portal)?.into_iter().map(Row::new).collect();
        // SAFETY: checked, and the host's place for a report.
        unsafe { out_report.write(Box::into_raw(Box::new(lm_report { rows }))) };
        Ok(())
    });
    // SAFETY: NULL, or the host's place for an error.
    unsafe { finish(result, out_error) }
}

/// How many findings a report has.
///
/// report: may be NULL: 0.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_report_len(report: *const lm_report) -> usize {
    guarded(0, || {
        // SAFETY: NULL, or a report that lives.
        unsafe { report.as_ref() }.map_or(0, |report| report.rows.len())
    })
}

/// Tells one finding.
///
/// report: may be NULL: a report without findings.
/// index: from 0. First trusted storage, then the machine, each license, the clock, the portal.
/// out_finding: struct_size set.
/// Ownership: the host's; its texts are borrowed from the report until lm_report_free.
/// Threads: any.
/// Errors: LM_ERR_INVALID_ARGUMENT (no such finding), LM_ERR_STRUCT_SIZE.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_report_get(
    report: *const lm_report,
    index: usize,
    out_finding: *mut lm_finding,
) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        // SAFETY: NULL, or a report that lives.
        let report = unsafe { report.as_ref() };
        let row = report
            .and_then(|report| report.rows.get(index))
            .ok_or_else(|| invalid(format!("The report has no finding {index}.")));
        code_of(row.and_then(|row| {
            // SAFETY: NULL, or the host's structure with its size set.
            let out = unsafe { Out::new(out_finding, "out_finding") }?;
            out.write(row.finding());
            Ok(())
        }))
    })
}

/// Frees a report.
///
/// report: may be NULL. The texts of its findings are gone with it.
/// Threads: any, once.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_report_free(report: *mut lm_report) {
    guarded((), || {
        if !report.is_null() {
            // SAFETY: made by `lm_health`, and freed once by the host's word.
            drop(unsafe { Box::from_raw(report) });
        }
    });
}

//! `lm_error`: a failure as an object of its own.

use std::ffi::{CStr, CString, c_char};

use super::constants::{LM_ERR_INTERNAL, LM_OK};
use super::guard::guarded;
use super::pointers::c_text;
use crate::error::{Error, Result};

/// What a call answers: LM_OK, or the number of an error. Since 0.1.
pub type lm_result = i32;

/// A failure: its code, a sentence, a hint, and what a program may want to know. Opaque.
///
/// Ownership: the host's, which frees it with lm_error_free. It outlives its client.
/// Threads: any number may read it at once; one frees it.
/// Since 0.1.
pub struct lm_error {
    code: lm_result,
    message: CString,
    hint: CString,
    detail: CString,
    retry_at: i64,
}

/// § Errors
/// Which error.
///
/// error: may be NULL: LM_OK.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_error_code(error: *const lm_error) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        // SAFETY: NULL, or an error that lives.
        unsafe { error.as_ref() }.map_or(LM_OK, |error| error.code)
    })
}

/// What happened: a sentence in English for the person at the machine.
///
/// error: may be NULL: "".
/// Ownership: borrowed from the error until lm_error_free; never NULL.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_error_message(error: *const lm_error) -> *const c_char {
    guarded(c"".as_ptr(), || {
        // SAFETY: NULL, or an error that lives.
        text_of(unsafe { error.as_ref() }, |error| &error.message)
    })
}

/// What to do next: a sentence in English for the person at the machine.
///
/// error: may be NULL: "".
/// Ownership: borrowed from the error until lm_error_free; never NULL.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_error_hint(error: *const lm_error) -> *const c_char {
    guarded(c"".as_ptr(), || {
        // SAFETY: NULL, or an error that lives.
        text_of(unsafe { error.as_ref() }, |error| &error.hint)
    })
}

/// For programs: "" or a JSON document, for example which machines hold the seats.
///
/// error: may be NULL: "".
/// Ownership: borrowed from the error until lm_error_free; never NULL.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_error_detail(error: *const lm_error) -> *const c_char {
    guarded(c"".as_ptr(), || {
        // SAFETY: NULL, or an error that lives.
        text_of(unsafe { error.as_ref() }, |error| &error.detail)
    })
}

/// When trying again makes sense: Unix seconds; 0: at will.
///
/// error: may be NULL: 0.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_error_retry_at(error: *const lm_error) -> i64 {
    guarded(0, || {
        // SAFETY: NULL, or an error that lives.
        unsafe { error.as_ref() }.map_or(0, |error| error.retry_at)
    })
}

/// Frees an error.
///
/// error: may be NULL. Its texts are gone with it.
/// Threads: any, once.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_error_free(error: *mut lm_error) {
    guarded((), || {
        if !error.is_null() {
            // SAFETY: made by `finish`, and freed once by the host's word.
            drop(unsafe { Box::from_raw(error) });
        }
    });
}

fn text_of(error: Option<&lm_error>, text: impl FnOnce(&lm_error) -> &CStr) -> *const c_char {
    error.map_or(c"", text).as_ptr()
}

/// The code of a call that gives no error object.
pub(crate) fn code_of(result: Result<()>) -> lm_result {
    result.map_or_else(|error| error.code().number(), |()| LM_OK)
}

/// The code of a call; a failure becomes the host's, where it wants it.
///
/// # Safety
/// `out_error` is NULL or may be written.
pub(crate) unsafe fn finish(result: Result<()>, out_error: *mut *mut lm_error) -> lm_result {
    let Err(error) = result else { return LM_OK };
    let code = error.code().number();
    if !out_error.is_null() && out_error.is_aligned() {
        let object = guarded(std::ptr::null_mut(), || Box::into_raw(Box::new(object(&error))));
        // SAFETY: checked, and the host's place for an error.
        unsafe { out_error.write(object) };
    }
    code
}

fn object(error: &Error) -> lm_error {
    lm_error {
        code: error.code().number(),
        message: c_text(error.message()),
        hint: c_text(error.hint()),
        detail: c_text(error.detail()),
        retry_at: error.retry_at(),
    }
}

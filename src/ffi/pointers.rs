//! What comes from C, checked: NULL, bounds, UTF-8. What goes to C as text.

use std::ffi::{CString, c_char};

use crate::error::{Code, Error, Result};

/// The host's text, or `None` for NULL. Reads at most `max` + 1 bytes.
///
/// Errors: [`Code::InvalidArgument`] where it is longer than `max` bytes or not UTF-8; the sentence
/// calls it `name`.
///
/// # Safety
/// `pointer` is NULL, or text that ends in NUL and lives for `'a`, or at least `max` + 1 bytes.
pub(crate) unsafe fn text<'a>(
    pointer: *const c_char,
    name: &str,
    max: usize,
) -> Result<Option<&'a str>> {
    // SAFETY: the caller's word.
    let bytes = unsafe { bytes(pointer, name, max) }?;
    let text = bytes.map(std::str::from_utf8).transpose();
    text.map_err(|_| invalid(format!("{name} is not UTF-8.")))
}

/// As [`text`], of any bytes but NUL.
///
/// # Safety
/// As [`text`].
#[inline]
pub(super) unsafe fn bytes<'a>(
    pointer: *const c_char,
    name: &str,
    max: usize,
) -> Result<Option<&'a [u8]>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: reads to the NUL or to the bound, which the caller vouches for.
    let len = unsafe { libc::strnlen(pointer, max + 1) };
    if len > max {
        return Err(invalid(format!("{name} is longer than {max} bytes.")));
    }
    // SAFETY: these bytes were just read, and live for `'a` by the caller's word.
    Ok(Some(unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), len) }))
}

/// The same where NULL is an error.
///
/// # Safety
/// As [`text`].
pub(crate) unsafe fn required_text<'a>(
    pointer: *const c_char,
    name: &str,
    max: usize,
) -> Result<&'a str> {
    // SAFETY: the caller's word.
    let text = unsafe { text(pointer, name, max) }?;
    text.ok_or_else(|| invalid(format!("{name} is NULL.")))
}

/// Fails where the place for an answer is NULL or not aligned.
#[inline(always)]
pub(crate) fn check_out<T>(out: *const T, name: &str) -> Result<()> {
    if out.is_null() || !out.is_aligned() { Err(no_place(name)) } else { Ok(()) }
}

#[cold]
fn no_place(name: &str) -> Error {
    invalid(format!("{name} is NULL or not aligned."))
}

/// Writes the text and its NUL into the host's buffer, and how long both are into `out_len`, this
/// one also where the buffer is too small: [`Code::Buffer`], and the buffer is left alone.
///
/// # Safety
/// `buf` is NULL or `buf_len` bytes that may be written; `out_len` is NULL or may be written.
pub(crate) unsafe fn give_text(
    text: &str,
    buf: *mut c_char,
    buf_len: usize,
    out_len: *mut usize,
) -> Result<()> {
    if buf.is_null() && buf_len != 0 {
        return Err(invalid("buf is NULL and buf_len is not 0.".to_owned()));
    }
    let needed = text.len() + 1;
    if !out_len.is_null() {
        check_out(out_len, "out_len")?;
        // SAFETY: not NULL, aligned, and the host's to be written.
        unsafe { out_len.write(needed) };
    }
    if needed > buf_len {
        return Err(Error::from_code(Code::Buffer));
    }
    // SAFETY: `buf` has room for `needed` bytes; the text is ours and overlaps nothing of the host.
    unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), buf.cast::<u8>(), text.len()) };
    // SAFETY: within the buffer, as above.
    let end = unsafe { buf.add(text.len()) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    Ok(())
}

/// Our text for C. A NUL in it, which no text of ours has, becomes a blank.
pub(super) fn c_text(text: &str) -> CString {
    let bytes = text.bytes().map(|byte| if byte == 0 { b' ' } else { byte }).collect::<Vec<_>>();
    CString::new(bytes).unwrap_or_default()
}

pub(crate) fn invalid(sentence: String) -> Error {
    Error::new(Code::InvalidArgument, sentence)
}

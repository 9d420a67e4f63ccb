//! `lm_buffer`: bytes that the library owns.

use super::guard::guarded;

/// Bytes that the library gives: a file's. Opaque.
///
/// Ownership: the host's, which frees it with lm_buffer_free. It outlives its client.
/// Threads: any number may read it at once; one frees it.
/// Since 0.1.
pub struct lm_buffer {
    /// With a NUL behind, so that C may print what is text.
    bytes: Vec<u8>,
}

impl lm_buffer {
    pub(crate) fn new(mut bytes: Vec<u8>) -> Self {
        bytes.push(0);
        Self { bytes }
    }
}

/// The bytes of a buffer. A NUL that isn't counted stands behind them.
///
/// buffer: may be NULL: an empty one.
/// Ownership: borrowed from the buffer until lm_buffer_free; never NULL.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_buffer_data(buffer: *const lm_buffer) -> *const u8 {
    guarded(c"".as_ptr().cast(), || {
        // SAFETY: NULL, or a buffer that lives.
        let buffer = unsafe { buffer.as_ref() };
        buffer.map_or(c"".as_ptr().cast(), |buffer| buffer.bytes.as_ptr())
    })
}

/// How many bytes a buffer has.
///
/// buffer: may be NULL: 0.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_buffer_len(buffer: *const lm_buffer) -> usize {
    guarded(0, || {
        // SAFETY: NULL, or a buffer that lives.
        unsafe { buffer.as_ref() }.map_or(0, |buffer| buffer.bytes.len().saturating_sub(1))
    })
}

/// Frees a buffer.
///
/// buffer: may be NULL. Its bytes are gone with it.
/// Threads: any, once.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_buffer_free(buffer: *mut lm_buffer) {
    guarded((), || {
        if !buffer.is_null() {
            // SAFETY: made by a call that gave it, and freed once by the host's word.
            drop(unsafe { Box::from_raw(buffer) });
        }
    });
}

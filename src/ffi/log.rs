//! The host's log function, and the life of what a host gives with its functions.

use std::ffi::{c_char, c_void};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use super::pointers::c_text;
use crate::log::{Level, Log};

/// Frees what the host gave as user data.
///
/// user_data: as it was given in lm_options.
/// Ownership: called exactly once, when the client and its last seat are gone. Not called when
///     lm_client_open fails.
/// Threads: the thread that called lm_client_free or lm_seat_free.
/// Errors: none; it must not throw, longjmp or exit.
/// Since 0.1.
pub type lm_destroy_fn = Option<unsafe extern "C" fn(user_data: *mut c_void)>;

/// § The host's own functions
/// Takes one log line. Lines carry no secrets.
///
/// user_data: as it was given in lm_options.
/// level: LM_LOG_ERROR to LM_LOG_DEBUG.
/// message: English, one line, without a line break at its end.
/// Ownership: message is borrowed for the call.
/// Threads: called on the thread of the call that caused the line, inside that call, with no lock
///     held; on several threads at once where the host calls from several.
/// Errors: none; it must not throw or longjmp. It may use other clients, not this one.
/// Since 0.1.
pub type lm_log_fn =
    Option<unsafe extern "C" fn(user_data: *mut c_void, level: u32, message: *const c_char)>;

/// What a host gave with a function, and how it is freed: once, when the last user is gone, and
/// only after [`Owned::adopt`].
#[derive(Debug)]
pub(super) struct Owned {
    user_data: *mut c_void,
    destroy: lm_destroy_fn,
    adopted: AtomicBool,
}

// SAFETY: the pointer is never followed here, only handed back to the host's own functions, which
// the header requires to work on any thread.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Owned {
    pub(super) fn new(user_data: *mut c_void, destroy: lm_destroy_fn) -> Arc<Self> {
        Arc::new(Self { user_data, destroy, adopted: AtomicBool::new(false) })
    }

    /// From here on it is ours: the client is open.
    pub(super) fn adopt(&self) {
        self.adopted.store(true, Relaxed);
    }

    pub(super) const fn user_data(&self) -> *mut c_void {
        self.user_data
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        if let (Some(destroy), true) = (self.destroy, *self.adopted.get_mut()) {
            // SAFETY: the host's own function and data, once: nobody else holds them any more.
            unsafe { destroy(self.user_data) };
        }
    }
}

/// The host's function as the library's log.
pub(super) fn log_of(function: lm_log_fn, level: Option<Level>, owned: &Arc<Owned>) -> Option<Log> {
    let (function, level, owned) = (function?, level?, owned.clone());
    Some(Log::new(level, move |level, line| {
        let message = c_text(line);
        // SAFETY: the host's own function and data; the text lives until it returns.
        unsafe { function(owned.user_data(), level as u32, message.as_ptr()) };
    }))
}

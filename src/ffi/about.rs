//! Names of numbers, and what this library is and can do.

use std::ffi::{CStr, c_char};

use super::client::lm_client;
use super::constants::{LM_OK, RESULTS, STATES};
use super::error::{code_of, lm_result};
use super::guard::guarded;
use super::pointers::{give_text, text};

const MAJOR: u32 = number(env!("CARGO_PKG_VERSION_MAJOR"));
const MINOR: u32 = number(env!("CARGO_PKG_VERSION_MINOR"));
const PATCH: u32 = number(env!("CARGO_PKG_VERSION_PATCH"));
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\0");

const _: () = assert!(MINOR < 1000 && PATCH < 1000);

/// What a host may ask for by name. Later versions have more.
const CAPABILITIES: &[&str] = &[
    "cancel",
    "checkout",
    "health",
    "https",
    "host_identity",
    "log",
    "machine_scope",
    "memory_scope",
    "offline",
    "repair",
    "transport",
    "user_scope",
];
/// Longer than any of their names.
const CAPABILITY_MAX: usize = 64;

const fn number(text: &str) -> u32 {
    match u32::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}

/// § About this machine and the library
/// The host ID: what the portal knows this machine by. Or that of the options' host_identity.
///
/// buf, buf_len: where the text and its NUL go.
/// out_len: how many bytes both are, also on LM_ERR_BUFFER; may be NULL. Ask with NULL and 0
///     first, or give 64 bytes, which hold it.
/// Ownership: the host's buffer, left alone unless the call succeeds.
/// Threads: any.
/// Errors: LM_ERR_BUFFER, LM_ERR_INVALID_ARGUMENT, LM_ERR_FORKED, LM_ERR_INTERNAL.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_host_id(
    client: *const lm_client,
    buf: *mut c_char,
    buf_len: usize,
    out_len: *mut usize,
) -> lm_result {
    // SAFETY: NULL, or a client that lives.
    let client = unsafe { lm_client::borrow(client) };
    code_of(lm_client::run(client, |client| {
        client.check_fork()?;
        // SAFETY: the host's buffer, as the header describes it.
        unsafe { give_text(client.host_id(), buf, buf_len, out_len) }
    }))
}

/// The name of a result, such as "LM_ERR_NETWORK".
///
/// result: any number; one that this version doesn't know: "?".
/// Ownership: the library's, for ever; never NULL.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn lm_result_name(result: lm_result) -> *const c_char {
    guarded(c"?".as_ptr(), || {
        if result == LM_OK { c"LM_OK".as_ptr() } else { name_in(RESULTS, result) }
    })
}

/// The name of a state without its prefix, such as "ACTIVE".
///
/// state: any number; one that this version doesn't know: "?".
/// Ownership: the library's, for ever; never NULL.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn lm_state_name(state: u32) -> *const c_char {
    guarded(c"?".as_ptr(), || name_in(STATES, state))
}

fn name_in<N: Copy + PartialEq>(table: &[(N, &'static CStr)], number: N) -> *const c_char {
    let row = table.iter().find(|(known, _)| *known == number);
    row.map_or(c"?", |(_, name)| name).as_ptr()
}

/// The version of the library that runs, as LM_VERSION_NUMBER is that of this header: major x
/// 1000000 + minor x 1000 + patch.
///
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn lm_version() -> u32 {
    guarded(0, || MAJOR * 1_000_000 + MINOR * 1_000 + PATCH)
}

/// The same as text, such as "0.1.0".
///
/// Ownership: the library's, for ever; never NULL.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub extern "C" fn lm_version_string() -> *const c_char {
    guarded(c"".as_ptr(), || VERSION.as_ptr().cast())
}

/// Whether the library that runs can do something; a plugin that finds another version in its host
/// asks before it relies on it.
///
/// capability: "https" (a way of its own to the portal), "transport", "log", "host_identity",
///     "user_scope", "machine_scope", "memory_scope", "repair", "cancel", "checkout", "offline",
///     "health". Later versions know more. NULL or an unknown one: 0.
/// Returns 1 or 0.
/// Threads: any.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_supports(capability: *const c_char) -> i32 {
    guarded(0, || {
        // SAFETY: NULL, or text that ends in NUL.
        let asked = unsafe { text(capability, "capability", CAPABILITY_MAX) };
        let asked = asked.ok().flatten();
        i32::from(asked.is_some_and(|asked| CAPABILITIES.contains(&asked)))
    })
}

//! `lm_options`: what a host says when it opens a client.

use std::ffi::{c_char, c_void};
use std::mem::{offset_of, size_of};
use std::sync::Arc;
use std::time::Duration;

use lm_protocol::limits::NAME_MAX;

use super::constants::{LM_ERR_INTERNAL, level_from, scope_from};
use super::error::{code_of, lm_result};
use super::guard::guarded;
use super::http::{HostTransport, lm_transport_fn};
use super::log::{Owned, lm_destroy_fn, lm_log_fn, log_of};
use super::pointers::{required_text, text};
use super::sized::{Rest, Versioned, choice, clear, take};
use crate::client::Options;
use crate::error::{Code, Error, Result};
use crate::limits::{HOST_IDENTITY_MAX, HOST_LABEL_MAX, PATH_MAX, TRUST_ROOT_MAX};
use crate::transport::Proxy;

/// § Options, status, records
/// How to open a client. Fill it with lm_options_init, then set what differs.
///
/// Ownership: the host's. Its texts need to live only during lm_client_open; the user data as long
///     as the client.
/// Threads: one at a time.
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lm_options {
    /// Set by lm_options_init.
    pub struct_size: usize,
    /// Required. The product: 1 to 64 of A-Z a-z 0-9 . _ -, as feature names are.
    pub product: *const c_char,
    /// Required. Whom the application trusts: the line that the portal's trust-root command prints.
    /// One line of ASCII, fit for a C literal: compile it in, never read it from a setting.
    pub trust_root: *const c_char,
    /// The portal's address: https, or http to this machine only. NULL: none; a call that needs the
    /// portal answers LM_ERR_NO_PORTAL.
    pub portal_url: *const c_char,
    /// Where trusted storage lies, at most 4096 bytes: a directory of its own, on a local disk,
    /// which an activation makes. NULL: the default of the scope; always so in memory.
    pub storage_dir: *const c_char,
    /// The application's own identity of the host, for a container or a test; 1 to 1024 bytes. NULL:
    /// this machine's own factors. Only a salted hash of it leaves the machine.
    pub host_identity: *const c_char,
    /// Shown to the license's owner beside the host ID, at most 128 bytes, no control characters.
    /// NULL: none.
    pub host_label: *const c_char,
    /// NULL: no proxy. "system": as the system is set. Else the proxy's URL.
    pub proxy: *const c_char,
    /// A PEM file of certificates to trust beside the system's. NULL: none.
    pub ca_file: *const c_char,
    /// Whose licenses: LM_SCOPE_USER, LM_SCOPE_MACHINE or LM_SCOPE_MEMORY.
    pub scope: u32,
    /// Milliseconds that a whole call may take, at most an hour. 0: 30000.
    pub timeout_ms: u32,
    /// Up to which level log gets lines: LM_LOG_NONE to LM_LOG_DEBUG.
    pub log_level: u32,
    /// 0. A bit that the library doesn't know is refused: LM_ERR_UNSUPPORTED.
    pub flags: u32,
    /// Takes log lines. NULL: nobody does.
    pub log: lm_log_fn,
    /// Handed to log and log_destroy.
    pub log_user_data: *mut c_void,
    /// Frees log_user_data. NULL: nothing to free.
    pub log_destroy: lm_destroy_fn,
    /// The host's own way to the portal; proxy and ca_file are then not used. NULL: HTTPS.
    pub transport: lm_transport_fn,
    /// Handed to transport and transport_destroy.
    pub transport_user_data: *mut c_void,
    /// Frees transport_user_data. NULL: nothing to free.
    pub transport_destroy: lm_destroy_fn,
}

// SAFETY: `#[repr(C)]`, its size first; NULL, 0 and no function are all zero.
unsafe impl Versioned for lm_options {
    const FIRST: usize =
        offset_of!(lm_options, transport_destroy) + size_of::<Option<unsafe extern "C" fn()>>();
}

/// § Open and close
/// Fills in the defaults: everything 0 or NULL, and the size.
///
/// options: struct_size bytes.
/// struct_size: sizeof(lm_options).
/// Ownership: the host's.
/// Threads: one at a time.
/// Errors: LM_ERR_INVALID_ARGUMENT, LM_ERR_STRUCT_SIZE.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_options_init(
    options: *mut lm_options,
    struct_size: usize,
) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        // SAFETY: NULL, or `struct_size` bytes of the host's.
        code_of(unsafe { clear(options, "options", struct_size) })
    })
}

/// What a client opens with, and what it keeps for the host until it is gone.
pub(super) struct Opening {
    pub(super) options: Options,
    pub(super) owned: [Arc<Owned>; 2],
}

/// The host's options as the library's.
///
/// # Safety
/// `pointer` is NULL or options as the header describes them.
pub(super) unsafe fn read(pointer: *const lm_options) -> Result<Opening> {
    // SAFETY: the caller's word.
    let host = unsafe { take(pointer, "options", Rest::Zero) }?;
    if host.flags != 0 {
        return Err(Error::from_code(Code::Unsupported));
    }
    let log_owned = Owned::new(host.log_user_data, host.log_destroy);
    let transport_owned = Owned::new(host.transport_user_data, host.transport_destroy);
    // SAFETY: the caller's word: each text is NULL or ends in NUL.
    let mut options = unsafe { read_texts(&host) }?;
    options.scope = choice(host.scope, "options.scope", scope_from(host.scope))?;
    let level = choice(host.log_level, "options.log_level", level_from(host.log_level))?;
    options.timeout = Duration::from_millis(host.timeout_ms.into());
    options.log = log_of(host.log, level, &log_owned);
    options.transport = HostTransport::of(host.transport, &transport_owned);
    Ok(Opening { options, owned: [log_owned, transport_owned] })
}

/// # Safety
/// Each text of `host` is NULL or ends in NUL.
unsafe fn read_texts(host: &lm_options) -> Result<Options> {
    let optional = |pointer, name, max| {
        // SAFETY: the caller's word.
        unsafe { text(pointer, name, max) }.map(|text| text.map(str::to_owned))
    };
    // SAFETY: the caller's word.
    let product = unsafe { required_text(host.product, "options.product", NAME_MAX) }?;
    // SAFETY: the caller's word.
    let root = unsafe { required_text(host.trust_root, "options.trust_root", TRUST_ROOT_MAX) }?;
    let mut options = Options::new(product, root);
    options.portal_url = optional(host.portal_url, "options.portal_url", PATH_MAX)?;
    options.storage_dir =
        optional(host.storage_dir, "options.storage_dir", PATH_MAX)?.map(Into::into);
    options.host_identity =
        optional(host.host_identity, "options.host_identity", HOST_IDENTITY_MAX)?;
    options.host_label = optional(host.host_label, "options.host_label", HOST_LABEL_MAX)?;
    options.proxy = match optional(host.proxy, "options.proxy", PATH_MAX)?.as_deref() {
        None => Proxy::None,
        Some("system") => Proxy::System,
        Some(url) => Proxy::Url(url.to_owned()),
    };
    options.ca_file = optional(host.ca_file, "options.ca_file", PATH_MAX)?.map(Into::into);
    Ok(options)
}

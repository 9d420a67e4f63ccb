//! The host's own way to the portal, as the library's transport.

use std::ffi::{c_char, c_void};
use std::mem::size_of;
use std::sync::Arc;

use super::constants::{LM_ERR_INTERNAL, LM_ERR_INVALID_ARGUMENT, LM_ERR_TOO_LARGE, LM_OK};
use super::error::lm_result;
use super::guard::guarded;
use super::log::Owned;
use super::pointers::c_text;
use crate::error::{Code, Error, Result};
use crate::ports::{HttpRequest, HttpResponse, Transport};

/// One POST that a transport is to carry out. Redirects are not to be followed.
///
/// Ownership: everything in it is borrowed until the transport returns.
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct lm_http_request {
    /// Size of the structure, set by the library; it grows at its end only.
    pub struct_size: usize,
    /// The whole address.
    pub url: *const c_char,
    /// The body's media type, for the header Content-Type.
    pub content_type: *const c_char,
    /// The body.
    pub body: *const u8,
    /// Bytes of the body.
    pub body_len: usize,
    /// Bytes that the body of the response may have at most.
    pub response_max: usize,
    /// Milliseconds that the whole exchange may take.
    pub timeout_ms: u32,
    /// 0.
    pub reserved: u32,
}

/// Where a transport puts the answer, by lm_http_respond. Opaque.
///
/// Ownership: the library's; it lives until the transport returns.
/// Threads: one at a time.
/// Since 0.1.
pub struct lm_http_response {
    max: usize,
    answer: Option<HttpResponse>,
    too_large: bool,
}

/// Carries one request to the portal, in place of the library's own HTTPS: through the host's
/// network stack, its proxy, its certificates.
///
/// user_data: as it was given in lm_options.
/// request: what to send.
/// response: for lm_http_respond.
/// Returns LM_OK once it has responded, whatever the HTTP status, else the code of 70 to 79 that
///     fits best, or LM_ERR_CANCELLED. LM_OK without a response, and any other code, count as
///     LM_ERR_NETWORK.
/// Ownership: request and response are borrowed for the call.
/// Threads: called on the thread of the call that needs the portal, inside that call, with no lock
///     held; on several threads at once where the host calls from several.
/// Errors: it must not throw or longjmp. It may use other clients, not this one.
/// Since 0.1.
pub type lm_transport_fn = Option<
    unsafe extern "C" fn(
        user_data: *mut c_void,
        request: *const lm_http_request,
        response: *mut lm_http_response,
    ) -> lm_result,
>;

/// § Inside a transport
/// Gives the answer of the portal to the library; only inside a transport. A second answer replaces
/// the first.
///
/// response: as the transport got it.
/// http_status: 100 to 599.
/// body, body_len: the body without any transfer encoding; NULL and 0 where there is none.
/// Ownership: the body is copied; the host keeps its own memory.
/// Threads: that of the transport's call, or one that it waits for.
/// Errors: LM_ERR_INVALID_ARGUMENT; LM_ERR_TOO_LARGE where the body has more than response_max
///     bytes, and the call that waits for it fails with the same code.
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn lm_http_respond(
    response: *mut lm_http_response,
    http_status: u32,
    body: *const u8,
    body_len: usize,
) -> lm_result {
    guarded(LM_ERR_INTERNAL, || {
        // SAFETY: NULL, or the response that the transport got, which nobody else uses meanwhile.
        let Some(response) = (unsafe { response.as_mut() }) else { return LM_ERR_INVALID_ARGUMENT };
        let status = match u16::try_from(http_status) {
            Ok(status @ 100..=599) if !body.is_null() || body_len == 0 => status,
            _ => return LM_ERR_INVALID_ARGUMENT,
        };
        if body_len > response.max {
            response.too_large = true;
            return LM_ERR_TOO_LARGE;
        }
        let bytes = if body_len == 0 {
            &[]
        } else {
            // SAFETY: not NULL, and the host's word for its length.
            unsafe { std::slice::from_raw_parts(body, body_len) }
        };
        response.answer = Some(HttpResponse { status, body: bytes.to_vec(), retry_after: None });
        response.too_large = false;
        LM_OK
    })
}

/// The host's function as the library's transport.
pub(super) struct HostTransport {
    function: unsafe extern "C" fn(
        *mut c_void,
        *const lm_http_request,
        *mut lm_http_response,
    ) -> lm_result,
    owned: Arc<Owned>,
}

impl HostTransport {
    pub(super) fn of(function: lm_transport_fn, owned: &Arc<Owned>) -> Option<Arc<dyn Transport>> {
        Some(Arc::new(Self { function: function?, owned: owned.clone() }))
    }
}

impl Transport for HostTransport {
    fn post(&self, request: &HttpRequest<'_>) -> Result<HttpResponse> {
        let (url, content_type) = (c_text(request.url), c_text(request.content_type));
        let request = lm_http_request {
            struct_size: size_of::<lm_http_request>(),
            url: url.as_ptr(),
            content_type: content_type.as_ptr(),
            body: request.body.as_ptr(),
            body_len: request.body.len(),
            response_max: request.response_max,
            timeout_ms: u32::try_from(request.timeout.as_millis()).unwrap_or(u32::MAX),
            reserved: 0,
        };
        let mut response =
            lm_http_response { max: request.response_max, answer: None, too_large: false };
        // SAFETY: the host's own function and data; all that is pointed to lives until it returns.
        let code = unsafe {
            (self.function)(self.owned.user_data(), &raw const request, &raw mut response)
        };
        outcome(code, response)
    }
}

fn outcome(code: lm_result, response: lm_http_response) -> Result<HttpResponse> {
    match (code, response.answer) {
        (LM_OK, Some(answer)) if !response.too_large => Ok(answer),
        _ if response.too_large => Err(Error::from_code(Code::TooLarge)),
        _ => Err(Error::from_code(failure(code))),
    }
}

fn failure(code: lm_result) -> Code {
    match Code::from_number(code) {
        Some(code) if code.is_network() || code == Code::Cancelled => code,
        _ => Code::Network,
    }
}

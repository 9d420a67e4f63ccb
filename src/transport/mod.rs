//! One POST to the portal, over HTTPS.
//!
//! The HTTP is ureq's; who is connected to, by which way, until when, and whose certificates count
//! is decided here and in no default of a dependency. A call opens one connection and closes it.
//!
//! | file | what it does |
//! |---|---|
//! | `address` | a portal's address, and what is refused |
//! | `proxy`, `system_proxy` | which way |
//! | `proxy_variables`; `proxy_settings`, `proxy_windows` | the system's proxy on Linux; on Windows |
//! | `deadline` | until when |
//! | `resolver` | name → addresses |
//! | `connector`, `tunnel`, `wire` | addresses → a connection, through a proxy, under TLS |
//! | `certificates` | whom to trust |
//! | `bundles`; `purposes`, `certificates_windows` | the system's certificates on Unix; on Windows |
//! | `pin_windows` | keeps the library loaded |
//! | `failure` | what went wrong, as one code and a sentence |
#![deny(unsafe_code)]

mod address;
#[cfg(not(windows))]
mod bundles;
mod certificates;
#[cfg(windows)]
mod certificates_windows;
mod connector;
mod deadline;
mod failure;
#[cfg(windows)]
mod pin_windows;
mod proxy;
#[cfg(any(windows, test))]
mod proxy_settings;
#[cfg(not(windows))]
mod proxy_variables;
#[cfg(windows)]
mod proxy_windows;
#[cfg(any(windows, test))]
mod purposes;
mod resolver;
mod system_proxy;
#[cfg(test)]
mod tests;
mod tunnel;
mod wire;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

use ureq::config::Config;
use ureq::http::{HeaderMap, Response, StatusCode, header};
use ureq::{Agent, Body};

pub use address::check_portal_url;
pub use proxy::Proxy;

use crate::error::{Code, Error, Result};
use crate::ports::{Clock, Files, HttpRequest, HttpResponse, Progress, Step, Transport};
use address::Target;
use certificates::Certificates;
use connector::Connector;
use deadline::Deadline;
use proxy::Way;
use resolver::Resolver;

/// The longest head of an answer.
const HEAD_MAX: usize = 16 * 1024;
/// ureq's buffers; the one for what comes in must hold a whole head.
const BUFFER: usize = 2 * HEAD_MAX;

/// How to reach the portal.
pub struct TransportOptions {
    /// Which way.
    pub proxy: Proxy,
    /// A PEM file of certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// To read certificates through.
    pub files: Arc<dyn Files>,
    /// For deadlines, and for the dates of certificates.
    pub clock: Arc<dyn Clock>,
}

/// The library's own way to the portal. Keeps no connection between calls; certificates are read
/// at the first call that needs them and kept. Threads: any, several at once.
pub struct HttpsTransport {
    way: Way,
    certificates: Certificates,
    clock: Arc<dyn Clock>,
}

impl HttpsTransport {
    /// Touches no network and reads no certificate.
    ///
    /// Errors: [`Code::InvalidArgument`] for a proxy's URL that is none.
    pub fn new(options: TransportOptions) -> Result<Self> {
        Ok(Self {
            way: Way::new(&options.proxy, options.files.as_ref())?,
            certificates: Certificates::new(options.files, options.ca_file, options.clock.clone()),
            clock: options.clock,
        })
    }

    fn agent(&self, target: &Target, deadline: Deadline, progress: &Progress) -> Result<Agent> {
        let proxy = self.way.to(target)?;
        let tls = if target.is_https { Some(self.certificates.config()?) } else { None };
        let progress = progress.clone();
        let resolver = Resolver::new(proxy.as_ref(), target, deadline.clone(), progress.clone());
        let connector = Connector { target: target.clone(), proxy, tls, deadline, progress };
        Ok(Agent::with_parts(settings(), connector, resolver))
    }
}

impl Transport for HttpsTransport {
    fn post(&self, request: &HttpRequest<'_>) -> Result<HttpResponse> {
        let answered = self.exchange(request);
        // However the exchange broke off.
        if answered.is_err() {
            request.cancel.check()?;
        }
        answered
    }
}

impl HttpsTransport {
    fn exchange(&self, request: &HttpRequest<'_>) -> Result<HttpResponse> {
        let target = Target::parse(request.url)?;
        let deadline = Deadline::new(self.clock.clone(), request.timeout, request.cancel.clone());
        let answer = self
            .agent(&target, deadline, &request.progress)?
            .post(request.url)
            .content_type(request.content_type)
            .send(request.body)
            .map_err(|e| failure::of_call(e, &target))?;
        request.progress.reached(Step::Answered);
        if answer.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(failure::proxy_wants_password("A proxy on the way"));
        }
        Ok(HttpResponse {
            status: answer.status().as_u16(),
            retry_after: retry_after(answer.headers()),
            body: body_of(answer, request.response_max, &target)?,
        })
    }
}

/// Everything that ureq would else take from its defaults. Deadlines are the connection's own.
fn settings() -> Config {
    Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .max_response_header_size(HEAD_MAX)
        .input_buffer_size(BUFFER)
        .output_buffer_size(BUFFER)
        .user_agent(concat!("lm/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .build()
}

fn body_of(answer: Response<Body>, max: usize, target: &Target) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    // One byte more than may come tells that there was more.
    let bound = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    answer
        .into_body()
        .into_reader()
        .take(bound)
        .read_to_end(&mut body)
        .map_err(|e| failure::of_call(e.into(), target))?;
    if body.len() > max {
        return Err(Error::from_code(Code::TooLarge));
    }
    Ok(body)
}

/// `Retry-After` in seconds; its other form, a date, is not used by portals.
fn retry_after(headers: &HeaderMap) -> Option<u32> {
    headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

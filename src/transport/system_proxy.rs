//! The proxy that the system is set to, and where it isn't used.

use super::proxy::ProxyServer;
use crate::error::{Code, Error, Result};

#[cfg(not(windows))]
pub(super) use super::proxy_variables::read;
#[cfg(windows)]
pub(super) use super::proxy_windows::read;

/// As it was set when it was read.
#[derive(Debug)]
pub(super) struct SystemProxy {
    /// A wrong one is an error of the calls that would use it, not of opening the client.
    proxy: Result<Option<ProxyServer>>,
    /// In lower case.
    exceptions: Vec<String>,
    is_exempt: fn(&str, &str) -> bool,
}

impl SystemProxy {
    /// `is_exempt` says whether a host, in lower case, is meant by an exception.
    pub(super) fn new<'a>(
        proxy: Option<&str>,
        exceptions: impl IntoIterator<Item = &'a str>,
        is_exempt: fn(&str, &str) -> bool,
    ) -> Self {
        let proxy = proxy.map(str::trim).filter(|url| !url.is_empty()).map(|url| {
            ProxyServer::parse(url).map_err(|e| {
                let sentence = format!("The system's proxy is not set rightly. {}", e.message());
                Error::new(Code::Proxy, sentence)
            })
        });
        let exceptions = exceptions.into_iter().filter(|name| !name.is_empty());
        Self {
            proxy: proxy.transpose(),
            exceptions: exceptions.map(str::to_lowercase).collect(),
            is_exempt,
        }
    }

    /// The system failed to tell.
    #[cfg(windows)]
    pub(super) fn unknown(error: &std::io::Error) -> Self {
        let sentence = format!("The system's proxy can't be read: {error}.");
        let proxy = Err(Error::new(Code::Proxy, sentence));
        Self { proxy, exceptions: Vec::new(), is_exempt: |_, _| false }
    }

    pub(super) fn to(&self, host: &str) -> Result<Option<ProxyServer>> {
        let host = host.to_lowercase();
        if self.exceptions.iter().any(|exception| (self.is_exempt)(&host, exception)) {
            return Ok(None);
        }
        self.proxy.clone()
    }
}

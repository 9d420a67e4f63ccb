//! A portal's address, and what is refused.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ureq::http::Uri;
use ureq::http::uri::Authority;

use crate::error::{Code, Error, Result};
use crate::limits::PATH_MAX;

/// Who is to be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// A name or an IP address, that without brackets.
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) is_https: bool,
}

impl Target {
    pub(super) fn parse(url: &str) -> Result<Self> {
        if url.is_empty() || url.len() > PATH_MAX {
            return Err(wrong(&format!("The portal's address must have 1 to {PATH_MAX} bytes.")));
        }
        if url.contains(['?', '#']) {
            return Err(wrong("The portal's address must have no query and no fragment."));
        }
        let uri: Uri =
            url.parse().map_err(|e| wrong(&format!("The portal's address is no URL: {e}.")))?;
        let is_https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong("The portal's address must begin with https://.")),
        };
        let authority =
            uri.authority().ok_or_else(|| wrong("The portal's address names no host."))?;
        if authority.as_str().contains('@') {
            return Err(wrong("The portal's address must hold no user name and no password."));
        }
        let (host, port) = host_and_port(authority)
            .ok_or_else(|| wrong("The portal's address has no valid host and port."))?;
        let port = port.unwrap_or(if is_https { 443 } else { 80 });
        let target = Self { host, port, is_https };
        if !is_https && !target.is_loopback() {
            return Err(wrong(
                "The portal's address begins with http://, which is allowed to this machine only \
                 (127.0.0.0/8, [::1], localhost).",
            ));
        }
        Ok(target)
    }

    /// Whether it is this machine, by its name alone: nothing is looked up.
    pub(super) fn is_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    /// `host:port` as HTTP writes it.
    pub(super) fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

/// Checks a portal's address: `https://`, or `http://` to this machine (127.0.0.0/8, `[::1]`,
/// localhost), without user name, query or fragment. Nothing is looked up.
///
/// Errors: [`Code::InvalidArgument`].
pub fn check_portal_url(url: &str) -> Result<()> {
    Target::parse(url).map(drop)
}

/// The host without brackets, and the port where one is written; `None` where either is wrong.
pub(super) fn host_and_port(authority: &Authority) -> Option<(String, Option<u16>)> {
    let host = authority.host();
    let after = authority.as_str().rsplit('@').next()?.strip_prefix(host)?;
    // `host:` and `host:99999` must not pass for the scheme's own port.
    let port = match (after, authority.port_u16()) {
        ("", None) => None,
        (_, Some(port)) if port > 0 => Some(port),
        _ => return None,
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    (!bare.is_empty()).then(|| (bare.to_owned(), port))
}

pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The addresses that a host names by itself, without a lookup; `None` where it is a name.
pub(super) fn literal(host: &str) -> Option<Vec<IpAddr>> {
    if host.eq_ignore_ascii_case("localhost") {
        return Some(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    host.parse().ok().map(|address| vec![address])
}

fn wrong(sentence: &str) -> Error {
    Error::new(Code::InvalidArgument, sentence)
        .with_hint("Use the address that the portal gives, such as https://licenses.example.com.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_is_reached_over_https_or_on_this_machine() {
        for (url, host, port) in [
            ("https://licenses.example.com", "licenses.example.com", 443),
            ("https://licenses.example.com:8443/lm", "licenses.example.com", 8443),
            ("https://192.0.2.7/", "192.0.2.7", 443),
            ("https://[2001:db8::7]:444", "2001:db8::7", 444),
            ("http://127.0.0.1:8080", "127.0.0.1", 8080),
            ("http://127.8.9.10", "127.8.9.10", 80),
            ("http://[::1]:8080", "::1", 8080),
            ("http://LocalHost:8080", "LocalHost", 8080),
        ] {
            let target = Target::parse(url).unwrap();
            assert_eq!((target.host.as_str(), target.port), (host, port), "{url}");
        }
    }

    #[test]
    fn what_is_no_portals_address_is_refused_with_the_reason() {
        for (url, reason) in [
            ("", "1 to 4096 bytes"),
            ("licenses.example.com", "begin with https://"),
            ("ftp://licenses.example.com", "begin with https://"),
            ("http://licenses.example.com", "this machine only"),
            ("http://192.168.1.5:8080", "this machine only"),
            ("http://127.1", "this machine only"),
            ("http://localhost.example.com", "this machine only"),
            ("http://127.0.0.1@licenses.example.com/", "no user name"),
            ("https://user:word@licenses.example.com", "no user name"),
            ("https://licenses.example.com:99999", "no valid host and port"),
            ("https://licenses.example.com:", "no valid host and port"),
            ("https://licenses.example.com/?key=1", "no query"),
            ("https://licenses example.com", "no URL"),
            ("https://", "no URL"),
        ] {
            let error = check_portal_url(url).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{url}");
            assert!(error.message().contains(reason), "{url}: {error}");
        }
    }

    #[test]
    fn authorities_are_written_as_http_does() {
        for (url, text) in
            [("https://a.example", "a.example:443"), ("https://[2001:db8::7]", "[2001:db8::7]:443")]
        {
            assert_eq!(Target::parse(url).unwrap().authority(), text);
        }
    }
}

//! Which way to the portal: straight, or through a proxy.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ureq::http::Uri;

use super::address::{Target, host_and_port, is_loopback};
use super::system_proxy::{self, SystemProxy};
use crate::error::{Code, Error, Result};
use crate::limits::PATH_MAX;
use crate::ports::Files;
use crate::secret::Secret;

/// The port of a proxy whose URL names none.
const PORT: u16 = 80;

/// How the portal is reached.
///
/// A proxy is asked for a tunnel (CONNECT), so it sees the portal's name and nothing else. Plain
/// HTTP, which is for this machine only, never goes through a proxy elsewhere.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Proxy {
    /// Straight.
    #[default]
    None,
    /// As the system is set: on Linux by the variables `https_proxy`, `all_proxy` and `no_proxy`
    /// of the process, looked at once, when the client is opened; this machine itself is always
    /// reached straight. A process that runs with more rights than its user ignores them. On Windows
    /// by its settings (Internet options), but for an automatic configuration by a script.
    System,
    /// An HTTP proxy: `http://host:port` or `http://user:password@host:port`, in which user and
    /// password are percent-encoded.
    Url(String),
}

impl fmt::Debug for Proxy {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::System => "System",
            Self::Url(_) => "Url(…)",
        })
    }
}

/// One proxy.
#[derive(Clone, Debug)]
pub(super) struct ProxyServer {
    pub(super) host: String,
    pub(super) port: u16,
    /// User and password as HTTP's Basic scheme writes them.
    pub(super) authorization: Option<Secret>,
}

impl ProxyServer {
    /// Reads a proxy's URL. The sentence of an error doesn't repeat it: it may hold a password.
    pub(super) fn parse(url: &str) -> Result<Self> {
        let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let uri: Uri = (whole.len() <= PATH_MAX)
            .then(|| whole.parse().ok())
            .flatten()
            .ok_or_else(|| wrong("The proxy's URL is no URL."))?;
        if uri.scheme_str() != Some("http") {
            return Err(wrong("The proxy's URL does not begin with http://."));
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(wrong("The proxy's URL has something after host and port."));
        }
        let authority = uri.authority().ok_or_else(|| wrong("The proxy's URL names no host."))?;
        let (host, port) = host_and_port(authority)
            .ok_or_else(|| wrong("The proxy's URL has no valid host and port."))?;
        let authorization = match authority.as_str().rsplit_once('@') {
            Some((user, _)) => Some(basic(user)?),
            None => None,
        };
        Ok(Self { host, port: port.unwrap_or(PORT), authorization })
    }

    /// `host:port`, for a sentence.
    pub(super) fn name(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

/// The way, decided when the client is opened.
#[derive(Debug)]
pub(super) enum Way {
    Straight,
    Through(ProxyServer),
    System(SystemProxy),
}

impl Way {
    pub(super) fn new(proxy: &Proxy, files: &dyn Files) -> Result<Self> {
        match proxy {
            Proxy::None => Ok(Self::Straight),
            Proxy::System => Ok(Self::System(system_proxy::read(files))),
            Proxy::Url(url) => ProxyServer::parse(url).map(Self::Through),
        }
    }

    /// The proxy on the way to the target, if any.
    pub(super) fn to(&self, target: &Target) -> Result<Option<ProxyServer>> {
        match self {
            Self::Straight => Ok(None),
            Self::Through(proxy) => {
                let leaves_open = !target.is_https && !is_loopback(&proxy.host);
                Ok((!leaves_open).then(|| proxy.clone()))
            }
            Self::System(_) if target.is_loopback() => Ok(None),
            Self::System(system) => system.to(&target.host),
        }
    }
}

fn basic(user: &str) -> Result<Secret> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut pair = decoded(name)?;
    pair.push(b':');
    pair.extend(decoded(password)?);
    let pair = Secret::new(pair);
    Ok(Secret::new(BASE64_STANDARD.encode(pair.expose()).into_bytes()))
}

/// Percent-decodes.
fn decoded(text: &str) -> Result<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part
            .get(..2)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok())
            .ok_or_else(|| wrong("The proxy's user name or password has a % in a wrong place."))?;
        bytes.push(byte);
        bytes.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    Ok(bytes)
}

fn wrong(sentence: &str) -> Error {
    Error::new(Code::InvalidArgument, sentence)
        .with_hint("Give the proxy as http://host:port or http://user:password@host:port.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_url_gives_host_port_and_user() {
        for (url, name, user) in [
            ("http://proxy.example:3128", "proxy.example:3128", None),
            ("http://proxy.example/", "proxy.example:80", None),
            ("proxy.example:3128", "proxy.example:3128", None),
            ("http://[2001:db8::1]:8080", "[2001:db8::1]:8080", None),
            ("http://ann:secret@proxy.example:3128", "proxy.example:3128", Some("ann:secret")),
            ("http://ann:p%40ss%3Aw@proxy.example", "proxy.example:80", Some("ann:p@ss:w")),
            ("http://ann@proxy.example", "proxy.example:80", Some("ann:")),
        ] {
            let proxy = ProxyServer::parse(url).unwrap();
            assert_eq!(proxy.name(), name);
            let sent = proxy.authorization.map(|secret| secret.expose().to_vec());
            assert_eq!(sent, user.map(|user| BASE64_STANDARD.encode(user).into_bytes()), "{url}");
        }
    }

    #[test]
    fn what_is_no_proxys_url_is_refused_and_not_repeated() {
        for url in [
            "",
            "https://ann:secret@proxy.example",
            "socks5://ann:secret@proxy.example",
            "http://ann:secret@proxy.example:99999",
            "http://ann:secret@proxy.example/path",
            "http://ann:secret%4@proxy.example",
            "http://ann:secret%zz@proxy.example",
        ] {
            let error = ProxyServer::parse(url).unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{url}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        assert_eq!(format!("{:?}", Proxy::Url("http://ann:secret@p".to_owned())), "Url(…)");
    }

    #[test]
    fn plain_http_never_leaves_the_machine_by_a_proxy() {
        let through = |proxy| Way::Through(ProxyServer::parse(proxy).unwrap());
        let here = Target::parse("http://127.0.0.1:8080").unwrap();
        let there = Target::parse("https://licenses.example.com").unwrap();
        assert!(through("http://proxy.example:3128").to(&here).unwrap().is_none());
        assert!(through("http://127.0.0.1:3128").to(&here).unwrap().is_some());
        assert!(through("http://proxy.example:3128").to(&there).unwrap().is_some());
    }
}

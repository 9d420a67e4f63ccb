//! What went wrong, as one code and a sentence for the person at the machine.

use std::io::{self, ErrorKind};

use rustls::CertificateError;

use super::address::Target;
use crate::error::{Code, Error};

/// Carries an error through ureq; [`of_call`] takes it out again.
pub(super) fn carried(error: Error) -> ureq::Error {
    ureq::Error::Other(Box::new(error))
}

/// What ureq says of a whole call.
pub(super) fn of_call(error: ureq::Error, target: &Target) -> Error {
    let portal = target.authority();
    match error {
        ureq::Error::Other(inner) => match inner.downcast::<Error>() {
            Ok(own) => *own,
            Err(other) => network(&portal, &other.to_string()),
        },
        ureq::Error::Io(e) => of_connection(&e, &portal),
        ureq::Error::Timeout(_) => timed_out(&portal),
        ureq::Error::Protocol(_)
        | ureq::Error::LargeResponseHeader(..)
        | ureq::Error::Http(_)
        | ureq::Error::BodyStalled => Error::new(
            Code::Http,
            format!("What came from {portal} is no answer of a licensing portal: {error}."),
        ),
        other => network(&portal, &other.to_string()),
    }
}

/// A connection to the portal that was not made, or broke.
pub(super) fn of_connection(error: &io::Error, portal: &str) -> Error {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return of_tls(tls, portal);
    }
    match error.kind() {
        ErrorKind::TimedOut => timed_out(portal),
        ErrorKind::ConnectionRefused => network(portal, "it refuses connections").with_hint(
            "Check the portal's address and its port, and ask whether it is running; nothing is \
             lost.",
        ),
        ErrorKind::UnexpectedEof
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::BrokenPipe => network(portal, "the connection was closed before the answer"),
        _ => network(portal, &error.to_string()),
    }
}

/// A connection to the proxy that was not made, or broke before there was a tunnel.
pub(super) fn of_proxy_connection(error: &io::Error, proxy: &str) -> Error {
    match error.kind() {
        ErrorKind::TimedOut => {
            Error::new(Code::Timeout, format!("The proxy {proxy} did not answer in time."))
        }
        ErrorKind::UnexpectedEof => {
            Error::new(Code::Proxy, format!("The proxy {proxy} closed the connection."))
        }
        _ => Error::new(Code::Proxy, format!("The proxy {proxy} could not be reached: {error}.")),
    }
}

pub(super) fn of_lookup(error: &io::Error, host: &str, is_proxy: bool) -> Error {
    if error.kind() == ErrorKind::TimedOut {
        return Error::new(Code::Timeout, format!("The name {host} was not resolved in time."));
    }
    let (code, whose) =
        if is_proxy { (Code::Proxy, "The proxy's") } else { (Code::Dns, "The portal's") };
    Error::new(code, format!("{whose} name {host} could not be resolved: {error}."))
}

/// What TLS says.
pub(super) fn of_tls(error: &rustls::Error, portal: &str) -> Error {
    use CertificateError as Certificate;
    use rustls::Error as Tls;
    let (sentence, hint) = match error {
        Tls::InvalidCertificate(Certificate::UnknownIssuer) => (
            format!("The certificate of {portal} is signed by nobody whom this machine knows."),
            "Behind TLS inspection, or with a certificate of your own, give its issuer's \
             certificate as ca_file. Nothing is lost.",
        ),
        Tls::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => (
            format!("The certificate of {portal} has expired."),
            "Check this machine's clock; if it is right, tell whoever runs the portal. Nothing is \
             lost.",
        ),
        Tls::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => (
            format!("The certificate of {portal} is not valid yet."),
            "Check this machine's clock. Nothing is lost.",
        ),
        Tls::InvalidCertificate(
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
        ) => (
            format!("The certificate of {portal} is made out to another name."),
            "Check the portal's address. Nothing is lost.",
        ),
        Tls::InvalidMessage(_) => (
            format!("{portal} does not speak TLS."),
            "Check the portal's address and its port. Nothing is lost.",
        ),
        other => (format!("The secure connection to {portal} failed: {other}."), Code::Tls.hint()),
    };
    Error::new(Code::Tls, sentence).with_hint(hint)
}

pub(super) fn proxy_wants_password(proxy: &str) -> Error {
    Error::new(
        Code::Proxy,
        format!("{proxy} asks for a user name and password, or refuses those given."),
    )
    .with_hint("Give them in the proxy's URL: http://user:password@host:port. Nothing is lost.")
}

pub(super) fn proxy_refused(proxy: &str, portal: &str, status: u16) -> Error {
    let sentence = format!("The proxy {proxy} does not connect to {portal}: HTTP {status}.");
    Error::new(Code::Proxy, sentence)
        .with_hint("Ask whoever runs the proxy to let it connect to the portal. Nothing is lost.")
}

pub(super) fn no_proxy(proxy: &str) -> Error {
    Error::new(Code::Proxy, format!("{proxy} does not answer as an HTTP proxy."))
}

fn timed_out(portal: &str) -> Error {
    Error::new(Code::Timeout, format!("The licensing portal at {portal} did not answer in time."))
}

fn network(portal: &str, why: &str) -> Error {
    let sentence = format!("The licensing portal at {portal} could not be reached: {why}.");
    Error::new(Code::Network, sentence)
}

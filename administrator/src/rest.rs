//! What the portal does for owners, by one HTTPS request: the library asks about this machine's own
//! licenses only.
//!
//! The same care as the library's: no redirects, a bound on what comes, one deadline for all, certificates
//! of the system and of `ca-file`, and a proxy only where the settings name one. The library has checked
//! the portal's address before.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lm::{Code, Error};
use serde::Deserialize;
use serde_json::json;
use ureq::http::{Response, StatusCode, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};

use crate::args::Settings;

/// What an answer may hold.
const ANSWER_MAX: u64 = 64 * 1024;
/// A whole request, where the settings say nothing.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What the portal says of a seat that it freed.
#[derive(Debug, Deserialize)]
pub(crate) struct Released {
    pub(crate) host_id: String,
    pub(crate) host_label: String,
    pub(crate) seats: u64,
    pub(crate) cools_until: i64,
    pub(crate) available: u64,
}

/// Why not, as the portal says it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
    code: String,
    again_at: i64,
}

/// Re-hosts a machine of an activation ID, by a token or by the bare ID.
pub(crate) fn release(
    settings: &Settings,
    activation_id: &str,
    host: &str,
    token: Option<&str>,
) -> lm::Result<Released> {
    let portal = settings.portal.as_deref().ok_or_else(|| Error::from_code(Code::NoPortal))?;
    let url = format!(
        "{}/api/v1/activation-ids/{}/rehost",
        portal.trim_end_matches('/'),
        in_address(activation_id)
    );
    let mut request = agent(settings, portal)?.post(&url).content_type("application/json");
    if let Some(token) = token {
        request = request.header("Authorization", format!("Bearer {token}"));
    }
    let answer = request.send(json!({ "host": host }).to_string()).map_err(of_call)?;
    let status = answer.status();
    let body = body_of(answer)?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&body).map_err(|_| Error::from_code(Code::Http));
    }
    Err(refusal(status, &serde_json::from_slice(&body).unwrap_or_default()))
}

fn agent(settings: &Settings, portal: &str) -> lm::Result<Agent> {
    let timeout = settings.timeout.filter(|seconds| *seconds > 0);
    let timeout = timeout.map_or(TIMEOUT, |seconds| Duration::from_secs(u64::from(seconds)));
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates(settings.ca_file.as_deref())?))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .proxy(proxy(settings, portal)?)
        .timeout_global(Some(timeout))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("lm-administrator/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity");
    Ok(config.build().into())
}

/// None to this machine itself, as the library does it.
fn proxy(settings: &Settings, portal: &str) -> lm::Result<Option<Proxy>> {
    let uri: Option<Uri> = portal.parse().ok();
    let plain = uri.is_some_and(|uri| uri.scheme_str() == Some("http"));
    match settings.proxy.as_deref() {
        None => Ok(None),
        Some(_) if plain => Ok(None),
        Some("system") => Ok(Proxy::try_from_env()),
        Some(url) => Proxy::new(url).map(Some).map_err(|_| {
            Error::new(Code::InvalidArgument, "The proxy's URL is no URL of a proxy.")
        }),
    }
}

fn certificates(ca_file: Option<&Path>) -> lm::Result<Vec<Certificate<'static>>> {
    let system = rustls_native_certs::load_native_certs().certs;
    let mut all: Vec<_> =
        system.iter().map(|found| Certificate::from_der(found).to_owned()).collect();
    if let Some(path) = ca_file {
        let unusable = |why: &str| {
            let sentence = format!("The certificates in {} can't be used: {why}.", path.display());
            Error::new(Code::Tls, sentence)
        };
        let pem = std::fs::read(path).map_err(|error| unusable(&error.to_string()))?;
        let before = all.len();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(found) = item.map_err(|_| unusable("it is damaged"))? {
                all.push(found);
            }
        }
        if all.len() == before {
            return Err(unusable("there is no certificate in it"));
        }
    }
    Ok(all)
}

fn body_of(answer: Response<Body>) -> lm::Result<Vec<u8>> {
    let mut body = Vec::new();
    let mut reader = answer.into_body().into_reader().take(ANSWER_MAX);
    reader.read_to_end(&mut body).map_err(|error| of_call(error.into()))?;
    Ok(body)
}

fn of_call(error: ureq::Error) -> Error {
    let code = match &error {
        ureq::Error::Timeout(_) => Code::Timeout,
        ureq::Error::HostNotFound => Code::Dns,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => Code::Tls,
        ureq::Error::InvalidProxyUrl | ureq::Error::ConnectProxyFailed(_) => Code::Proxy,
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => Code::Http,
        ureq::Error::Io(inner) if inner.get_ref().is_some_and(|e| e.is::<rustls::Error>()) => {
            Code::Tls
        }
        _ => Code::Network,
    };
    Error::new(code, format!("{} {error}.", code.message()))
}

const TOKEN: &str = "Ask the owner of the licenses, or whoever runs the portal, for a token (lm-portal \
    token create), and give it as --token FILE.";

fn refusal(status: StatusCode, problem: &Problem) -> Error {
    let sentence = if problem.detail.is_empty() {
        format!("The portal answered with the HTTP status {}.", status.as_u16())
    } else {
        format!("The portal says: {}.", problem.detail.trim_end_matches('.'))
    };
    let code = match (status.as_u16(), problem.code.as_str()) {
        (_, "LM_ERR_REHOST_LIMIT") => Code::RehostLimit,
        (_, "LM_ERR_ID_MALFORMED") => Code::IdMalformed,
        (400 | 401 | 403 | 409, _) if !problem.detail.is_empty() => Code::NotAllowed,
        (404, _) if !problem.detail.is_empty() => Code::NotFound,
        (429 | 503, _) => Code::PortalBusy,
        _ => Code::Http,
    };
    let error = Error::new(code, sentence).with_retry_at(problem.again_at);
    match (status.as_u16(), code) {
        (401, _) => error.with_hint(TOKEN),
        (_, Code::NotFound) => error.with_hint("Look at who holds the seats: activate says it."),
        (_, Code::NotAllowed) => error.with_hint("Ask the owner of the licenses."),
        _ => error,
    }
}

/// Text as a part of an address.
fn in_address(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    text.trim()
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_has_its_code_and_says_what_the_portal_said() {
        let of = |status: u16, document: &str| {
            let problem = serde_json::from_str(document).unwrap_or_default();
            refusal(StatusCode::from_u16(status).unwrap(), &problem)
        };
        let told = r#"{"detail": "a token is needed", "status": 401}"#;
        for (status, document, code, hint) in [
            (401, told, Code::NotAllowed, "--token FILE"),
            (403, told, Code::NotAllowed, "Ask the owner"),
            (404, told, Code::NotFound, "activate says it"),
            (404, "<html>", Code::Http, "portal's address"),
            (409, r#"{"detail": "x", "code": "LM_ERR_REHOST_LIMIT"}"#, Code::RehostLimit, "vendor"),
            (429, told, Code::PortalBusy, "later"),
            (500, "", Code::Http, "portal's address"),
            (302, "", Code::Http, "portal's address"),
        ] {
            let error = of(status, document);
            assert_eq!(error.code(), code, "{status} {document}");
            assert!(error.hint().contains(hint), "{status}: {}", error.hint());
        }
        assert_eq!(
            of(409, r#"{"detail": "x", "code": "LM_ERR_REHOST_LIMIT", "again_at": 7}"#).retry_at(),
            7
        );
        assert_eq!(of(403, told).message(), "The portal says: a token is needed.");
    }

    #[test]
    fn what_is_typed_is_one_part_of_the_address() {
        assert_eq!(in_address(" 7F3KM-Q0W2E "), "7F3KM-Q0W2E");
        assert_eq!(in_address("../x?y"), "%2E%2E%2Fx%3Fy");
    }
}

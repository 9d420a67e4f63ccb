//! Settings → an open client of the library.

use std::path::Path;
use std::time::Duration;

use lm::log::{Level, Log};
use lm::{Client, Code, Options, Proxy};

use crate::args::{Args, Scope, Settings};
use crate::{config, output};

/// Why there is no client.
pub(crate) enum Closed {
    /// Wrong usage: a setting is missing or can't be read.
    Usage(String),
    /// The library refused.
    Refused(lm::Error),
}

/// Opens the client. Touches no network and makes no store.
pub(crate) fn open(args: &Args) -> Result<(Client, Settings), Closed> {
    let settings = config::resolve(&args.settings).map_err(Closed::Usage)?;
    let trust_root = settings.trust_root.clone().unwrap_or_default();
    let mut options = options(&settings).map_err(Closed::Usage)?;
    if args.verbose {
        options.log = Some(Log::new(Level::Debug, |_, line| output::diagnostic(line)));
    }
    match Client::open(options) {
        Ok(client) => Ok((client, settings)),
        Err(error) if error.code() == Code::TrustRoot => {
            Err(Closed::Refused(error.with_hint(trust_root_hint(&trust_root))))
        }
        Err(error) => Err(Closed::Refused(error)),
    }
}

fn options(settings: &Settings) -> Result<Options, String> {
    let settings = settings.clone();
    let product = settings.product.ok_or_else(|| missing("product"))?;
    let trust_root = trust_root(settings.trust_root.ok_or_else(|| missing("trust-root"))?)?;
    let mut options = Options::new(product, trust_root);
    options.portal_url = settings.portal;
    options.storage_dir = settings.storage;
    options.host_identity = settings.host_identity;
    options.host_label = settings.host_label;
    options.proxy = match settings.proxy {
        None => Proxy::None,
        Some(system) if system == "system" => Proxy::System,
        Some(url) => Proxy::Url(url),
    };
    options.ca_file = settings.ca_file;
    options.scope = match settings.scope {
        Some(Scope::Machine) => lm::Scope::Machine,
        Some(Scope::User) | None => lm::Scope::User,
    };
    options.timeout = Duration::from_secs(u64::from(settings.timeout.unwrap_or(0)));
    Ok(options)
}

/// A file's text where one of that name is, else the text itself: the library judges it.
fn trust_root(given: String) -> Result<String, String> {
    let path = Path::new(&given);
    if path.is_file() { config::read(path) } else { Ok(given) }
}

fn trust_root_hint(given: &str) -> String {
    const WANTED: &str = "the line that the portal's trust-root command prints";
    if given.starts_with("lm1:") {
        return format!(
            "A part of it is missing or changed: give {WANTED}, or a file that holds it."
        );
    }
    if Path::new(given).is_file() {
        return format!("{given} must hold {WANTED}, and nothing else.");
    }
    format!("There is no file {given}: give one that holds {WANTED}, or the line itself.")
}

fn missing(name: &str) -> String {
    format!("--{name} is missing: give it here or in a file named by --config")
}

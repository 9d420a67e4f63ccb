//! What a host says when it opens a client, and the checks of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lm_protocol::{TrustRoot, limits as message_limits};

use crate::error::{Code, Error, Result};
use crate::limits;
use crate::log::Log;
use crate::ports::Transport;
use crate::storage::Scope;
use crate::transport::{Proxy, check_portal_url};

/// How to open a [`crate::Client`]. [`Options::new`] fills in the defaults.
#[non_exhaustive]
pub struct Options {
    /// The product: `[A-Za-z0-9._-]`, at most 64 bytes.
    pub product: String,
    /// The line that the portal's `trust-root` command prints; compiled into the application.
    pub trust_root: String,
    /// `https://…`, or `http://` to this machine. `None`: no portal; what needs one answers
    /// [`Code::NoPortal`].
    pub portal_url: Option<String>,
    /// Where trusted storage lies. `None`: the default of the scope; always so in memory.
    pub storage_dir: Option<PathBuf>,
    /// The application's own identity of the host (a container, a test). `None`: this machine's
    /// factors.
    pub host_identity: Option<String>,
    /// Shown to the license's owner beside the host ID. `None`: nothing is sent.
    pub host_label: Option<String>,
    /// How the portal is reached.
    pub proxy: Proxy,
    /// A PEM file of certificates to trust beside the system's.
    pub ca_file: Option<PathBuf>,
    /// Whose licenses.
    pub scope: Scope,
    /// How long a whole call may take. Zero: 30 seconds.
    pub timeout: Duration,
    /// Where log lines go. `None`: nowhere.
    pub log: Option<Log>,
    /// The application's own way to the portal. `None`: the library's HTTPS.
    pub transport: Option<Arc<dyn Transport>>,
}

impl Options {
    /// Options for a product of the vendor whose trust root this is.
    pub fn new(product: impl Into<String>, trust_root: impl Into<String>) -> Self {
        Self {
            product: product.into(),
            trust_root: trust_root.into(),
            portal_url: None,
            storage_dir: None,
            host_identity: None,
            host_label: None,
            proxy: Proxy::None,
            ca_file: None,
            scope: Scope::User,
            timeout: Duration::ZERO,
            log: None,
            transport: None,
        }
    }

    /// Checks every bound and reads the trust root.
    pub(super) fn check(&self) -> Result<TrustRoot> {
        if !message_limits::is_name(&self.product) {
            return Err(invalid(
                "The product's name must have 1 to 64 characters: letters A-Z, digits, dots, \
                 hyphens, underscores.",
            ));
        }
        let too_long = |text: Option<usize>, max| text.is_some_and(|len| len > max || len == 0);
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.as_os_str().len());
        if too_long(path(&self.storage_dir), limits::PATH_MAX)
            || too_long(path(&self.ca_file), limits::PATH_MAX)
        {
            return Err(invalid("A path is empty or longer than 4096 bytes."));
        }
        if self.scope == Scope::Memory && self.storage_dir.is_some() {
            return Err(invalid("A storage that is in memory only has no directory."));
        }
        if too_long(self.host_identity.as_ref().map(String::len), limits::HOST_IDENTITY_MAX) {
            return Err(invalid("The host identity is empty or longer than 1024 bytes."));
        }
        if self.host_label.as_ref().is_some_and(|label| !message_limits::is_label(label)) {
            return Err(invalid(
                "The host label is longer than 128 bytes or holds control characters.",
            ));
        }
        if let Some(url) = &self.portal_url {
            check_portal_url(url)?;
        }
        if self.timeout > limits::TIMEOUT_MAX {
            return Err(invalid("The timeout is longer than an hour."));
        }
        if self.trust_root.len() > limits::TRUST_ROOT_MAX {
            return Err(Error::from_code(Code::TrustRoot));
        }
        TrustRoot::parse(&self.trust_root).map_err(|_| Error::from_code(Code::TrustRoot))
    }

    pub(super) fn timeout(&self) -> Duration {
        if self.timeout.is_zero() { limits::TIMEOUT_DEFAULT } else { self.timeout }
    }
}

fn invalid(sentence: &str) -> Error {
    Error::new(Code::InvalidArgument, sentence)
}

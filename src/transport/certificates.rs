//! Whom to trust: the system's certificates, and those of the host's own file.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use once_cell::sync::OnceCell;
use rustls::RootCertStore;
use rustls::client::ClientConfig;
use rustls::crypto::{CryptoProvider, KeyProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::sign::SigningKey;
use rustls::time_provider::TimeProvider;

#[cfg(not(windows))]
use super::bundles as system;
#[cfg(windows)]
use super::certificates_windows as system;
use super::failure;
use crate::error::{Code, Error, Result};
use crate::limits::CA_FILE_MAX;
use crate::ports::{Clock, Files};

/// Certificates, read at their first use.
pub(super) struct Certificates {
    files: Arc<dyn Files>,
    ca_file: Option<PathBuf>,
    clock: Arc<dyn Clock>,
    config: OnceCell<Arc<ClientConfig>>,
}

impl Certificates {
    pub(super) fn new(
        files: Arc<dyn Files>,
        ca_file: Option<PathBuf>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { files, ca_file, clock, config: OnceCell::new() }
    }

    /// How TLS is spoken. What can't be read is read again at the next call.
    pub(super) fn config(&self) -> Result<Arc<ClientConfig>> {
        self.config.get_or_try_init(|| self.read()).cloned()
    }

    fn read(&self) -> Result<Arc<ClientConfig>> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(system::read(self.files.as_ref()));
        if let Some(path) = &self.ca_file {
            for certificate in self.own(path)? {
                roots
                    .add(certificate)
                    .map_err(|_| unusable(path, "a certificate in it is wrong"))?;
            }
        }
        if roots.is_empty() {
            let sentence = "This machine has no certificates by which the portal could be known.";
            return Err(Error::new(Code::Tls, sentence).with_hint(system::HOW_TO_HELP));
        }
        let time = Arc::new(Time(self.clock.clone()));
        let provider = CryptoProvider { key_provider: &NoKeys, ..ring::default_provider() };
        let provider = Arc::new(provider);
        let config = ClientConfig::builder_with_details(provider, time)
            .with_safe_default_protocol_versions()
            .map_err(|e| failure::of_tls(&e, "the portal"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    fn own(&self, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
        let pem = self.files.read(path, CA_FILE_MAX).map_err(|e| unusable(path, &e.to_string()))?;
        let found: Vec<_> = CertificateDer::pem_slice_iter(&pem)
            .collect::<Result<_, _>>()
            .map_err(|_| unusable(path, "it is damaged"))?;
        if found.is_empty() {
            return Err(unusable(path, "there is no certificate in it"));
        }
        Ok(found)
    }
}

fn unusable(path: &Path, why: &str) -> Error {
    Error::new(Code::Tls, format!("The certificates in {} can't be used: {why}.", path.display()))
        .with_hint("Give a PEM file of certificates as ca_file. Nothing is lost.")
}

/// No client authenticates itself by a certificate: what would sign for one isn't linked in.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _: PrivateKeyDer<'static>,
    ) -> Result<Arc<dyn SigningKey>, rustls::Error> {
        Err(rustls::Error::General("clients have no certificates of their own".to_owned()))
    }
}

/// The clock by which certificates are too old or too young.
struct Time(Arc<dyn Clock>);

impl TimeProvider for Time {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.wall()).ok()?;
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Time")
    }
}

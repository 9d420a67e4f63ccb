//! The certificates that Unix systems trust: one file with all of them.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::ports::Files;

/// Where systems keep the certificates that they trust, in one file; the first that holds any.
const BUNDLES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt", // Debian, Ubuntu, Arch, Gentoo
    "/etc/pki/tls/certs/ca-bundle.crt",   // Fedora, Red Hat
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Red Hat, newer
    "/etc/ssl/ca-bundle.pem",             // openSUSE
    "/etc/ssl/cert.pem",                  // Alpine, OpenBSD, macOS
    "/usr/local/share/certs/ca-root-nss.crt", // FreeBSD
    "/etc/openssl/certs/ca-certificates.crt", // NetBSD
];
/// Some hundred certificates, with their explanations.
const BUNDLE_MAX: usize = 8 << 20;

/// What helps where there are none.
pub(super) const HOW_TO_HELP: &str =
    "Install the system's certificates (ca-certificates), or give a ca_file.";

/// A bundle that can't be read is as good as none: another may be there, or a file of the host's
/// own.
pub(super) fn read(files: &dyn Files) -> Vec<CertificateDer<'static>> {
    let bundles = BUNDLES.iter().filter_map(|path| {
        let pem = files.read(Path::new(path), BUNDLE_MAX).ok()?;
        Some(CertificateDer::pem_slice_iter(&pem).filter_map(Result::ok).collect::<Vec<_>>())
    });
    bundles.into_iter().find(|bundle| !bundle.is_empty()).unwrap_or_default()
}

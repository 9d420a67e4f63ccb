//! The certificates that Windows trusts: its store of roots, without those that are disallowed or
//! meant for other purposes than servers.
//!
//! Windows fetches some roots only when one of its own programs first meets them. One that isn't
//! there yet isn't known here either; the host gives it as ca_file.
#![expect(unsafe_code, reason = "an OS file")]

use std::ptr::null_mut;

use rustls::pki_types::CertificateDer;
use windows_sys::Win32::Security::Cryptography::{
    CERT_CONTEXT, CERT_ENHKEY_USAGE_PROP_ID, CertCloseStore, CertEnumCertificatesInStore,
    CertGetCertificateContextProperty, CertOpenSystemStoreW, HCERTSTORE,
};
use windows_sys::core::PCWSTR;
use windows_sys::w;

use super::purposes::allow_servers;
use crate::ports::Files;

/// What helps where there are none.
pub(super) const HOW_TO_HELP: &str =
    "Let Windows fetch its root certificates (Windows Update), or give a ca_file.";
/// The longest list of purposes that is read.
const PURPOSES_MAX: usize = 64 * 1024;

/// Those of the current user, in which the machine's stand too. A store that can't be opened is as
/// good as an empty one.
pub(super) fn read(_: &dyn Files) -> Vec<CertificateDer<'static>> {
    let disallowed = certificates(w!("Disallowed"));
    let roots = certificates(w!("ROOT")).into_iter();
    roots
        .filter(|root| root.serves && disallowed.iter().all(|other| other.der != root.der))
        .map(|root| CertificateDer::from(root.der))
        .collect()
}

struct Certificate {
    der: Vec<u8>,
    /// Whether it may vouch for servers.
    serves: bool,
}

/// An open store; dropping it closes it.
struct Store(HCERTSTORE);

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: opened by this module, and not used any more.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

fn certificates(name: PCWSTR) -> Vec<Certificate> {
    // SAFETY: a NUL-terminated text that lives for ever.
    let store = unsafe { CertOpenSystemStoreW(0, name) };
    if store.is_null() {
        return Vec::new();
    }
    let store = Store(store);
    let mut found = Vec::new();
    let mut context: *mut CERT_CONTEXT = null_mut();
    loop {
        // SAFETY: an open store, and the context before or none; that one is given back by this.
        context = unsafe { CertEnumCertificatesInStore(store.0, context) };
        if context.is_null() {
            return found;
        }
        // SAFETY: the store's own, alive until the next round.
        let certificate = unsafe { &*context };
        if !certificate.pbCertEncoded.is_null() {
            let serves = purposes(certificate).is_none_or(|purposes| allow_servers(&purposes));
            found.push(Certificate { der: der(certificate), serves });
        }
    }
}

fn der(certificate: &CERT_CONTEXT) -> Vec<u8> {
    let len = certificate.cbCertEncoded as usize;
    // SAFETY: so many bytes stand there, as long as the context lives.
    unsafe { std::slice::from_raw_parts(certificate.pbCertEncoded, len) }.to_vec()
}

/// For what an administrator, or Windows, lets the certificate be used; `None`: for all.
fn purposes(certificate: &CERT_CONTEXT) -> Option<Vec<u8>> {
    let mut len = 0;
    // SAFETY: a context that is alive; no place, so that only the length is asked for.
    let known = unsafe {
        CertGetCertificateContextProperty(
            certificate,
            CERT_ENHKEY_USAGE_PROP_ID,
            null_mut(),
            &mut len,
        )
    };
    if known == 0 {
        return None;
    }
    let mut bytes = vec![0_u8; (len as usize).min(PURPOSES_MAX)];
    len = u32::try_from(bytes.len()).unwrap_or(0);
    // SAFETY: a context that is alive, the buffer with its length.
    let known = unsafe {
        CertGetCertificateContextProperty(
            certificate,
            CERT_ENHKEY_USAGE_PROP_ID,
            bytes.as_mut_ptr().cast(),
            &mut len,
        )
    };
    bytes.truncate(if known == 0 { 0 } else { len as usize });
    Some(bytes)
}

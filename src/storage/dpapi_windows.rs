//! Windows' data protection (DPAPI) as a store's sealer, with the key of the installation in both
//! scopes: the key of a user is lost when an administrator resets that user's password, and the
//! files' rights keep other users out already. It counts nothing.

use std::ptr::{null, null_mut};

use windows_sys::Win32::Foundation::{
    ERROR_INVALID_DATA, GetLastError, HLOCAL, LocalFree, NTE_BAD_KEY_STATE,
};
use windows_sys::Win32::Security::Cryptography::{
    CRYPT_INTEGER_BLOB, CRYPTPROTECT_LOCAL_MACHINE, CRYPTPROTECT_UI_FORBIDDEN, CryptProtectData,
    CryptUnprotectData,
};

use super::platform::{Counter, PlatformSealer, Seal, SealerKind, Word};
use crate::secret::Secret;

/// The longest that is taken from the system: a key and some hundred bytes around it.
const SEALED_MAX: usize = 4096;
const FLAGS: u32 = CRYPTPROTECT_UI_FORBIDDEN | CRYPTPROTECT_LOCAL_MACHINE;
/// Mixed in, so that what another program had sealed is no seal of ours.
const PURPOSE: &[u8] = b"lm storage seal 1";

pub(super) struct DpapiSealer;

impl PlatformSealer for DpapiSealer {
    fn kind(&self) -> SealerKind {
        SealerKind::Dpapi
    }

    fn seal(&self, master: &Secret, _: [u8; 16]) -> Option<(Vec<u8>, Option<u64>)> {
        let (input, purpose) = (blob(master.expose()), blob(PURPOSE));
        let mut output = blob(&[]);
        // SAFETY: the inputs live through the call and are not written; what comes out is the
        // system's memory, freed below.
        let done = unsafe {
            CryptProtectData(&input, null(), &purpose, null(), null(), FLAGS, &mut output)
        };
        let sealed = taken(output)?;
        (done != 0).then(|| (sealed.expose().to_vec(), None))
    }

    fn ask(&self, seal: &Seal, master: &Secret) -> Word {
        let (input, purpose) = (blob(seal.sealed.expose()), blob(PURPOSE));
        let mut output = blob(&[]);
        // SAFETY: as above.
        let done = unsafe {
            CryptUnprotectData(&input, null_mut(), &purpose, null(), null(), FLAGS, &mut output)
        };
        if done == 0 {
            return refused();
        }
        match taken(output) {
            Some(unsealed) if unsealed == *master => Word::Stands(None),
            Some(_) => Word::Other,
            None => Word::Unreachable,
        }
    }

    fn raise(&self, _: &Counter, _: &Secret) -> Option<u64> {
        None
    }
}

/// What the last call failed of. Only what means another installation's key breaks trust.
fn refused() -> Word {
    // SAFETY: the last error of this thread; no memory is involved.
    let error = unsafe { GetLastError() };
    if error == ERROR_INVALID_DATA || error == NTE_BAD_KEY_STATE.cast_unsigned() {
        Word::Other
    } else {
        Word::Unreachable
    }
}

/// Bytes as the system takes them; it writes nothing there.
fn blob(bytes: &[u8]) -> CRYPT_INTEGER_BLOB {
    CRYPT_INTEGER_BLOB {
        cbData: u32::try_from(bytes.len()).unwrap_or(0),
        pbData: if bytes.is_empty() { null_mut() } else { bytes.as_ptr().cast_mut() },
    }
}

/// The bytes of what the system gave; its memory is wiped and freed.
fn taken(output: CRYPT_INTEGER_BLOB) -> Option<Secret> {
    let len = usize::try_from(output.cbData).ok()?;
    if output.pbData.is_null() {
        return None;
    }
    // SAFETY: the system gave this memory, so long, to this call alone.
    let bytes = unsafe { std::slice::from_raw_parts_mut(output.pbData, len) };
    let secret = (len <= SEALED_MAX).then(|| Secret::new(bytes.to_vec()));
    zeroize::Zeroize::zeroize(bytes);
    let memory: HLOCAL = output.pbData.cast();
    // SAFETY: it was allocated by the system as its documentation says, and is not used any more.
    unsafe { LocalFree(memory) };
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(byte: u8) -> Secret {
        Secret::new(vec![byte; 32])
    }

    fn sealed() -> Vec<u8> {
        DpapiSealer.seal(&master(7), [0; 16]).unwrap().0
    }

    fn asked(sealed: &[u8], of: u8) -> Word {
        let seal = Seal { kind: 3, sealed: Secret::new(sealed.to_vec()), counter: None };
        DpapiSealer.ask(&seal, &master(of))
    }

    #[test]
    fn r50_a_seal_stands_for_its_own_store_and_for_no_other() {
        let sealed = sealed();
        assert!(!sealed.windows(32).any(|part| part == [7; 32]), "it is encrypted");
        assert_eq!(asked(&sealed, 7), Word::Stands(None));
        assert_eq!(asked(&sealed, 8), Word::Other, "another store's key");
    }

    /// The sealed bytes and the check of them stand behind the names of the methods, of which wine
    /// reads over some: what it gives then is the store's own key nonetheless.
    #[test]
    fn r50_a_seal_that_was_tampered_with_is_refused() {
        let sealed = sealed();
        for at in sealed.len() / 2 + 1..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(asked(&changed, 7), Word::Other, "byte {at} of {}", sealed.len());
        }
        for len in 0..sealed.len() {
            assert_ne!(asked(&sealed[..len], 7), Word::Stands(None), "{len} bytes of it");
        }
    }

    #[test]
    fn what_another_program_sealed_is_no_seal_of_ours() {
        let (key, mut output) = (master(7), blob(&[]));
        let input = blob(key.expose());
        // SAFETY: as in `seal`, without the purpose.
        let done =
            unsafe { CryptProtectData(&input, null(), null(), null(), null(), FLAGS, &mut output) };
        assert_ne!(done, 0);
        assert_eq!(asked(taken(output).unwrap().expose(), 7), Word::Other);
    }
}

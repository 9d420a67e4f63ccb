//! An image of trusted storage, opened and sealed again by the format's description alone
//! (src/storage/image.rs), so that what a fuzzer has made gets past the seal.

use lm::storage::{Sealer, SoftwareSealer};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::hkdf::{HKDF_SHA256, Salt};

use crate::world::{NOW, PRODUCT, VENDOR};

/// Where the sections' own tag of the client's state stands.
pub const STATE: u32 = 1;

/// When the portal last answered, in the seeds: never, in the world itself, and changed.
pub const CONTACTED_AT: [i64; 3] = [0, NOW, 1_799_000_000];

/// A whole image, in the clear.
#[derive(Clone)]
pub struct Plain {
    /// Format, oldest reader, store ID, generation; what the preamble says besides is computed.
    preamble: [u8; 40],
    salt: [u8; 32],
    wrapped: Vec<u8>,
    /// Beside the sections: which file was first, and the identities of both.
    pub own: Vec<u8>,
    pub sections: Vec<(u32, Vec<u8>)>,
}

impl Plain {
    /// Opens what the library has written.
    pub fn open(bytes: &[u8]) -> Self {
        let len = number(&bytes[12..16]);
        let wrapped_len = usize::from(bytes[82]) | usize::from(bytes[83]) << 8;
        let head = 84 + wrapped_len;
        let mut image = Self {
            preamble: bytes[..40].try_into().expect("40 bytes"),
            salt: bytes[48..80].try_into().expect("32 bytes"),
            wrapped: bytes[84..head].to_vec(),
            own: Vec::new(),
            sections: Vec::new(),
        };
        let mut sealed = bytes[head..head + len].to_vec();
        let plain = image
            .key()
            .open_in_place(nonce(), Aad::from(&bytes[..head]), &mut sealed)
            .expect("the library's own image");
        let own = number(plain);
        image.own = plain[4..4 + own].to_vec();
        let mut rest = &plain[4 + own..];
        let count = number(rest);
        rest = &rest[4..];
        for _ in 0..count {
            let (tag, len) = (number(rest) as u32, number(&rest[4..]));
            image.sections.push((tag, rest[8..8 + len].to_vec()));
            rest = &rest[8 + len..];
        }
        assert!(rest.is_empty(), "the sections end where the image does");
        image
    }

    /// What stands under the seal.
    pub fn plaintext(&self) -> Vec<u8> {
        let mut plain = (self.own.len() as u32).to_le_bytes().to_vec();
        plain.extend_from_slice(&self.own);
        plain.extend_from_slice(&(self.sections.len() as u32).to_le_bytes());
        for (tag, bytes) in &self.sections {
            plain.extend_from_slice(&tag.to_le_bytes());
            plain.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
            plain.extend_from_slice(bytes);
        }
        plain
    }

    /// Seals any plaintext as this image's.
    pub fn seal(&self, mut plain: Vec<u8>) -> Vec<u8> {
        let mut out = self.preamble.to_vec();
        out[12..16].copy_from_slice(&(plain.len() as u32 + 16).to_le_bytes());
        let check = digest(&SHA256, &out);
        out.extend_from_slice(&check.as_ref()[..8]);
        out.extend_from_slice(&self.salt);
        out.extend_from_slice(&1_u16.to_le_bytes());
        out.extend_from_slice(&(self.wrapped.len() as u16).to_le_bytes());
        out.extend_from_slice(&self.wrapped);
        let tag = self
            .key()
            .seal_in_place_separate_tag(nonce(), Aad::from(&out), &mut plain)
            .expect("it is short enough");
        out.extend_from_slice(&plain);
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// The section of the client's state.
    pub fn state(&mut self) -> &mut Vec<u8> {
        let section = self.sections.iter_mut().find(|(tag, _)| *tag == STATE);
        &mut section.expect("a state").1
    }

    fn key(&self) -> LessSafeKey {
        let sealer = SoftwareSealer::new(VENDOR, PRODUCT).expect("a sealer");
        let master = sealer.unwrap(&self.wrapped).expect("the library's own key");
        let secret = Salt::new(HKDF_SHA256, &self.salt).extract(master.expose());
        let info = [b"lm storage image 1".as_slice(), &self.preamble[32..40]];
        let okm = secret.expand(&info, &AES_256_GCM).expect("a key");
        LessSafeKey::new(UnboundKey::from(okm))
    }
}

fn number(bytes: &[u8]) -> usize {
    u32::from_le_bytes(bytes[..4].try_into().expect("4 bytes")) as usize
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

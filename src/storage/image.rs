//! One image: a whole store in the bytes of one file.
//!
//! ```text
//!  0  magic "lm-store"                                  |
//!  8  u16 format · 10 u16 oldest reader · 12 u32 length |  the preamble: the same in every
//! 16  store ID                                          |  format for ever
//! 32  u64 generation                                    |
//! 40  the first 8 bytes of the SHA-256 of 0..40         |
//! 48  salt
//! 80  u16 sealer kind · 82 u16 n · 84 the wrapped master key of n bytes
//! 84+n  `length` bytes: AES-256-GCM of the contents, everything before as associated data
//!       zeros to the end of the file
//! ```
//! Numbers are little-endian. The key is HKDF(master key, generation and salt): one commit, one
//! key, so the nonce is always zero. Inside stand which file was written first, the identities of
//! both, what the platform says of the store ([`super::platform`], nothing where it says nothing), and
//! the sections.
#![forbid(unsafe_code)]

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

use super::contents::{Contents, take, take_array, take_u16, take_u32, take_u64};
use super::platform::{Seal, with_seal};
use super::seal::{MASTER_LEN, Sealer, derive};
use crate::error::{Code, Error, Result};
use crate::limits::IMAGE_MAX;
use crate::ports::{Random, Stat};
use crate::secret::Secret;

/// The format that this build writes into a new store, and the newest that it can write.
pub(super) const FORMAT: u16 = 1;
/// What a look reads of an image: the preamble and the salt, which no two commits share.
pub(super) const HEAD_LEN: usize = 80;
/// The shortest file: an ordinary store grows into it without asking the disk for more.
pub(super) const FILE_MIN: usize = 16 * 1024;

const MAGIC: [u8; 8] = *b"lm-store";
const CHECKED: usize = 40;
const WRAPPED_MAX: usize = 1024;
const TAG_LEN: usize = 16;
/// What this format keeps beside the sections.
const OWN_LEN: usize = 1 + 2 * 32;

/// How many bytes the sections of a store may have in all, their own heads (8 bytes each, 4 for
/// the whole) included.
pub const CONTENTS_MAX: usize = IMAGE_MAX - 4 * 1024;

/// Which file this is, as the system knows it: a copy is another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
    /// 0: the file system keeps no time of birth, so nothing can be told from the rest.
    pub(super) born: i128,
}

impl Identity {
    pub(super) fn of(stat: &Stat) -> Self {
        Self { device: stat.device, inode: stat.inode, born: stat.born }
    }

    pub(super) fn is_known(&self) -> bool {
        self.born != 0
    }

    /// Whether it is the same file. Some file systems get another device number at each boot, and
    /// no copy has inode and nanosecond of birth of its original: the device has no say.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        self.is_known() && (self.inode, self.born) == (other.inode, other.born)
    }
}

/// What stays the same from image to image of one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) format: u16,
    pub(super) oldest_reader: u16,
    pub(super) store_id: [u8; 16],
    sealer_kind: u16,
    wrapped: Secret,
    pub(super) master: Secret,
    /// The platform's, and what other builds keep beside the identities.
    own_rest: Secret,
}

/// An image that was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Image {
    pub(super) frame: Frame,
    pub(super) generation: u64,
    /// Which file it was written into first: known durable before the other was touched.
    pub(super) first: u8,
    /// Of `a` and `b`.
    pub(super) identities: [Identity; 2],
    pub(super) contents: Contents,
}

/// What the bytes of a file are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    Whole(Box<Image>),
    /// Well-formed and of a format that this build can't read.
    Newer {
        store_id: [u8; 16],
        generation: u64,
    },
    Invalid,
}

impl Frame {
    /// A new store: an ID and a master key of its own.
    pub(super) fn new(
        sealer: &dyn Sealer,
        random: &dyn Random,
        store_id: [u8; 16],
    ) -> Result<Self> {
        let mut master = Zeroizing::new(vec![0; MASTER_LEN]);
        random.fill(&mut master)?;
        let master = Secret::new(std::mem::take(&mut *master));
        Ok(Self {
            format: FORMAT,
            oldest_reader: FORMAT,
            store_id,
            sealer_kind: sealer.kind(),
            wrapped: sealer.wrap(&master, random)?,
            master,
            own_rest: Secret::new(Vec::new()),
        })
    }

    /// The platform's seal, where this store has one.
    pub(super) fn seal(&self) -> Option<Seal> {
        Seal::read(self.own_rest.expose())
    }

    pub(super) fn set_seal(&mut self, seal: Option<&Seal>) {
        self.own_rest = Secret::new(with_seal(self.own_rest.expose(), seal));
    }
}

impl Image {
    /// The bytes of this image, without the zeros behind it. The salt is new at every call.
    ///
    /// Errors: [`Code::StorageFull`] where the contents are longer than [`CONTENTS_MAX`].
    pub(super) fn encode(&self, random: &dyn Random) -> Result<Vec<u8>> {
        if self.contents.coded_len() > CONTENTS_MAX {
            return Err(Error::new(Code::StorageFull, "Trusted storage holds as much as it can.")
                .with_hint(
                    "Return or remove licenses that are no longer needed, then try again.",
                ));
        }
        let mut salt = [0; 32];
        random.fill(&mut salt)?;
        let mut plain = Zeroizing::new(self.plaintext());
        let sealed_len = plain.len() + TAG_LEN;
        let mut out = self.header(&salt, sealed_len);
        let key = commit_key(&self.frame.master, self.generation, &salt)?;
        let tag = key
            .seal_in_place_separate_tag(nonce(), Aad::from(&out), &mut plain)
            .map_err(|_| Error::from_code(Code::Internal))?;
        out.extend_from_slice(&plain);
        out.extend_from_slice(tag.as_ref());
        Ok(out)
    }

    fn header(&self, salt: &[u8; 32], sealed_len: usize) -> Vec<u8> {
        let wrapped = self.frame.wrapped.expose();
        let mut out = Vec::with_capacity(HEAD_LEN + 4 + wrapped.len() + sealed_len);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.frame.format.to_le_bytes());
        out.extend_from_slice(&self.frame.oldest_reader.to_le_bytes());
        out.extend_from_slice(&u32_of(sealed_len).to_le_bytes());
        out.extend_from_slice(&self.frame.store_id);
        out.extend_from_slice(&self.generation.to_le_bytes());
        let check = check_of(&out);
        out.extend_from_slice(&check);
        out.extend_from_slice(salt);
        out.extend_from_slice(&self.frame.sealer_kind.to_le_bytes());
        out.extend_from_slice(&u16::try_from(wrapped.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(wrapped);
        out
    }

    fn plaintext(&self) -> Vec<u8> {
        let rest = self.frame.own_rest.expose();
        let own = OWN_LEN + rest.len();
        // Reserved whole, so that no copy of it is left behind by a vector that grows.
        let mut out = Vec::with_capacity(4 + own + self.contents.coded_len());
        out.extend_from_slice(&u32_of(own).to_le_bytes());
        out.push(self.first);
        for identity in &self.identities {
            out.extend_from_slice(&identity.device.to_le_bytes());
            out.extend_from_slice(&identity.inode.to_le_bytes());
            out.extend_from_slice(&identity.born.to_le_bytes());
        }
        out.extend_from_slice(rest);
        self.contents.encode(&mut out);
        out
    }
}

/// Reads the bytes of a file. Anything that isn't exactly what [`Image::encode`] made, with zeros
/// behind it, is [`Parsed::Invalid`].
pub(super) fn parse(bytes: &[u8], sealer: &dyn Sealer) -> Parsed {
    let Some(preamble) = Preamble::of(bytes) else {
        return Parsed::Invalid;
    };
    if preamble.oldest_reader > FORMAT {
        return Parsed::Newer { store_id: preamble.store_id, generation: preamble.generation };
    }
    open(bytes, &preamble, sealer).map_or(Parsed::Invalid, |image| Parsed::Whole(Box::new(image)))
}

/// Whether these bytes were never an image: they begin otherwise, and not with the zeros of a file
/// whose first write was lost.
pub(super) fn is_foreign(bytes: &[u8]) -> bool {
    let start = bytes.get(..MAGIC.len()).unwrap_or(bytes);
    !MAGIC.starts_with(start) && start.iter().any(|byte| *byte != 0)
}

/// The store of which the head of an image stands here, where its master key doesn't open under this
/// product's names: another product's, or another vendor's, or its own with the wrapped key damaged.
pub(super) fn closed_store(bytes: &[u8], sealer: &dyn Sealer) -> Option<[u8; 16]> {
    let preamble = Preamble::of(bytes)?;
    let wrapped = Wrapped::of(bytes, sealer)?;
    sealer.unwrap(wrapped.key).is_none().then_some(preamble.store_id)
}

/// What stands between the preamble and the ciphertext.
struct Wrapped<'a> {
    salt: [u8; 32],
    key: &'a [u8],
    after: &'a [u8],
}

impl<'a> Wrapped<'a> {
    fn of(bytes: &'a [u8], sealer: &dyn Sealer) -> Option<Self> {
        let mut input = bytes.get(CHECKED + 8..)?;
        let salt = take_array(&mut input)?;
        let kind = take_u16(&mut input)?;
        let len = usize::from(take_u16(&mut input)?);
        if kind != sealer.kind() || len > WRAPPED_MAX {
            return None;
        }
        let key = take(&mut input, len)?;
        Some(Self { salt, key, after: input })
    }
}

struct Preamble {
    format: u16,
    oldest_reader: u16,
    len: usize,
    store_id: [u8; 16],
    generation: u64,
}

impl Preamble {
    /// `None` unless the checksum fits: a flipped bit must not look like a newer format.
    fn of(bytes: &[u8]) -> Option<Self> {
        let (checked, mut after) = bytes.split_at_checked(CHECKED)?;
        let mut input = checked;
        if take_array(&mut input)? != MAGIC || take_array(&mut after)? != check_of(checked) {
            return None;
        }
        let preamble = Self {
            format: take_u16(&mut input)?,
            oldest_reader: take_u16(&mut input)?,
            len: usize::try_from(take_u32(&mut input)?).ok()?,
            store_id: take_array(&mut input)?,
            generation: take_u64(&mut input)?,
        };
        (preamble.store_id != [0; 16]).then_some(preamble)
    }
}

fn open(bytes: &[u8], preamble: &Preamble, sealer: &dyn Sealer) -> Option<Image> {
    if bytes.len() > IMAGE_MAX {
        return None;
    }
    let Wrapped { salt, key: wrapped, after: mut input } = Wrapped::of(bytes, sealer)?;
    let header = bytes.get(..bytes.len() - input.len())?;
    let sealed = take(&mut input, preamble.len)?;
    if !is_zero(input) {
        return None;
    }
    let mut sealed = Secret::new(sealed.to_vec());
    let master = sealer.unwrap(wrapped)?;
    let key = commit_key(&master, preamble.generation, &salt).ok()?;
    let plain: &[u8] = key.open_in_place(nonce(), Aad::from(header), sealed.expose_mut()).ok()?;
    let mut plain = plain;
    let own_len = usize::try_from(take_u32(&mut plain)?).ok()?;
    let mut own = take(&mut plain, own_len)?;
    let [first] = take_array(&mut own)?;
    let identities = [take_identity(&mut own)?, take_identity(&mut own)?];
    Some(Image {
        frame: Frame {
            format: preamble.format,
            oldest_reader: preamble.oldest_reader,
            store_id: preamble.store_id,
            sealer_kind: sealer.kind(),
            wrapped: Secret::new(wrapped.to_vec()),
            master,
            own_rest: Secret::new(own.to_vec()),
        },
        generation: preamble.generation,
        first,
        identities,
        contents: Contents::decode(plain)?,
    })
}

/// Whether there is nothing but zeros: the first is one, and each is as the one before it. So the
/// padding, most of a file, is compared by words.
fn is_zero(bytes: &[u8]) -> bool {
    match bytes.split_first() {
        Some((first, rest)) => *first == 0 && bytes.starts_with(rest),
        None => true,
    }
}

fn take_identity(input: &mut &[u8]) -> Option<Identity> {
    Some(Identity {
        device: take_u64(input)?,
        inode: take_u64(input)?,
        born: take_array(input).map(i128::from_le_bytes)?,
    })
}

fn commit_key(master: &Secret, generation: u64, salt: &[u8; 32]) -> Result<LessSafeKey> {
    let generation = generation.to_le_bytes();
    derive(salt, master.expose(), &[b"lm storage image 1", &generation])
}

fn nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

fn check_of(bytes: &[u8]) -> [u8; 8] {
    let whole = digest(&SHA256, bytes);
    let mut check = [0; 8];
    check.copy_from_slice(&whole.as_ref()[..8]);
    check
}

/// Lengths here are bounded by [`IMAGE_MAX`].
fn u32_of(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// How long a file must be for an image of this many bytes: powers of two, so that it seldom grows.
pub(super) fn file_len(image_len: usize) -> usize {
    image_len.next_power_of_two().clamp(FILE_MIN, IMAGE_MAX)
}

//! The anchor in another tree: a small file that knows which store stands in a directory and how
//! far it has come, so that an older store put back in its place is seen.
//!
//! Two slots, each inside one sector, of which the older is written: a torn write harms no anchor. Only
//! a birth over a birth writes the newer: the older names the store before, which is ours as well.
//! Written in place and not by renaming, since a renamed file would belong to the member
//! of the group who happened to write it. The other kind of anchor, the identity of the image
//! files, stands inside the image: [`super::image::Identity`].
//!
//! ```text
//!  0  magic "lm-anch1" · 8 u64 flags (1: being born) · 16 store ID
//! 32  u64 generation · 40 u64 sequence · 48 SHA-256 of 0..48
//! ```
#![forbid(unsafe_code)]

use std::io::ErrorKind;
use std::path::Path;

use ring::digest::{SHA256, digest};

use super::Core;
use super::contents::{take_array, take_u64};
use crate::error::{Code, Error, Result};
use crate::ports::{File, OpenHow};

/// Bytes of the file.
pub(super) const ANCHOR_LEN: usize = 2 * SLOT_LEN;

const SLOT_LEN: usize = 512;
const CHECKED: usize = 48;
const MAGIC: [u8; 8] = *b"lm-anch1";

/// What an anchor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Anchor {
    pub(super) store_id: [u8; 16],
    pub(super) generation: u64,
    /// Image 1 of this store wasn't known durable when the anchor was written.
    pub(super) birth: bool,
}

/// What was found of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    /// There is one and it can't be made out.
    Damaged,
    Standing(Anchor),
}

struct Slot {
    anchor: Anchor,
    sequence: u64,
}

pub(super) fn parse(bytes: Option<&[u8]>) -> Found {
    let Some(bytes) = bytes else {
        return Found::Missing;
    };
    match newest(bytes) {
        Some((_, slot)) => Found::Standing(slot.anchor),
        None => Found::Damaged,
    }
}

/// The stores that it knows: the newest and, where that one is being born, the one before.
pub(super) fn known(bytes: Option<&[u8]>) -> Vec<[u8; 16]> {
    let bytes = bytes.unwrap_or_default();
    let Some((_, Slot { anchor, .. })) = newest(bytes) else { return Vec::new() };
    if !anchor.birth {
        return vec![anchor.store_id];
    }
    let slots = bytes.chunks(SLOT_LEN).take(2);
    slots.filter_map(|bytes| Some(Slot::decode(bytes)?.anchor.store_id)).collect()
}

fn newest(bytes: &[u8]) -> Option<(usize, Slot)> {
    let slots = bytes.chunks(SLOT_LEN).take(2).enumerate();
    slots
        .filter_map(|(index, bytes)| Some((index, Slot::decode(bytes)?)))
        .max_by_key(|(_, slot)| slot.sequence)
}

impl Slot {
    fn encode(&self) -> [u8; SLOT_LEN] {
        let mut out = Vec::with_capacity(SLOT_LEN);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&u64::from(self.anchor.birth).to_le_bytes());
        out.extend_from_slice(&self.anchor.store_id);
        out.extend_from_slice(&self.anchor.generation.to_le_bytes());
        out.extend_from_slice(&self.sequence.to_le_bytes());
        let check = digest(&SHA256, &out);
        out.extend_from_slice(check.as_ref());
        let mut slot = [0; SLOT_LEN];
        slot[..out.len()].copy_from_slice(&out);
        slot
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (checked, check) = bytes.split_at_checked(CHECKED)?;
        if check.get(..32)? != digest(&SHA256, checked).as_ref() {
            return None;
        }
        let mut input = checked;
        if take_array(&mut input)? != MAGIC {
            return None;
        }
        let flags = take_u64(&mut input)?;
        Some(Self {
            anchor: Anchor {
                store_id: take_array(&mut input)?,
                generation: take_u64(&mut input)?,
                birth: flags & 1 != 0,
            },
            sequence: take_u64(&mut input)?,
        })
    }
}

impl Core {
    /// Makes the anchor say this, durably; writes nothing where it says so already. Only under the
    /// store's lock.
    pub(super) fn write_anchor(&self, anchor: Anchor) -> Result<()> {
        let Some(path) = self.paths.anchor.as_deref() else {
            return Err(Error::new(
                Code::StorageReadOnly,
                "This user has no home directory for the anchor of trusted storage.",
            ));
        };
        match self.open(path, OpenHow::Write) {
            Ok(Some((file, _))) => self.rewrite_anchor(path, file, anchor),
            Ok(None) => self.make_anchor(path, anchor),
            Err(e) => {
                // One that may only be read and says the same needs no writing.
                let standing = self.read_anchor_bytes(path)?;
                let same = parse(standing.as_deref()) == Found::Standing(anchor);
                if same { Ok(()) } else { Err(e) }
            }
        }
    }

    fn read_anchor_bytes(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        let Some((mut file, _)) = self.open(path, OpenHow::Read)? else {
            return Ok(None);
        };
        let bytes = file.read_head(ANCHOR_LEN);
        bytes.map(Some).map_err(|e| self.io_error(path, "read", &e))
    }

    fn rewrite_anchor(&self, path: &Path, mut file: Box<dyn File>, anchor: Anchor) -> Result<()> {
        let bytes = file.read_head(ANCHOR_LEN);
        let bytes = bytes.map_err(|e| self.io_error(path, "read", &e))?;
        let (index, sequence) = match newest(&bytes) {
            Some((_, slot)) if slot.anchor == anchor => return Ok(()),
            // A birth after a birth takes its place: the other slot knows the store before.
            Some((index, slot))
                if slot.anchor.birth && anchor.birth && known(Some(&bytes)).len() == 2 =>
            {
                (index, slot.sequence.saturating_add(1))
            }
            Some((index, slot)) => (1 - index, slot.sequence.saturating_add(1)),
            None => (0, 1),
        };
        let slot = Slot { anchor, sequence }.encode();
        file.write_at((index * SLOT_LEN) as u64, &slot)
            .and_then(|()| file.sync())
            .map_err(|e| self.io_error(path, "written", &e))
    }

    /// The first one is written beside and renamed, so that an anchor is never empty or torn.
    fn make_anchor(&self, path: &Path, anchor: Anchor) -> Result<()> {
        let failed = |e| self.io_error(path, "made", &e);
        let directory = path.parent().unwrap_or(path);
        self.files.make_dir(directory, self.paths.dir_mode()).map_err(failed)?;
        self.sync_above(directory);
        self.check_may_create(&self.files.stat(directory).map_err(failed)?)?;
        let draft = path.with_extension("new");
        match self.files.remove(&draft) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(e)),
            _ => {}
        }
        let mode = self.paths.file_mode();
        let mut file = self.create(&draft, mode).map_err(failed)?;
        let mut bytes = Slot { anchor, sequence: 1 }.encode().to_vec();
        bytes.resize(ANCHOR_LEN, 0);
        file.write_at(0, &bytes)
            .and_then(|()| file.sync())
            .and_then(|()| self.files.replace(&draft, path))
            .map_err(failed)
    }
}

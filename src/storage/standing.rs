//! What is known of a store: its state, its numbers, and what isn't as well with it as it could be.
#![forbid(unsafe_code)]

use std::fmt;

use super::contents::Contents;
use super::platform::SealerKind;
use crate::ports::Stat;

/// How a store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// There is none, and nothing knows of one.
    Absent,
    /// An anchor knows of one that is gone: known but empty.
    Missing,
    /// All is well with what was read.
    Sound,
    /// What was read isn't what was last written here: it is older than its anchor, of another
    /// store than its anchor's, or holds something and has no anchor. The contents are those found.
    /// The layer above marks each record in its next change; once that is committed, the store is
    /// [`State::Sound`] again.
    Restored,
    /// Something was written here and neither image can be made out.
    Damaged,
    /// Written in a format that this build can't read. Changes are refused.
    Newer,
}

/// A store's state and numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How it stands.
    pub state: State,
    /// The store's ID; zeros where no image was read.
    pub store_id: [u8; 16],
    /// The generation of the image that was read; 0 where none was.
    pub generation: u64,
    /// The highest generation that an anchor names; 0 where there is none.
    pub highest_anchor: u64,
    /// In a change: the ID under which the store stands once the change is committed, a new one
    /// where the store is yet to be made. In a reading: the same as `store_id`.
    pub next_store_id: [u8; 16],
    /// The generation that the next commit gets. (One more where the disk fails at the first try.)
    pub next_generation: u64,
}

impl Standing {
    /// Whether whoever remembers this generation of this store has seen a later one than stands
    /// here. So speaks the portal's memory, the anchor that no restore of the machine puts back.
    #[must_use]
    pub const fn is_behind(&self, remembered: u64) -> bool {
        self.generation < remembered
    }
}

/// What a reader found.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// State and numbers.
    pub standing: Standing,
    /// The sections; none in the states Absent, Missing, Damaged and Newer.
    pub contents: Contents,
    /// What keeps the master key of the store that was read.
    pub sealer: SealerKind,
    /// What isn't as well as it could be, for a report on the store's health.
    pub notes: Vec<Note>,
    /// The look at which this was read: as long as [`super::Storage::look`] gives an equal one,
    /// reading again finds the same.
    pub look: Look,
}

/// What a store looks like from outside: identity and head of its files. Compare, don't look inside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Anchor, `a`, `b`.
    pub(super) files: [Option<(Stat, Vec<u8>)>; 3],
}

/// What to do where the files are another's ([`Note::Foreign`]), or may be.
pub const FOREIGN_HINT: &str =
    "Give trusted storage a directory of its own; if nobody needs the files, move them away.";

/// Something about a store's health that hinders nothing yet. Displays as a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Note {
    /// What stands in the images' place is not this product's. Nothing is written over it.
    Foreign,
    /// An image can't be made out. The next change makes it whole again from the other.
    ImageDamaged(char),
    /// An image file isn't there. The next change makes it again.
    ImageMissing(char),
    /// An image is older than the other. The next change brings it level.
    ImageBehind(char),
    /// The store's files aren't those that the image names: it was copied here.
    ImageCopied,
    /// There is no anchor file. The next change makes it again where the other kind agrees.
    AnchorMissing,
    /// The anchor file can't be made out.
    AnchorDamaged,
    /// The anchor file is behind the store. The next change raises it.
    AnchorBehind,
    /// This user has no home directory for an anchor file.
    AnchorUnavailable,
    /// The file system keeps no time of birth, so the files' identity is no anchor.
    IdentityUnknown,
    /// The TPM (Windows: data protection) that sealed the store can't be asked: it isn't there, is
    /// closed to this user or doesn't answer. The store opens without it.
    SealerUnreachable,
    /// Another TPM (Windows: another installation) sealed the store: it was brought here.
    SealedElsewhere,
    /// The TPM's counter is gone: the TPM was cleared. The next change makes it again.
    CounterMissing,
    /// The TPM's counter is behind the store. The next change raises it.
    CounterBehind,
    /// The TPM's counter has seen a later state of the store: [`State::Restored`], and this is why.
    CounterAhead,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str(
                "The files named a and b where trusted storage is to lie are not this product's.",
            ),
            Self::ImageDamaged(name) => {
                write!(f, "Image {name} is damaged; the next change makes it whole from the other.")
            }
            Self::ImageMissing(name) => {
                write!(f, "Image {name} is missing; the next change makes it again.")
            }
            Self::ImageBehind(name) => {
                write!(f, "Image {name} is older than the other; the next change brings it level.")
            }
            Self::ImageCopied => f.write_str("The image files are copies of those written here."),
            Self::AnchorMissing => f.write_str("The anchor file is missing."),
            Self::AnchorDamaged => f.write_str("The anchor file is damaged."),
            Self::AnchorBehind => {
                f.write_str("The anchor file is behind the store; the next change raises it.")
            }
            Self::AnchorUnavailable => {
                f.write_str("This user has no home directory, so there is no anchor file.")
            }
            Self::IdentityUnknown => f.write_str(
                "The file system keeps no time of birth, so the files' identity is no anchor.",
            ),
            Self::SealerUnreachable => f.write_str(
                "The system's key store that sealed trusted storage, such as a TPM, can't be asked; \
                 the store opens without it.",
            ),
            Self::SealedElsewhere => {
                f.write_str("The key store of another machine sealed trusted storage.")
            }
            Self::CounterMissing => {
                f.write_str("The TPM was cleared; the next change makes its counter again.")
            }
            Self::CounterBehind => {
                f.write_str("The TPM's counter is behind the store; the next change raises it.")
            }
            Self::CounterAhead => {
                f.write_str("The TPM's counter has seen a later state of trusted storage.")
            }
        }
    }
}

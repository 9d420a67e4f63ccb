//! What the platform's own key store says of a store: whether it sealed its master key, and how far
//! its counter has come. Evidence and an anchor, never the only way in: a store opens by the wrap
//! of [`super::seal`], so that a chip that is gone, cleared or closed to this user costs no license.
//!
//! It stands inside an image, after the identities of the files, as parts that each build keeps:
//!
//! ```text
//! u16 tag · u16 n · n bytes, again and again
//!   1  the seal: u16 kind (2: TPM 2.0, 3: DPAPI) · what the platform sealed
//!   2  the counter: its ID of 16 bytes · u64 value · i64 when it was last raised (Unix seconds)
//! ```
#![forbid(unsafe_code)]

use std::sync::Arc;
use std::time::Duration;

use super::contents::{take, take_array, take_u16, take_u64};
use crate::error::Result;
use crate::mutex::Mutex;
use crate::ports::{Clock, Random};
use crate::secret::Secret;

const SEAL: u16 = 1;
const COUNTER: u16 = 2;

/// How old the platform's word may be under a store's lock. A reader that takes no lock asks once
/// and no more.
const FRESH: Duration = Duration::from_secs(60);
/// A change that only moves the time marks raises a counter once in this time: a chip bears some
/// hundred thousand writings.
const RAISE_MARKS_EVERY: i64 = 24 * 3600;

/// What keeps the master key of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum SealerKind {
    /// The wrap under vendor and product alone.
    #[default]
    Software,
    /// A TPM 2.0 has sealed it, too, and counts.
    Tpm,
    /// Windows' data protection has sealed it, too.
    Dpapi,
}

impl SealerKind {
    /// Its word, as scripts read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Tpm => "tpm",
            Self::Dpapi => "dpapi",
        }
    }

    /// The number under which an image names it. Fixed for ever.
    const fn number(self) -> u16 {
        match self {
            Self::Software => 1,
            Self::Tpm => 2,
            Self::Dpapi => 3,
        }
    }
}

/// A seal as an image holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) kind: u16,
    pub(super) sealed: Secret,
    pub(super) counter: Option<Counter>,
}

/// Where the platform's counter stood when an image was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counter {
    /// A new one each time the platform makes a counter for this store.
    pub(super) id: [u8; 16],
    pub(super) value: u64,
    pub(super) raised_at: i64,
}

/// What the platform says to a seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// There is no seal to ask about.
    Silent,
    /// It can't be asked: it isn't there, is closed to this user, or doesn't answer in time.
    Unreachable,
    /// It is another one: the store was brought here from elsewhere.
    Other,
    /// It is the same one, and the counter is gone: it was cleared.
    #[cfg_attr(windows, expect(dead_code, reason = "its key store doesn't count"))]
    CounterGone,
    /// It is the same one, and this is its counter where it keeps one.
    Stands(Option<u64>),
}

/// A key store of the platform. Each call ends within a bound of time. Threads: any.
pub(super) trait PlatformSealer: Send + Sync {
    fn kind(&self) -> SealerKind;
    /// Seals the master key and makes a counter under this ID, if it can count: what was sealed,
    /// and the counter's value. `None`: not here, not now.
    fn seal(&self, master: &Secret, id: [u8; 16]) -> Option<(Vec<u8>, Option<u64>)>;
    /// Never [`Word::Silent`].
    fn ask(&self, seal: &Seal, master: &Secret) -> Word;
    /// Raises the counter to this value, or as near as some steps bring it; where it stands then.
    fn raise(&self, counter: &Counter, master: &Secret) -> Option<u64>;
}

/// The platform of one store, and what it last said.
pub(super) struct Platform {
    sealer: Option<Box<dyn PlatformSealer>>,
    clock: Arc<dyn Clock>,
    said: Mutex<Option<Said>>,
}

struct Said {
    of: Seal,
    word: Word,
    at: Duration,
}

impl Said {
    /// Another process has raised the counter since.
    fn is_behind(&self, seal: &Seal) -> bool {
        let counted = seal.counter.map_or(0, |counter| counter.value);
        matches!(self.word, Word::Stands(Some(stands)) if stands < counted)
    }
}

impl Platform {
    pub(super) fn new(sealer: Option<Box<dyn PlatformSealer>>, clock: Arc<dyn Clock>) -> Self {
        Self { sealer, clock, said: Mutex::new(None) }
    }

    /// What it says to this seal: asked once, so that looking at a store stays fast.
    pub(super) fn word(&self, seal: Option<&Seal>, master: &Secret) -> Word {
        self.word_within(seal, master, Duration::MAX)
    }

    /// The same under the store's lock, where it must not be old.
    pub(super) fn word_now(&self, seal: Option<&Seal>, master: &Secret) -> Word {
        self.word_within(seal, master, FRESH)
    }

    fn word_within(&self, seal: Option<&Seal>, master: &Secret, age: Duration) -> Word {
        let Some(seal) = seal else {
            return Word::Silent;
        };
        let now = self.clock.boot();
        // Held while it is asked: others wait for the one answer.
        let mut said = self.said.lock();
        if let Some(said) = said.as_ref()
            && said.of.is_same(seal)
            && now.saturating_sub(said.at) <= age
            && (age == Duration::MAX || !said.is_behind(seal))
        {
            return said.word;
        }
        let word = match &self.sealer {
            Some(sealer) if sealer.kind().number() == seal.kind => sealer.ask(seal, master),
            _ => Word::Unreachable,
        };
        *said = Some(Said { of: seal.clone(), word, at: now });
        word
    }

    /// The seal that the next image of a store gets, before it is written. `marks_only`: nothing
    /// changes but the time marks.
    pub(super) fn next(
        &self,
        seal: Option<Seal>,
        word: Word,
        master: &Secret,
        random: &dyn Random,
        marks_only: bool,
    ) -> Result<Option<Seal>> {
        let Some(mut seal) = seal else {
            return Ok(None);
        };
        match (word, &mut seal.counter) {
            // Another one's seal would break the store at each reading.
            (Word::Other, _) => return self.seal(master, random),
            (Word::CounterGone, _) if !marks_only => {
                return Ok(self.seal(master, random)?.or(Some(seal)));
            }
            (Word::Stands(Some(stands)), Some(counter)) => {
                let now = self.clock.wall();
                let age = now.saturating_sub(counter.raised_at);
                if !marks_only || !(0..RAISE_MARKS_EVERY).contains(&age) {
                    counter.value = counter.value.max(stands).saturating_add(1);
                    counter.raised_at = now;
                }
            }
            _ => {}
        }
        Ok(Some(seal))
    }

    /// Seals the master key of a new store, where the platform can.
    pub(super) fn seal(&self, master: &Secret, random: &dyn Random) -> Result<Option<Seal>> {
        let Some(sealer) = &self.sealer else {
            return Ok(None);
        };
        let mut id = [0; 16];
        random.fill(&mut id)?;
        let Some((sealed, value)) = sealer.seal(master, id) else {
            return Ok(None);
        };
        let raised_at = self.clock.wall();
        let counter = value.map(|value| Counter { id, value, raised_at });
        let seal = Seal { kind: sealer.kind().number(), sealed: Secret::new(sealed), counter };
        let at = self.clock.boot();
        *self.said.lock() = Some(Said { of: seal.clone(), word: Word::Stands(value), at });
        Ok(Some(seal))
    }

    /// Raises the counter to what a durable image says of it. One that can't be is a note later.
    pub(super) fn raise(&self, seal: Option<&Seal>, master: &Secret) {
        let (Some(sealer), Some(seal)) = (&self.sealer, seal) else {
            return;
        };
        let stands = match self.said.lock().as_ref() {
            Some(said) if said.of.is_same(seal) => said.word,
            _ => return,
        };
        let (Word::Stands(Some(stands)), Some(counter)) = (stands, &seal.counter) else {
            return;
        };
        if stands >= counter.value {
            return;
        }
        let raised = sealer.raise(counter, master);
        let word = raised.map_or(Word::Unreachable, |value| Word::Stands(Some(value)));
        let at = self.clock.boot();
        *self.said.lock() = Some(Said { of: seal.clone(), word, at });
    }
}

impl Seal {
    pub(super) fn kind(&self) -> SealerKind {
        let kinds = [SealerKind::Tpm, SealerKind::Dpapi];
        kinds.into_iter().find(|kind| kind.number() == self.kind).unwrap_or_default()
    }

    /// Whether the platform's word on the one is its word on the other: where the counter stood
    /// then is no part of it.
    fn is_same(&self, other: &Self) -> bool {
        let id = |seal: &Self| seal.counter.map(|counter| counter.id);
        (self.kind, id(self)) == (other.kind, id(other)) && self.sealed == other.sealed
    }

    /// Reads the parts of an image; `None` where it has no seal.
    pub(super) fn read(parts: &[u8]) -> Option<Self> {
        let mut seal: Option<Self> = None;
        let mut counter = None;
        for (tag, mut bytes) in split(parts)? {
            match tag {
                SEAL => {
                    let kind = take_u16(&mut bytes)?;
                    seal = Some(Self { kind, sealed: Secret::new(bytes.to_vec()), counter: None });
                }
                COUNTER => {
                    counter = Some(Counter {
                        id: take_array(&mut bytes)?,
                        value: take_u64(&mut bytes)?,
                        raised_at: take_array(&mut bytes).map(i64::from_le_bytes)?,
                    });
                }
                _ => {}
            }
        }
        seal.map(|seal| Self { counter, ..seal })
    }
}

/// Those parts of an image with another seal in them; what this build doesn't know stays.
pub(super) fn with_seal(parts: &[u8], seal: Option<&Seal>) -> Vec<u8> {
    let Some(known) = split(parts) else {
        return parts.to_vec();
    };
    let mut out = Vec::new();
    let mut part = |tag: u16, bytes: &[&[u8]]| {
        let len = bytes.iter().map(|bytes| bytes.len()).sum::<usize>();
        out.extend_from_slice(&tag.to_le_bytes());
        out.extend_from_slice(&u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
        bytes.iter().for_each(|bytes| out.extend_from_slice(bytes));
    };
    if let Some(seal) = seal {
        part(SEAL, &[&seal.kind.to_le_bytes(), seal.sealed.expose()]);
        if let Some(counter) = &seal.counter {
            let (value, at) = (counter.value.to_le_bytes(), counter.raised_at.to_le_bytes());
            part(COUNTER, &[&counter.id, &value, &at]);
        }
    }
    let others = known.into_iter().filter(|(tag, _)| ![SEAL, COUNTER].contains(tag));
    others.for_each(|(tag, bytes)| part(tag, &[bytes]));
    out
}

fn split(mut parts: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut out = Vec::new();
    while !parts.is_empty() {
        let (tag, len) = (take_u16(&mut parts)?, take_u16(&mut parts)?);
        out.push((tag, take(&mut parts, len.into())?));
    }
    Some(out)
}

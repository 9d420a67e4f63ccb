//! What a reader finds in a bank: the layout, read.
//!
//! | words | what |
//! |---|---|
//! | 0 to 7 | marks high and low, when low was counted, slots of the index, records, features, cause |
//! | the index | record number + 1, by the hash of the key, open addressing |
//! | the records | ten words each; seats in use stand above the seats in one word |
//! | the features | as an index of twelve words a slot: record number + 1, length, limit, name |

use std::sync::atomic::{AtomicU64, Ordering};

use lm_protocol::Kind;

use crate::error::Code;
use crate::policy::{Facts, Marks, PendingKind};

pub(super) const HEAD: usize = 8;
pub(super) const RECORD: usize = 10;
pub(super) const FEATURE: usize = 4 + NAME_WORDS;
pub(super) const NAME_WORDS: usize = lm_protocol::limits::NAME_MAX / 8;

/// An activation ID in its canonical text, as three words: found and compared without reading its
/// characters one by one. Keys are in the order of their texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::client) struct Key {
    pub(super) first: u64,
    pub(super) second: u64,
    pub(super) last: u64,
}

impl Key {
    /// The key of a text of the canonical length; whether it is an ID is another question.
    #[inline]
    pub(in crate::client) fn of(text: &[u8]) -> Option<Self> {
        let text: &[u8; 23] = text.try_into().ok()?;
        let (first, rest) = text.split_first_chunk()?;
        Some(Self {
            first: u64::from_be_bytes(*first),
            second: u64::from_be_bytes(*rest.first_chunk()?),
            last: u64::from_be_bytes(*rest.last_chunk()?),
        })
    }

    /// The characters are random; so is any part of them.
    #[inline]
    pub(super) const fn hash(self) -> usize {
        // Five bits of a character each, spread by a multiplication (Fibonacci hashing).
        ((self.first ^ self.second).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
    }
}

/// One look into the words of a bank.
pub(in crate::client) struct View<'a> {
    words: &'a [AtomicU64],
}

impl<'a> View<'a> {
    #[inline(always)]
    pub(super) const fn of(words: &'a [AtomicU64]) -> Self {
        Self { words }
    }

    #[inline]
    fn word(&self, at: usize) -> u64 {
        self.words.get(at).map_or(0, |word| word.load(Ordering::Relaxed))
    }

    /// How many slots the index has: a power of two, or 0.
    #[inline]
    fn slots(&self) -> usize {
        self.word(3) as usize
    }

    /// How many records there are.
    #[inline]
    pub(in crate::client) fn len(&self) -> usize {
        self.word(4) as usize
    }

    /// Why the store cannot answer.
    #[inline]
    pub(in crate::client) fn store_cause(&self) -> Option<Code> {
        Code::from_number(self.word(6) as i32)
    }

    /// The marks, `low` counted on to `monotonic` seconds.
    #[inline(always)]
    pub(in crate::client) fn marks(&self, monotonic: i64) -> Marks {
        let marks = Marks { high: self.word(0) as i64, low: self.word(1) as i64 };
        marks.with_open_for(monotonic.saturating_sub(self.word(2) as i64).max(0))
    }

    /// The number of the record with this key.
    #[inline(always)]
    pub(in crate::client) fn find(&self, key: Key) -> Option<usize> {
        let slots = self.slots();
        for step in 0..slots {
            let at = HEAD + (key.hash().wrapping_add(step) & (slots - 1));
            let record = (self.word(at) as usize).checked_sub(1)?;
            if self.key(record) == key {
                return Some(record);
            }
        }
        None
    }

    /// The key of a record.
    #[inline]
    pub(in crate::client) fn key(&self, record: usize) -> Key {
        let Some([first, second, last, ..]) = self.record(record) else { return Key::default() };
        Key {
            first: first.load(Ordering::Relaxed),
            second: second.load(Ordering::Relaxed),
            last: last.load(Ordering::Relaxed),
        }
    }

    /// The facts of a record.
    #[inline(always)]
    pub(in crate::client) fn facts(&self, record: usize) -> Facts {
        let Some([_, _, _, flags, seats, starts, expires, lease, grace, tolerance]) =
            self.record(record)
        else {
            return Facts::default();
        };
        let time = |word: &AtomicU64| word.load(Ordering::Relaxed) as i64;
        let seats = seats.load(Ordering::Relaxed);
        Facts {
            seats: seats as u32,
            seats_in_use: (seats >> 32) as u32,
            starts_at: time(starts),
            expires_at: time(expires),
            lease_until: time(lease),
            grace_until: time(grace),
            clock_tolerance: time(tolerance),
            ..unpack(flags.load(Ordering::Relaxed))
        }
    }

    /// Calls `each` with the record and the limit of every entry of a feature.
    #[inline]
    pub(in crate::client) fn feature(&self, name: &str, mut each: impl FnMut(usize, Option<i64>)) {
        let slots = index_len(self.word(5) as usize);
        let start = self.record_at(self.len());
        for step in 0..slots {
            let at = start + ((hash_name(name).wrapping_add(step)) & (slots - 1)) * FEATURE;
            let Some(record) = (self.word(at) as usize).checked_sub(1) else { return };
            let same = self.word(at + 1) as usize == name.len()
                && name_words(name).enumerate().all(|(n, word)| self.word(at + 4 + n) == word);
            if same {
                let limit = self.word(at + 3) as i64;
                each(record, (self.word(at + 2) == 1).then_some(limit));
            }
        }
    }

    #[inline]
    fn record(&self, record: usize) -> Option<&[AtomicU64; RECORD]> {
        self.words.get(self.record_at(record)..)?.first_chunk()
    }

    #[inline]
    fn record_at(&self, record: usize) -> usize {
        HEAD.wrapping_add(self.slots()).wrapping_add(record.wrapping_mul(RECORD))
    }
}

/// A power of two with room to spare; 0 for none.
#[inline]
pub(super) fn index_len(count: usize) -> usize {
    // What a reader finds in a bank that is being replaced can be any number.
    if count == 0 { 0 } else { (count.min(1 << 20) * 2).next_power_of_two() }
}

/// FNV-1a.
#[inline]
pub(super) fn hash_name(name: &str) -> usize {
    name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }) as usize
}

#[inline]
pub(super) fn name_words(name: &str) -> impl Iterator<Item = u64> {
    name.as_bytes()
        .chunks(8)
        .map(|chunk| chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte)))
}

#[inline(always)]
fn unpack(word: u64) -> Facts {
    let bit = |n: u32| word >> n & 1 == 1;
    Facts {
        has_record: bit(0),
        host_trusted: bit(1),
        restore_trusted: bit(2),
        orphaned: bit(3),
        held_elsewhere: bit(4),
        too_late: bit(5),
        signature_trusted: bit(6),
        kind: match word >> 8 & 3 {
            1 => Some(Kind::Nl),
            2 => Some(Kind::Cc),
            _ => None,
        },
        pending: match word >> 16 & 7 {
            1 => PendingKind::Activation,
            2 => PendingKind::Abandon,
            3 => PendingKind::ReturnAll,
            4 => PendingKind::ReturnSome,
            _ => PendingKind::None,
        },
        ..Facts::default()
    }
}

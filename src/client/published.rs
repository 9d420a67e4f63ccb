//! The table that a status is answered from, read without a lock while another thread writes.
//!
//! Two banks of atomic words and a version. The writer fills the bank that nobody reads from, then
//! raises the version, whose lowest bit names the bank to read. A reader copies words, relaxed, and
//! asks the version again: unchanged, so what it copied belongs together. (Plain memory would be a
//! data race.) A bank that must grow is replaced by one twice as long; the old one is kept until the
//! client goes, for readers that are still in it.
//!
//! Layout of a bank: a head, an index of record numbers by key (open addressing), the records, and
//! the features, again by hash and then compared in full.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, OnceLock, PoisonError};

use lm_protocol::Kind;

use crate::error::Code;
use crate::policy::{Facts, Marks, PendingKind};

/// What is published.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    /// Key and facts.
    pub(super) records: Vec<(Key, Facts)>,
    /// Feature name, number of its record, limit.
    pub(super) features: Vec<(String, usize, Option<i64>)>,
    /// Why the store itself cannot answer.
    pub(super) store_cause: Option<Code>,
    /// The marks, `low` as of `counted_at`.
    pub(super) marks: Marks,
    /// The monotonic clock in seconds when `low` was counted.
    pub(super) counted_at: i64,
}

/// An activation ID in its canonical text, as three words: found and compared without reading its
/// characters one by one. Keys are in the order of their texts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    first: u64,
    second: u64,
    last: u64,
}

impl Key {
    /// The key of a text of the canonical length; whether it is an ID is another question.
    #[inline]
    pub(super) fn of(text: &[u8]) -> Option<Self> {
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
    const fn hash(self) -> usize {
        // Five bits of a character each, spread by a multiplication (Fibonacci hashing).
        ((self.first ^ self.second).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
    }
}

#[derive(Default)]
struct Bank {
    /// Segment k holds 64 << k words.
    segments: [OnceLock<Box<[AtomicU64]>>; SEGMENTS],
    current: AtomicUsize,
}

/// The published table. Threads: any number of readers; writers take turns.
#[derive(Default)]
pub(super) struct Published {
    version: AtomicU64,
    banks: [Bank; 2],
    writer: Mutex<Vec<u64>>,
    changes: AtomicU64,
}

const SEGMENTS: usize = 24;
const HEAD: usize = 8;
const RECORD: usize = 10;
const FEATURE: usize = 4 + NAME_WORDS;
const NAME_WORDS: usize = lm_protocol::limits::NAME_MAX / 8;

impl Published {
    /// Publishes a table. Says whether an answer may have changed.
    pub(super) fn publish(&self, table: &Table) -> bool {
        let words = encode(table);
        let mut last = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if *last == words {
            return false;
        }
        let version = self.version.load(Ordering::Relaxed);
        let Some(bank) = self.banks.get(usize::from(version & 1 == 0)) else { return false };
        // What is written below is seen, in part, only by readers that then see this version.
        fence(Ordering::Release);
        if !bank.write(&words) {
            return false;
        }
        self.version.store(version + 1, Ordering::Release);
        let answers = |words: &[u64]| words.get(4..).map(<[u64]>::to_vec);
        let changed = answers(&last) != answers(&words);
        *last = words;
        changed
    }

    /// Counts a change of some answer.
    pub(super) fn count_change(&self) {
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// How many changes of answers there were.
    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Acquire)
    }

    /// Reads what `read` wants of one consistent table. `read` may be called again and again and
    /// must bear words that do not belong together.
    pub(super) fn read<T>(&self, read: impl Fn(&View<'_>) -> T) -> T {
        loop {
            let (version, view) = self.view();
            let value = read(&view);
            if self.still_is(version) {
                return value;
            }
        }
    }

    /// The table as it is, and its version: what is read of it counts only if the version
    /// [still is](Self::still_is) that one afterwards; else it is to be read again.
    #[inline(always)]
    pub(super) fn view(&self) -> (u64, View<'_>) {
        let version = self.version.load(Ordering::Acquire);
        let [even, odd] = &self.banks;
        let bank = if version & 1 == 0 { even } else { odd };
        (version, View { words: bank.words() })
    }

    /// Whether no other table was published since.
    #[inline(always)]
    pub(super) fn still_is(&self, version: u64) -> bool {
        fence(Ordering::Acquire);
        self.version.load(Ordering::Relaxed) == version
    }
}

impl Bank {
    fn words(&self) -> &[AtomicU64] {
        let current = self.current.load(Ordering::Acquire);
        self.segments.get(current).and_then(OnceLock::get).map_or(&[], |words| words)
    }

    fn write(&self, words: &[u64]) -> bool {
        let mut current = self.current.load(Ordering::Relaxed);
        while 64 << current < words.len() {
            current += 1;
        }
        let Some(segment) = self.segments.get(current) else { return false };
        let segment =
            segment.get_or_init(|| (0..64 << current).map(|_| AtomicU64::new(0)).collect());
        for (to, from) in segment.iter().zip(words) {
            to.store(*from, Ordering::Relaxed);
        }
        self.current.store(current, Ordering::Release);
        true
    }
}

/// One look into the words of a bank.
pub(super) struct View<'a> {
    words: &'a [AtomicU64],
}

impl View<'_> {
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
    pub(super) fn len(&self) -> usize {
        self.word(4) as usize
    }

    /// Why the store cannot answer.
    #[inline]
    pub(super) fn store_cause(&self) -> Option<Code> {
        Code::from_number(self.word(6) as i32)
    }

    /// The marks, `low` counted on to `monotonic` seconds.
    #[inline(always)]
    pub(super) fn marks(&self, monotonic: i64) -> Marks {
        let marks = Marks { high: self.word(0) as i64, low: self.word(1) as i64 };
        marks.with_open_for(monotonic.saturating_sub(self.word(2) as i64).max(0))
    }

    /// The number of the record with this key.
    #[inline(always)]
    pub(super) fn find(&self, key: Key) -> Option<usize> {
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
    pub(super) fn key(&self, record: usize) -> Key {
        let Some([first, second, last, ..]) = self.record(record) else { return Key::default() };
        Key {
            first: first.load(Ordering::Relaxed),
            second: second.load(Ordering::Relaxed),
            last: last.load(Ordering::Relaxed),
        }
    }

    /// The facts of a record.
    #[inline(always)]
    pub(super) fn facts(&self, record: usize) -> Facts {
        let Some([_, _, _, flags, seats, starts, expires, lease, grace, tolerance]) =
            self.record(record)
        else {
            return Facts::default();
        };
        let time = |word: &AtomicU64| word.load(Ordering::Relaxed) as i64;
        Facts {
            seats: seats.load(Ordering::Relaxed) as u32,
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
    pub(super) fn feature(&self, name: &str, mut each: impl FnMut(usize, Option<i64>)) {
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
fn index_len(count: usize) -> usize {
    // What a reader finds in a bank that is being replaced can be any number.
    if count == 0 { 0 } else { (count.min(1 << 20) * 2).next_power_of_two() }
}

/// FNV-1a.
#[inline]
fn hash_name(name: &str) -> usize {
    name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    }) as usize
}

#[inline]
fn name_words(name: &str) -> impl Iterator<Item = u64> {
    name.as_bytes()
        .chunks(8)
        .map(|chunk| chunk.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte)))
}

fn encode(table: &Table) -> Vec<u64> {
    let cause = table.store_cause.map_or(0, Code::number);
    let mut words = vec![
        table.marks.high as u64,
        table.marks.low as u64,
        table.counted_at as u64,
        index_len(table.records.len()) as u64,
        table.records.len() as u64,
        table.features.len() as u64,
        cause as u64,
        0,
    ];
    let hashes: Vec<_> = table.records.iter().map(|(key, _)| key.hash()).collect();
    words.extend(index(&hashes, 1, |_| Vec::new()));
    for (key, facts) in &table.records {
        words.extend([
            key.first,
            key.second,
            key.last,
            pack(facts),
            u64::from(facts.seats),
            facts.starts_at as u64,
            facts.expires_at as u64,
            facts.lease_until as u64,
            facts.grace_until as u64,
            facts.clock_tolerance as u64,
        ]);
    }
    let hashes: Vec<_> = table.features.iter().map(|(name, ..)| hash_name(name)).collect();
    words.extend(index(&hashes, FEATURE, |at| {
        table.features.get(at).map_or_else(Vec::new, |(name, record, limit)| {
            let mut slot = vec![
                *record as u64 + 1,
                name.len() as u64,
                u64::from(limit.is_some()),
                limit.unwrap_or(0) as u64,
            ];
            slot.extend(name_words(name));
            slot
        })
    }));
    words
}

/// An open-addressed index of slots of `width` words: the number of the entry + 1, or what `slot`
/// makes of it.
fn index(hashes: &[usize], width: usize, slot: impl Fn(usize) -> Vec<u64>) -> Vec<u64> {
    let slots = index_len(hashes.len());
    let mut words = vec![0; slots * width];
    for (number, hash) in hashes.iter().enumerate() {
        let mut at = *hash & (slots - 1);
        while words.get(at * width).is_some_and(|word| *word != 0) {
            at = (at + 1) & (slots - 1);
        }
        let made = slot(number);
        let made = if made.is_empty() { vec![number as u64 + 1] } else { made };
        for (to, from) in words.iter_mut().skip(at * width).zip(made) {
            *to = from;
        }
    }
    words
}

fn pack(facts: &Facts) -> u64 {
    let bits = [
        facts.has_record,
        facts.host_trusted,
        facts.restore_trusted,
        facts.orphaned,
        facts.held_elsewhere,
        facts.too_late,
        facts.signature_trusted,
    ];
    let flags = bits.iter().enumerate().fold(0u64, |word, (n, bit)| word | u64::from(*bit) << n);
    let kind = match facts.kind {
        None => 0,
        Some(Kind::Nl) => 1,
        Some(Kind::Cc) => 2,
    };
    flags | kind << 8 | (facts.pending as u64) << 16
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicBool;

    fn facts(seats: u32) -> Facts {
        Facts {
            has_record: true,
            host_trusted: true,
            signature_trusted: true,
            pending: PendingKind::ReturnSome,
            kind: Some(Kind::Cc),
            seats,
            starts_at: i64::from(seats),
            expires_at: -1,
            clock_tolerance: i64::from(seats),
            ..Facts::default()
        }
    }

    fn table(count: u32, seats: u32) -> Table {
        let id = |n: u32| Key::of(format!("{n:023}").as_bytes()).unwrap();
        Table {
            records: (0..count).map(|n| (id(n), facts(seats))).collect(),
            features: (0..count)
                .flat_map(|n| {
                    [
                        ("ortho".to_owned(), n as usize, None),
                        (format!("f{n}"), n as usize, Some(i64::from(n))),
                    ]
                })
                .collect(),
            ..Table::default()
        }
    }

    #[test]
    fn what_was_published_is_found_by_id_and_by_feature() {
        let published = Published::default();
        assert_eq!(published.read(|view| view.find(Key::default())), None);
        for count in [1, 2, 100, 7, 0] {
            let table = table(count, 3);
            assert!(published.publish(&table));
            assert!(!published.publish(&table), "nothing changed");
            for (n, (id, facts)) in table.records.iter().enumerate() {
                let found =
                    published.read(|view| view.find(*id).map(|n| (n, view.facts(n), view.key(n))));
                assert_eq!(found, Some((n, *facts, *id)));
            }
            assert_eq!(published.read(|view| view.find(Key { first: 77, ..Key::default() })), None);
            let of = |name: &str| {
                published.read(|view| {
                    let found = std::cell::RefCell::new(Vec::new());
                    view.feature(name, |record, limit| found.borrow_mut().push((record, limit)));
                    found.into_inner()
                })
            };
            assert_eq!(of("ortho").len(), count as usize);
            assert_eq!(of("orth"), []);
            if count > 1 {
                assert_eq!(of("f1"), [(1, Some(1))]);
            }
        }
    }

    #[test]
    fn a_reader_never_sees_parts_of_two_tables() {
        let published = Arc::new(Published::default());
        published.publish(&table(3, 0));
        let stop = Arc::new(AtomicBool::new(false));
        let reader = {
            let (published, stop) = (published.clone(), stop.clone());
            std::thread::spawn(move || {
                let mut reads = 0u64;
                while !stop.load(Ordering::Relaxed) || reads == 0 {
                    let seats = published.read(|view| {
                        (0..view.len())
                            .map(|n| (view.facts(n).seats, view.facts(n).starts_at))
                            .collect::<Vec<_>>()
                    });
                    let first = seats[0].0;
                    assert!(seats.iter().all(|s| *s == (first, i64::from(first))), "{seats:?}");
                    reads += 1;
                }
            })
        };
        for seats in 0..20_000 {
            published.publish(&table(3 + seats % 40, seats));
        }
        stop.store(true, Ordering::Relaxed);
        reader.join().unwrap();
    }
}

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

mod encode;
mod view;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering, fence};

use crate::error::Code;
use crate::mutex::Mutex;
use crate::policy::{Facts, Marks};

pub(super) use view::{Key, View};

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

impl Published {
    /// Publishes a table. Says whether an answer may have changed.
    pub(super) fn publish(&self, table: &Table) -> bool {
        let words = encode::encode(table);
        let mut last = self.writer.lock();
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
        (version, View::of(bank.words()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PendingKind;
    use lm_protocol::Kind;
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
            seats_in_use: seats / 2,
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

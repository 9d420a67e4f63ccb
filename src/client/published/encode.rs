//! A table → the words of a bank: the layout, written.

use lm_protocol::Kind;

use super::Table;
use super::view::{FEATURE, hash_name, index_len, name_words};
use crate::error::Code;
use crate::policy::Facts;

pub(super) fn encode(table: &Table) -> Vec<u64> {
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
            u64::from(facts.seats_in_use) << 32 | u64::from(facts.seats),
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

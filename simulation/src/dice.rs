//! Chance that anyone can make again from its seed.

/// A sequence of numbers (splitmix64): the same seed, the same sequence, on every machine.
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

impl Dice {
    /// The dice of one event of one seed, for one `use_`: what an earlier event has rolled does not
    /// change them, so an event can be left out and the others stay what they are.
    #[must_use]
    pub(crate) fn of(seed: u64, event: u64, use_: u64) -> Self {
        let seed = mixed(seed.wrapping_add(STEP));
        let event = mixed(seed ^ event.wrapping_mul(STEP).wrapping_add(1));
        Self(mixed(event ^ use_.wrapping_mul(0xD6E8_FEB8_6659_FD93)))
    }

    /// The next number.
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// A number below `count`, which is at least 1.
    pub(crate) fn below(&mut self, count: u64) -> u64 {
        self.roll() % count.max(1)
    }

    /// A number from the first to the last.
    pub(crate) fn between(&mut self, first: i64, last: i64) -> i64 {
        let span = u64::try_from(last.saturating_sub(first)).unwrap_or(0).saturating_add(1);
        first.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// Whether it happens, of so many times in a hundred.
    pub(crate) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// The place of one of `count` things; `None`: there are none.
    pub(crate) fn index(&mut self, count: usize) -> Option<usize> {
        if count == 0 {
            return None;
        }
        usize::try_from(self.below(u64::try_from(count).unwrap_or(1))).ok()
    }

    /// One of these.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(self.index(of.len())?)
    }

    /// Random bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let number = self.roll().to_le_bytes();
            for (to, from) in chunk.iter_mut().zip(number) {
                *to = from;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_roll_apart_and_the_same_again() {
        let rolls = |event| {
            let mut dice = Dice::of(7, event, 0);
            [dice.roll(), dice.roll()]
        };
        assert_eq!(rolls(3), rolls(3));
        assert_ne!(rolls(3), rolls(4));
        assert_ne!(rolls(3), [Dice::of(7, 3, 1).roll(), Dice::of(8, 3, 0).roll()]);
    }

    #[test]
    fn numbers_keep_their_bounds() {
        let mut dice = Dice::of(1, 1, 1);
        for _ in 0..1000 {
            assert!((-3..=3).contains(&dice.between(-3, 3)));
        }
        assert_eq!(dice.pick::<u8>(&[]), None);
    }
}

//! Which numbers does chance draw? The same for the same seed, everywhere.
//!
//! A test that draws numbers must be able to draw them again: on another machine, in ten
//! years, and with another version of every dependency. So the generator is written out
//! here. SplitMix64 is small and passes the common statistical tests; its three constants
//! are those of its authors (the first is 2^64 divided by the golden ratio). It is not
//! for secrets.

/// Draws numbers from a seed: SplitMix64, small and the same everywhere.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number of the sequence; every seed, also zero, begins a good one.
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to below `end`, and 0 if `end` is 0. The remainder favours small numbers by
    /// less than one part in 2^31 for the ends used here, which no test can see.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next().checked_rem(end).unwrap_or(0)
    }

    /// From `least` to `most`, both included.
    pub(super) fn size(&mut self, least: usize, most: usize) -> usize {
        let span = (most as u64).saturating_sub(least as u64).saturating_add(1);
        usize::try_from(self.below(span)).unwrap_or(0).saturating_add(least)
    }

    /// From `least` to `most`, both included.
    pub(super) fn between(&mut self, least: i64, most: i64) -> i64 {
        let span = u64::try_from(most.saturating_sub(least)).unwrap_or(0).saturating_add(1);
        least.saturating_add(i64::try_from(self.below(span)).unwrap_or(0))
    }

    /// True with that chance, in percent.
    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of these items; the default if there are none.
    pub(super) fn pick<T: Clone + Default>(&mut self, items: &[T]) -> T {
        let place = usize::try_from(self.below(items.len() as u64)).unwrap_or(0);
        items.get(place).cloned().unwrap_or_default()
    }
}

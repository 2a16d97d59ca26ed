//! Chance, from a seed.

use std::time::Duration;

use rand::{Rng, SeedableRng, seq::IndexedRandom};
use rand_pcg::Pcg64Mcg;

/// A source of chance that gives the same each time, from the same seed.
///
/// A simulation has several, one for each purpose: what is taken out in one place leaves chance everywhere else as it
/// was, so that a schedule can be shrunk.
#[derive(Clone, Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// From a seed, for one purpose: other purposes with the same seed have nothing in common.
    #[must_use]
    pub fn new(seed: u64, purpose: &str) -> Self {
        let purpose = u64::from(crc32fast::hash(purpose.as_bytes()));
        Self(Pcg64Mcg::seed_from_u64(seed ^ (purpose << 32 | purpose).rotate_left(17)))
    }

    /// A number from 0 to `end` - 1; 0 if `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.0.random_range(0..end) }
    }

    /// An index into something of `length` elements; 0 if there is none.
    pub fn index(&mut self, length: usize) -> usize {
        if length == 0 { 0 } else { self.0.random_range(0..length) }
    }

    /// A duration from `least` to `most`, in whole microseconds.
    pub fn duration(&mut self, least: Duration, most: Duration) -> Duration {
        if most <= least {
            return least;
        }
        let range = u64::try_from((most - least).as_micros()).unwrap_or(u64::MAX - 1);
        least + Duration::from_micros(self.0.random_range(0..=range))
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn per_mille(&mut self, chances: u32) -> bool {
        chances > 0 && self.0.random_range(0..1000) < chances
    }

    /// One of them, if there is one.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.choose(&mut self.0)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.random()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_have_nothing_in_common_and_each_is_the_same_again() {
        let mut draws = [("network", 1), ("network", 1), ("disks", 1), ("network", 2)]
            .map(|(purpose, seed)| Random::new(seed, purpose));
        let [first, again, other, next] = draws.each_mut().map(Random::number);
        assert_eq!(first, again);
        assert_ne!(first, other);
        assert_ne!(first, next);
    }
}

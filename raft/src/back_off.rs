//! How long to wait between attempts.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// Waits that double from attempt to attempt, up to a limit, each drawn from the upper half of its span: nodes
/// that lost each other at the same moment do not come back at the same moment.
pub(crate) struct BackOff {
    min: Duration,
    max: Duration,
    next: Duration,
    random: Pcg32,
}

impl BackOff {
    pub(crate) fn new(min: Duration, max: Duration, seed: u64) -> Self {
        Self { min, max, next: min, random: Pcg32::seed_from_u64(seed) }
    }

    /// How long to wait before the next attempt.
    pub(crate) fn next(&mut self) -> Duration {
        let span = self.next;
        self.next = span.saturating_mul(2).min(self.max);
        span.mul_f64(self.random.random_range(0.5..=1.0))
    }

    /// An attempt has succeeded: the next failure is the first again.
    pub(crate) fn reset(&mut self) {
        self.next = self.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIN: Duration = Duration::from_millis(10);
    const MAX: Duration = Duration::from_millis(100);

    #[test]
    fn waits_double_up_to_the_limit_and_begin_anew_after_success() {
        let mut back_off = BackOff::new(MIN, MAX, 1);
        for span in [10, 20, 40, 80, 100, 100].map(Duration::from_millis) {
            let wait = back_off.next();
            assert!(wait >= span / 2 && wait <= span, "{wait:?} is not in the upper half of {span:?}");
        }
        back_off.reset();
        assert!(back_off.next() <= MIN);
    }

    #[test]
    fn the_seed_decides_and_two_seeds_part() {
        let waits = |seed| {
            let mut back_off = BackOff::new(MIN, MAX, seed);
            std::array::from_fn::<_, 8, _>(|_| back_off.next())
        };
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }
}

//! Pauses between attempts.

use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg32;

/// Pauses that become ever longer, and differ from client to client, so that those who were refused together do not
/// come again together.
pub(super) struct BackOff {
    longest: Duration,
    chance: Pcg32,
}

impl BackOff {
    /// Shorter than an election takes, and longer than a burst.
    const FIRST: Duration = Duration::from_millis(10);
    /// An election timeout: a new leader is not kept waiting for much longer than it took to elect it.
    const LAST: Duration = Duration::from_secs(1);

    pub(super) fn new(seed: u64) -> Self {
        Self { longest: Self::FIRST, chance: Pcg32::seed_from_u64(seed) }
    }

    /// How long to wait before the next attempt: from half of the longest to all of it.
    pub(super) fn next_pause(&mut self) -> Duration {
        let pause = self.chance.random_range(self.longest / 2..=self.longest);
        self.longest = (self.longest * 2).min(Self::LAST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_last_and_differ_between_clients() {
        let pauses = |seed| {
            let mut back_off = BackOff::new(seed);
            std::array::from_fn::<_, 12, _>(|_| back_off.next_pause())
        };
        for (number, pause) in (0u32..).zip(pauses(1)) {
            let longest = (BackOff::FIRST * 2u32.pow(number)).min(BackOff::LAST);
            assert!((longest / 2..=longest).contains(&pause), "pause {number}: {pause:?}");
        }
        assert_ne!(pauses(1), pauses(2));
    }
}

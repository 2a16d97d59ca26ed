//! A node's clock, which goes at a rate of its own.

use std::time::Duration;

/// A monotonic clock as a node sees it. It may go at another rate than true time, jump, and stand still.
pub(in crate::simulation) struct NodeClock {
    /// In millionths more than the true rate; -1,000,000 is standing still.
    rate: i32,
    /// When the rate was last set, by true time, and what the clock showed then.
    since: Duration,
    shown: Duration,
}

const MILLION: i128 = 1_000_000;

impl NodeClock {
    pub(super) fn new(rate: i32) -> Self {
        Self { rate, since: Duration::ZERO, shown: Duration::ZERO }
    }

    /// What it shows at a true time, which never goes back.
    pub(super) fn shows(&self, now: Duration) -> Duration {
        let passed =
            i128::try_from((now.saturating_sub(self.since)).as_nanos()).unwrap_or(i128::MAX / MILLION);
        let counted = passed * (MILLION + i128::from(self.rate)).max(0) / MILLION;
        self.shown + Duration::from_nanos(u64::try_from(counted).unwrap_or(u64::MAX))
    }

    /// The true time from `now` until it shows so much more; none if it stands still.
    pub(super) fn until_counted(&self, duration: Duration) -> Option<Duration> {
        let rate = MILLION + i128::from(self.rate);
        if rate <= 0 {
            return None;
        }
        let nanoseconds = i128::try_from(duration.as_nanos()).ok()? * MILLION;
        // Rounded up -> when the time has come, the clock shows it.
        Some(Duration::from_nanos(u64::try_from((nanoseconds + rate - 1) / rate + 1).ok()?))
    }

    /// From `now` on it goes at another rate.
    pub(in crate::simulation) fn set_rate(&mut self, now: Duration, rate: i32) {
        (self.shown, self.since) = (self.shows(now), now);
        self.rate = rate;
    }

    /// It jumps forward.
    pub(in crate::simulation) fn jump(&mut self, by: Duration) {
        self.shown += by;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_clock_shows_what_its_rates_and_jumps_make_it_show() {
        let mut clock = NodeClock::new(100_000);
        assert_eq!(clock.shows(SECOND * 10), SECOND * 11);
        clock.set_rate(SECOND * 10, -1_000_000);
        assert_eq!(clock.shows(SECOND * 50), SECOND * 11);
        clock.jump(SECOND);
        clock.set_rate(SECOND * 50, 0);
        assert_eq!(clock.shows(SECOND * 51), SECOND * 13);
    }

    #[test]
    fn when_the_time_has_come_the_clock_shows_it() {
        for rate in [-999_999, -300_000, 1, 0, 7, 250_000] {
            let clock = NodeClock::new(rate);
            let until = clock.until_counted(Duration::from_millis(50)).unwrap();
            assert!(clock.shows(until) >= Duration::from_millis(50), "rate {rate}");
        }
        assert_eq!(NodeClock::new(-1_000_000).until_counted(SECOND), None);
    }
}

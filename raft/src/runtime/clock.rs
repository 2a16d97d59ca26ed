//! Time: the only place in the runtime that asks for it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Tells the time to the loop.
pub(crate) trait Clock {
    /// How long it is since some fixed moment. Never goes back.
    fn now(&self) -> Duration;
}

/// The operating system's monotonic clock.
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now() }
    }

    /// How long before this one `earlier` was started.
    pub(super) fn since(&self, earlier: &Self) -> Duration {
        self.start.saturating_duration_since(earlier.start)
    }
}

/// What the clock on the wall shows. It may be wrong, and go back: nothing but the log's own time is made of it.
pub(crate) fn milliseconds_since_1970() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// When the next tick is due.
///
/// After a long pause one tick is due, not all that were missed: the node would take a burst for a leader that
/// was silent for as long, although its messages only wait to be read.
pub(crate) struct Ticker {
    period: Duration,
    next: Duration,
}

impl Ticker {
    pub(crate) fn new(period: Duration, now: Duration) -> Self {
        Self { period, next: now + period }
    }

    /// How long it is until the next tick.
    pub(crate) fn until_next(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now)
    }

    /// Whether more time has passed since the last tick than one tick can tell of.
    pub(crate) fn has_let_out(&self, now: Duration) -> bool {
        now >= self.next + self.period
    }

    /// Whether a tick is due, which it then no longer is.
    pub(crate) fn take_due(&mut self, now: Duration) -> bool {
        if now < self.next {
            return false;
        }
        let is_late = self.has_let_out(now);
        self.next = if is_late { now } else { self.next } + self.period;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(50);

    #[test]
    fn ticks_come_at_their_pace_though_each_is_taken_a_little_late() {
        let mut ticker = Ticker::new(PERIOD, Duration::ZERO);
        let late = Duration::from_millis(7);
        for number in 1..10 {
            assert!(!ticker.take_due(PERIOD * number - Duration::from_millis(1)));
            assert!(ticker.take_due(PERIOD * number + late));
        }
        assert_eq!(ticker.until_next(PERIOD * 9 + late), PERIOD - late);
    }

    #[test]
    fn after_a_long_pause_one_tick_is_due_and_no_burst() {
        let mut ticker = Ticker::new(PERIOD, Duration::ZERO);
        let woken = Duration::from_secs(60);
        assert!(ticker.has_let_out(woken));
        assert!(ticker.take_due(woken));
        assert!(!ticker.has_let_out(woken));
        assert!(!ticker.take_due(woken));
        assert_eq!(ticker.until_next(woken), PERIOD);
    }
}

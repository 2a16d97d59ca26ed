//! Giving the processor to others for a moment, in the hope that one of them brings what is waited for.

use std::{cell::Cell, thread, time::Duration};

use super::clock::{Clock, SystemClock};

/// Decides whether a thread that waits yields before it sleeps.
///
/// To be put to sleep and woken takes several microseconds, in which a cluster that is near has answered. So it is
/// quicker to let the others go on for a moment and look again. But where other programs want the processor too,
/// whoever yields is put behind them, for milliseconds; and whoever sleeps is not. So one long yield is a lesson: it is
/// followed by a pause in which this thread sleeps at once.
pub(super) struct Yields<C> {
    clock: C,
    /// Until then it sleeps at once.
    resume_at: Cell<Duration>,
    /// How long the next pause is.
    pause: Cell<Duration>,
}

/// How often it yields at most: some microseconds, if nobody else wants the processor.
const TIMES: u32 = 16;

/// The turns of a busy node are shorter. What a scheduler gives to another program is longer.
const LONG: Duration = Duration::from_millis(1);

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Yields<SystemClock> {
    pub(super) fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }
}

impl<C: Clock> Yields<C> {
    fn with_clock(clock: C) -> Self {
        Self { clock, resume_at: Cell::default(), pause: Cell::new(SHORTEST_PAUSE) }
    }

    /// Yields until `is_done`, if that is worth while. Whether it is done.
    pub(super) fn wait(&self, is_done: impl Fn() -> bool) -> bool {
        self.wait_with(thread::yield_now, is_done)
    }

    fn wait_with(&self, yield_now: impl Fn(), is_done: impl Fn() -> bool) -> bool {
        let mut now = self.clock.now();
        if now < self.resume_at.get() {
            return is_done();
        }
        for _ in 0..TIMES {
            if is_done() {
                return true;
            }
            yield_now();
            let begin = std::mem::replace(&mut now, self.clock.now());
            if now.saturating_sub(begin) >= LONG {
                self.learn(now);
                return is_done();
            }
        }
        self.pause.set((self.pause.get() - self.pause.get() / 256).max(SHORTEST_PAUSE));
        is_done()
    }

    /// It has taken long: not again for a while, and next time for twice as long.
    fn learn(&self, now: Duration) {
        self.resume_at.set(now.saturating_add(self.pause.get()));
        self.pause.set((self.pause.get() * 2).min(LONGEST_PAUSE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Moves when somebody yields.
    #[derive(Default)]
    struct Watch(Cell<Duration>);

    impl Watch {
        fn pass(&self, time: Duration) {
            self.0.set(self.0.get() + time);
        }
    }

    impl Clock for &Watch {
        fn now(&self) -> Duration {
            self.0.get()
        }
    }

    /// How often it yields, if each takes so long and nothing comes.
    fn times(yields: &Yields<&Watch>, each: Duration) -> u32 {
        let times = Cell::new(0);
        let yield_now = || {
            times.set(times.get() + 1);
            yields.clock.pass(each);
        };
        assert!(!yields.wait_with(yield_now, || false));
        times.get()
    }

    const SHORT: Duration = Duration::from_micros(1);

    #[test]
    fn it_yields_a_moment_and_no_longer() {
        let watch = Watch::default();
        let yields = Yields::with_clock(&watch);
        assert_eq!(times(&yields, SHORT), TIMES);
        assert!(yields.wait_with(|| (), || true));
        let left = Cell::new(3);
        let comes_at_third = || left.replace(left.get() - 1) == 0;
        assert!(yields.wait_with(|| watch.pass(SHORT), comes_at_third));
    }

    #[test]
    fn who_was_kept_waiting_sleeps_at_once_for_a_while_and_longer_each_time() {
        let watch = Watch::default();
        let yields = Yields::with_clock(&watch);
        let mut pause = SHORTEST_PAUSE;
        for _ in 0..20 {
            assert_eq!(times(&yields, LONG), 1);
            watch.pass(pause - SHORT);
            assert_eq!(times(&yields, LONG), 0);
            watch.pass(SHORT);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        assert_eq!(pause, LONGEST_PAUSE);
    }

    #[test]
    fn a_lesson_is_forgotten_when_it_is_no_longer_true() {
        let watch = Watch::default();
        let yields = Yields::with_clock(&watch);
        for _ in 0..20 {
            times(&yields, LONG);
            watch.pass(LONGEST_PAUSE);
        }
        for _ in 0..10_000 {
            assert_eq!(times(&yields, SHORT), TIMES);
        }
        assert_eq!(times(&yields, LONG), 1);
        watch.pass(SHORTEST_PAUSE);
        assert_eq!(times(&yields, SHORT), TIMES);
    }
}

//! Giving the processor to others for a moment, in the hope that one of them brings what is waited for.

use std::{cell::Cell, thread, time::Duration};

use super::clock::{Clock, SystemClock};

/// Decides whether a thread that waits yields before it sleeps.
///
/// To be put to sleep and woken takes several microseconds, in which a cluster that is near has answered. So it is
/// quicker to let the others go on for a moment and look again. It is in vain where what is waited for takes longer, as
/// the flush of a disk does: a thread for which it has mostly been in vain sleeps at once, and only now and then tries
/// again. And where other programs want the processor too, whoever yields is put behind them, for milliseconds; and
/// whoever sleeps is not. So one long yield is a lesson: it is followed by a pause in which this thread sleeps at once.
pub(super) struct Yields<C> {
    clock: C,
    /// Until then it sleeps at once.
    resume_at: Cell<Duration>,
    /// How long the next pause is.
    pause: Cell<Duration>,
    /// How often more it may be in vain.
    credit: Cell<u32>,
    /// How often it has slept at once for want of credit.
    missed: Cell<u32>,
}

/// For how long it yields at most: some times what it takes to be put to sleep and woken.
const SPAN: Duration = Duration::from_micros(30);

/// The turns of a busy node are shorter. What a scheduler gives to another program is longer.
const LONG: Duration = Duration::from_millis(1);

const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

const MOST_CREDIT: u32 = 16;
/// What it earns if it was not in vain.
const EARNED: u32 = 2;
/// Without credit it tries again after so many waits.
const MISSED_BETWEEN_TRIES: u32 = 64;

impl Yields<SystemClock> {
    pub(super) fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }
}

impl<C: Clock> Yields<C> {
    fn with_clock(clock: C) -> Self {
        Self {
            clock,
            resume_at: Cell::default(),
            pause: Cell::new(SHORTEST_PAUSE),
            credit: Cell::new(MOST_CREDIT),
            missed: Cell::default(),
        }
    }

    /// Yields until `is_done`, if that is worth while. Whether it is done.
    pub(super) fn wait(&self, is_done: impl Fn() -> bool) -> bool {
        self.wait_with(thread::yield_now, is_done)
    }

    fn wait_with(&self, yield_now: impl Fn(), is_done: impl Fn() -> bool) -> bool {
        if is_done() {
            return true;
        }
        let begin = self.clock.now();
        if begin < self.resume_at.get() || !self.has_credit() {
            return false;
        }
        let mut now = begin;
        loop {
            yield_now();
            let before = std::mem::replace(&mut now, self.clock.now());
            if now.saturating_sub(before) >= LONG {
                self.learn(now);
                return is_done();
            }
            let has_come = is_done();
            if has_come || now.saturating_sub(begin) >= SPAN {
                self.settle(has_come);
                return has_come;
            }
        }
    }

    fn has_credit(&self) -> bool {
        if self.credit.get() > 0 {
            return true;
        }
        self.missed.set(self.missed.get() + 1);
        self.missed.get().is_multiple_of(MISSED_BETWEEN_TRIES)
    }

    /// No yield has taken long; whether what was waited for has come.
    fn settle(&self, has_come: bool) {
        let credit = self.credit.get();
        self.credit.set(if has_come { MOST_CREDIT.min(credit + EARNED) } else { credit.saturating_sub(1) });
        self.pause.set((self.pause.get() - self.pause.get() / 256).max(SHORTEST_PAUSE));
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

    /// How often it yields a short time, if what is waited for never comes.
    const TIMES: u32 = 30;

    #[test]
    fn it_yields_a_moment_and_no_longer() {
        let watch = Watch::default();
        let yields = Yields::with_clock(&watch);
        assert_eq!(times(&yields, SHORT), TIMES);
        assert!(yields.wait_with(|| unreachable!("it is done already"), || true));
        let left = Cell::new(3);
        let comes_at_third = || left.replace(left.get() - 1) == 0;
        assert!(yields.wait_with(|| watch.pass(SHORT), comes_at_third));
    }

    #[test]
    fn who_yields_in_vain_sleeps_at_once_and_tries_again_now_and_then() {
        let watch = Watch::default();
        let yields = Yields::with_clock(&watch);
        for _ in 0..MOST_CREDIT {
            assert_eq!(times(&yields, SHORT), TIMES);
        }
        let tries: Vec<_> = (0..2 * MISSED_BETWEEN_TRIES).filter(|_| times(&yields, SHORT) > 0).collect();
        assert_eq!(tries, [MISSED_BETWEEN_TRIES - 1, 2 * MISSED_BETWEEN_TRIES - 1]);
        let comes_when_yielded = Cell::new(false);
        for _ in 0..MISSED_BETWEEN_TRIES {
            yields.wait_with(|| comes_when_yielded.set(true), || comes_when_yielded.get());
        }
        assert_eq!([(); 3].map(|()| times(&yields, SHORT)), [TIMES, TIMES, 0], "what it has earned");
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
            let has_come = Cell::new(false);
            assert!(yields.wait_with(|| has_come.set(true), || has_come.get()));
        }
        assert_eq!(times(&yields, LONG), 1);
        watch.pass(SHORTEST_PAUSE);
        assert_eq!(times(&yields, SHORT), TIMES);
    }
}

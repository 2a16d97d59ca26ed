//! Clocks that go wrong.

use std::time::Duration;

use super::{
    super::{counts::Count, plan::Whom, workload::Workload, world::World},
    Done, Fault,
};

/// The rate of a clock that stands still, in millionths more than the true rate.
const STANDS_STILL: i32 = -1_000_000;

impl<W: Workload> World<W> {
    pub(super) fn set_clock_rate(&mut self, number: usize, whom: Whom, rate: i32, lasts: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultClockRate);
        self.put_clock_on(number, at, rate, lasts);
        Ok(())
    }

    pub(super) fn stop_clock(&mut self, number: usize, whom: Whom, lasts: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultClockStop);
        self.put_clock_on(number, at, STANDS_STILL, lasts);
        Ok(())
    }

    pub(super) fn jump_clock(&mut self, number: usize, whom: Whom, by: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultClockJump);
        self.nodes[at].clock.jump(by);
        // Its next tick may be due.
        self.wake_soon(at);
        Ok(())
    }

    fn put_clock_on(&mut self, number: usize, at: usize, rate: i32, lasts: Duration) {
        self.put_on(number, Fault::ClockRate(at, rate), lasts);
        self.apply_clock_rate(at);
    }

    /// A clock goes as the latest fault on it says; without one, as it goes by itself.
    pub(super) fn apply_clock_rate(&mut self, at: usize) {
        let of_fault = |fault: &Fault| {
            if let Fault::ClockRate(clock, rate) = fault { (*clock == at).then_some(*rate) } else { None }
        };
        let latest = self.actions.faults.values().rev().find_map(of_fault);
        let usual = self.plan.clock_rates.get(at).copied().unwrap_or_default();
        self.set_rate(at, latest.unwrap_or(usual));
    }

    /// From now on all clocks go at the true rate.
    pub(super) fn true_clocks(&mut self) {
        (0..self.nodes.len()).for_each(|at| self.set_rate(at, 0));
    }

    fn set_rate(&mut self, at: usize, rate: i32) {
        let now = self.now;
        self.nodes[at].clock.set_rate(now, rate);
        // When its next tick is due has changed.
        self.wake_soon(at);
    }
}

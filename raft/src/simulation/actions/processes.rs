//! Processes that die, or stand still.

use std::time::Duration;

use super::{
    super::{
        counts::Count,
        plan::{PowerLoss, Whom},
        trace::What,
        workload::Workload,
        world::{Order, World},
    },
    Done, Fault,
};

/// When the power is back for all, each node starts at most so much later than the first.
const APART: Duration = Duration::from_millis(300);
/// After the storm, whoever does not run is started within this time.
const SOON: Duration = Duration::from_millis(100);

impl<W: Workload> World<W> {
    pub(super) fn crash_one(&mut self, number: usize, whom: Whom, power: PowerLoss, down: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(match power {
            PowerLoss::None => Count::FaultKill,
            PowerLoss::Whole => Count::FaultCrash,
        });
        self.crash(at, power);
        self.plan_start(at, down);
        Ok(())
    }

    pub(super) fn crash_all(&mut self, number: usize, down: Duration) -> Done {
        self.counts.count(Count::FaultCrashAll);
        let mut chance = self.chance(number);
        for at in 0..self.nodes.len() {
            self.crash(at, PowerLoss::Whole);
            let later = chance.duration(Duration::ZERO, APART);
            self.plan_start(at, down + later);
        }
        Ok(())
    }

    pub(super) fn pause(&mut self, number: usize, whom: Whom, lasts: Duration) -> Done {
        let at = self.find(number, whom)?;
        self.counts.count(Count::FaultPause);
        self.nodes[at].pauses += 1;
        let id = self.nodes[at].id;
        self.note(Some(id), What::Paused(true));
        self.put_on(number, Fault::Pause(at), lasts);
        Ok(())
    }

    /// One reason less for a process to stand still.
    pub(super) fn go_on(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.pauses -= 1;
        if node.pauses == 0 {
            let id = node.id;
            self.note(Some(id), What::Paused(false));
            self.wake_soon(at);
        }
    }

    pub(super) fn campaign(&mut self, number: usize, whom: Whom) -> Done {
        let at = self.find(number, whom)?;
        self.give_order(at, Order::Campaign);
        Ok(())
    }

    /// Whoever does not run is started, unless it is gone for good.
    pub(super) fn start_all(&mut self) {
        for at in 0..self.nodes.len() {
            let node = &self.nodes[at];
            let is_over = node.is_lost || node.is_retired;
            if !is_over && node.process.is_none() {
                let after = SOON * (1 + u32::try_from(at).unwrap_or_default()) / 4;
                self.plan_start(at, after);
            }
        }
    }
}

//! A node is shut down in order, and comes back with a later version.

use std::time::Duration;

use super::{
    super::{
        counts::Count,
        plan::{PowerLoss, Whom},
        workload::Workload,
        world::World,
    },
    Done, END,
};

/// For so many ticks a node may shut down in order; then it is killed.
const TICKS_MAX: u32 = 50;
/// How long it takes at most until the later version starts.
const DOWN: Duration = Duration::from_millis(200);

/// A node that is to come back with a later version.
pub(super) struct Upgrade {
    pub(super) at: usize,
    /// For how many ticks it is shutting down.
    ticks: u32,
}

impl<W: Workload> World<W> {
    pub(super) fn begin_upgrade(&mut self, number: usize, whom: Whom) -> Done {
        let at = self.find(number, whom)?;
        if self.actions.upgrades.values().any(|upgrade| upgrade.at == at) || self.nodes[at].is_lost {
            return Err("it is being upgraded, or lost");
        }
        if let Some(process) = &mut self.nodes[at].process {
            process.driver.begin_stop();
            self.wake_soon(at);
        }
        self.actions.upgrades.insert(number, Upgrade { at, ticks: 0 });
        self.plan_step(number, END, self.plan.nodes.tick);
        Ok(())
    }

    /// Shuts the node down if it is ready, or has had time enough.
    pub(super) fn step_upgrade(&mut self, number: usize) {
        let Some(upgrade) = self.actions.upgrades.get_mut(&number) else { return };
        upgrade.ticks += 1;
        let (at, is_late) = (upgrade.at, upgrade.ticks >= TICKS_MAX);
        let node = &self.nodes[at];
        let may_stop = node.process.as_ref().is_none_or(|process| process.driver.may_stop());
        if is_late {
            self.crash(at, PowerLoss::None);
        } else if may_stop && node.pauses == 0 {
            self.shut_down(at);
        } else {
            self.plan_step(number, END, self.plan.nodes.tick);
            return;
        }
        self.actions.upgrades.remove(&number);
        self.counts.count(Count::Upgrades);
        self.nodes[at].is_later_version = true;
        let after = self.chance(number).duration(Duration::ZERO, DOWN);
        self.plan_start(at, after);
    }
}

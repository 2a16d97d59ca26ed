//! Carries out what a plan says: faults, their ends, and what operators do.
//!
//! | file | |
//! |---|---|
//! | `whom` | who is meant, at that moment |
//! | `network`, `processes`, `disks`, `clocks` | faults, and what their ends undo |
//! | `damage` | what a log with a flipped bit is good for |
//! | `survivable` | never more harm than Raft promises to survive |
//! | `operators`, `wish` | whoever changes the membership and hands leadership over, until it is done |
//! | `departures` | nodes that go for good |
//! | `upgrades` | a node is shut down in order, and comes back with a later version |
//!
//! A fault that lasts is remembered under the number of its action, with what its end must undo. So faults of one kind
//! on one thing may overlap: each ends at its time, and the thing is well again when the last has ended.

mod clocks;
mod damage;
mod departures;
mod disks;
mod network;
mod operators;
mod processes;
mod survivable;
#[cfg(test)]
mod tests;
mod upgrades;
mod whom;
mod wish;

use std::{collections::BTreeMap, time::Duration};

use super::{
    plan::Action,
    random::Random,
    trace::What,
    workload::Workload,
    world::{Step, World},
};
use crate::consensus::NodeId;

use network::Links;
use operators::Operators;
use upgrades::Upgrade;

/// Everything that is on.
#[derive(Default)]
pub(super) struct Actions {
    /// The faults that last, by the number of the action that began them.
    faults: BTreeMap<usize, Fault>,
    upgrades: BTreeMap<usize, Upgrade>,
    operators: Operators,
    /// The node whose log was damaged, until it has been started and has noticed that.
    damaged: Option<usize>,
}

/// A fault that lasts, and what its end must undo. Nodes are named by where they are among the nodes.
enum Fault {
    Cut(Links),
    /// Who is away, and by which links.
    Swizzle(Vec<(NodeId, Links)>),
    Storm,
    Pause(usize),
    SlowDisk(usize),
    StallDisk(usize),
    FullDisk(usize),
    /// A clock goes at this rate.
    ClockRate(usize, i32),
}

/// The step of an action that ends it.
const END: usize = 0;
/// The number under which operators take their turns, which are no action of the plan.
const OPERATORS: usize = usize::MAX;

/// Whether an action could be carried out, or why not.
type Done = Result<(), &'static str>;

impl<W: Workload> World<W> {
    /// The planned action with this number begins.
    pub(super) fn begin_action(&mut self, number: usize) -> Step {
        if self.now >= self.plan.storm {
            return Ok(());
        }
        let action = self.plan.actions[number].action.clone();
        self.note(None, What::Action(format!("#{number} {action}")));
        if let Err(why) = self.carry_out(number, action) {
            self.note(None, What::Action(format!("#{number} is not done: {why}")));
        }
        Ok(())
    }

    fn carry_out(&mut self, number: usize, action: Action) -> Done {
        match action {
            Action::Isolate { whom, direction, lasts } => self.isolate(number, whom, direction, lasts),
            Action::Partition { side, lasts } => self.partition(number, &side, lasts),
            Action::Cut { from, to, lasts } => self.cut_link(number, from, to, lasts),
            Action::Swizzle { .. } => self.begin_swizzle(number),
            Action::Storm { weather, lasts } => self.begin_storm(number, weather, lasts),
            Action::Crash { whom, power, down } => self.crash_one(number, whom, power, down),
            Action::CrashAll { down } => self.crash_all(number, down),
            Action::Pause { whom, lasts } => self.pause(number, whom, lasts),
            Action::Wipe { whom, down } => self.wipe(number, whom, down),
            Action::SlowDisk { whom, sync, lasts } => self.slow_disk(number, whom, sync, lasts),
            Action::StallDisk { whom, lasts } => self.stall_disk(number, whom, lasts),
            Action::FillDisk { whom, lasts } => self.fill_disk(number, whom, lasts),
            Action::FailSync { whom, down } => self.fail_sync(number, whom, down),
            Action::FlipBit { whom, choice, down } => self.flip_bit(number, whom, choice, down),
            Action::ClockRate { whom, rate, lasts } => self.set_clock_rate(number, whom, rate, lasts),
            Action::ClockJump { whom, by } => self.jump_clock(number, whom, by),
            Action::ClockStop { whom, lasts } => self.stop_clock(number, whom, lasts),
            Action::Transfer { to } => self.wish_transfer(number, to),
            Action::Campaign { whom } => self.campaign(number, whom),
            Action::AddVoter { node } => self.wish_voter(node),
            Action::AddLearner { node } => self.wish_learner(node),
            Action::Remove { whom } => self.wish_removal(number, whom),
            Action::Replace { whom, new } => self.wish_replacement(number, whom, new),
            Action::ChangeJointly { voters, learners, gone, transition } => {
                self.wish_joint_change(&voters, &learners, &gone, transition)
            }
            Action::Upgrade { whom } => self.begin_upgrade(number, whom),
        }
    }

    /// It ends, or goes on with its next step.
    pub(super) fn step_action(&mut self, number: usize, step: usize) -> Step {
        if number == OPERATORS {
            self.operators_turn();
        } else if self.actions.upgrades.contains_key(&number) {
            self.step_upgrade(number);
        } else if step == END {
            self.end_fault(number);
        } else {
            self.step_swizzle(number, step);
        }
        Ok(())
    }

    /// From now on this fault is on, for so long.
    fn put_on(&mut self, number: usize, fault: Fault, lasts: Duration) {
        self.actions.faults.insert(number, fault);
        self.plan_step(number, END, lasts);
    }

    /// Undoes what a fault has done, if it is still on.
    fn end_fault(&mut self, number: usize) {
        let Some(fault) = self.actions.faults.remove(&number) else { return };
        self.note(None, What::Action(format!("#{number} ends")));
        match fault {
            Fault::Cut(links) => self.mend(&links),
            Fault::Swizzle(away) => away.iter().for_each(|(_, links)| self.mend(links)),
            Fault::Storm => self.network.end_storm(number),
            Fault::Pause(at) => self.go_on(at),
            Fault::SlowDisk(at) => self.nodes[at].slowness.retain(|(fault, _)| *fault != number),
            Fault::StallDisk(at) => self.nodes[at].stalls -= 1,
            Fault::FullDisk(at) => self.make_room(at),
            Fault::ClockRate(at, _) => self.apply_clock_rate(at),
        }
    }

    /// Ends every fault that is on, and has operators do what is left to do.
    pub(super) fn end_all_actions(&mut self) -> Step {
        while let Some(number) = self.actions.faults.keys().next().copied() {
            self.end_fault(number);
        }
        self.heal_disks();
        self.true_clocks();
        self.start_all();
        self.forget_wishes();
        Ok(())
    }

    /// What operators still have to do, if anything.
    pub(super) fn unfinished_business(&self) -> Option<String> {
        if let Some(upgrade) = self.actions.upgrades.values().next() {
            return Some(format!("{} is being upgraded", self.nodes[upgrade.at].id));
        }
        self.unfinished_wish()
    }

    /// The chance of one action: it stays the same if others are taken out of the plan.
    fn chance(&self, number: usize) -> Random {
        let at = self.plan.actions.get(number).map_or(self.now, |planned| planned.at);
        Random::new(
            self.plan.seed ^ u64::try_from(at.as_micros()).unwrap_or_default().rotate_left(32),
            "actions",
        )
    }
}

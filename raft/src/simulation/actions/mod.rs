//! Carries out what a plan says: faults, their ends, and what operators do.

use super::{
    plan::{Action, PowerLoss, Whom},
    trace::What,
    workload::Workload,
    world::{Step, World},
};

impl<W: Workload> World<W> {
    /// The planned action with this number begins.
    pub(super) fn begin_action(&mut self, number: usize) -> Step {
        let action = self.plan.actions[number].action.clone();
        self.note(None, What::Action(format!("{action:?}")));
        if let Action::Crash { whom, power, down } = action
            && let Some(at) = self.find(whom)
        {
            self.crash(at, power);
            self.plan_start(at, down);
        }
        if let Action::CrashAll { down } = self.plan.actions[number].action {
            for at in 0..self.nodes.len() {
                self.crash(at, PowerLoss::Whole);
                self.plan_start(at, down);
            }
        }
        Ok(())
    }

    /// It ends, or goes on with its next step.
    pub(super) fn step_action(&mut self, _number: usize, _step: usize) -> Step {
        Ok(())
    }

    /// Ends every fault that is on, and has operators do what is left to do.
    pub(super) fn end_all_actions(&mut self) -> Step {
        Ok(())
    }

    /// What operators still have to do, if anything.
    pub(super) fn unfinished_business(&self) -> Option<String> {
        None
    }

    fn find(&self, whom: Whom) -> Option<usize> {
        match whom {
            Whom::Node(id) => self.position(id),
            Whom::Leader => self.leader(),
            Whom::Follower => self.nodes.iter().position(|node| node.runs()),
        }
    }
}

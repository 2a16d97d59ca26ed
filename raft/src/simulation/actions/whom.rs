//! Who is meant, at that moment.

use super::super::{plan::Whom, workload::Workload, world::World};
use crate::consensus::Membership;

const NOBODY: &str = "nobody like that is there";

impl<W: Workload> World<W> {
    /// Where the node is that this action means.
    pub(super) fn find(&self, number: usize, whom: Whom) -> Result<usize, &'static str> {
        let found = match whom {
            Whom::Node(id) => self.position(id).filter(|at| !self.nodes[*at].is_retired),
            Whom::Leader => self.leader().or_else(|| self.any(number, |_| true)),
            Whom::Follower => {
                let (leader, members) = (self.leader(), self.membership());
                let is_member =
                    |at: usize| members.as_ref().is_none_or(|all| all.contains(self.nodes[at].id));
                self.any(number, |at| Some(at) != leader && is_member(at))
            }
        };
        found.ok_or(NOBODY)
    }

    /// Any node that runs, of those that are wanted.
    fn any(&self, number: usize, is_wanted: impl Fn(usize) -> bool) -> Option<usize> {
        let runs = |at: &usize| self.nodes[*at].runs() && is_wanted(*at);
        let all: Vec<usize> = (0..self.nodes.len()).filter(runs).collect();
        self.chance(number).pick(&all).copied()
    }

    /// The membership as the leader has it, if anybody leads.
    pub(super) fn membership(&self) -> Option<Membership> {
        let process = self.nodes[self.leader()?].process.as_ref()?;
        Some(process.driver.raw().status().membership)
    }
}

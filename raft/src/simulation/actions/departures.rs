//! Nodes that go for good: those that were removed, and those that have lost their disk.

use super::{
    super::{trace::What, workload::Workload, world::World},
    wish::{Goal, Wish},
};
use crate::{
    consensus::{Membership, NodeId},
    runtime::MembershipGoal,
};

impl<W: Workload> World<W> {
    /// A node with a damaged log is lost as soon as it has noticed. Should it run all the same, it is not trusted.
    pub(super) fn find_lost(&mut self) {
        let Some(at) = self.actions.damaged else { return };
        let node = &mut self.nodes[at];
        node.is_lost |= node.process.is_some();
        if node.is_lost {
            self.actions.damaged = None;
        }
    }

    /// The node that has lost its disk, if one has and is not replaced yet.
    pub(super) fn lost(&self) -> Option<usize> {
        self.nodes.iter().position(|node| node.is_lost)
    }

    /// A node that has lost its disk is replaced before anything else is done.
    pub(super) fn put_lost_first(&mut self, membership: &Membership) {
        let Some(at) = self.lost() else { return };
        let old = self.nodes[at].id;
        if !membership.contains(old) {
            self.retire(at);
            return;
        }
        let new = self.next_id();
        self.set_up_new(new);
        let goal = Goal::Operation(MembershipGoal::Replace { old, new });
        self.note(Some(old), What::Action(format!("is lost: {new} is to take its place")));
        self.actions.operators.wishes.push_front(Wish { goal, gone: vec![old] });
        // Whatever else happens, it is not replaced twice.
        self.actions.operators.is_begun = true;
    }

    /// Shuts down those who had their time, and without whom the others get along.
    pub(super) fn retire_those_due(&mut self) {
        let all = std::mem::take(&mut self.actions.operators.retiring);
        let (due, others): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(until, at)| *until <= self.now && self.is_dispensable(*at));
        self.actions.operators.retiring = others;
        due.into_iter().for_each(|(_, at)| self.retire(at));
    }

    /// Whether a node that was removed is not needed any more. Until a majority of the others knows that it was removed,
    /// nobody may be able to lead without its vote.
    fn is_dispensable(&self, at: usize) -> bool {
        let id = self.nodes[at].id;
        let is_gone = |membership: &Membership| !membership.contains(id);
        self.nodes[at].is_lost
            || self.membership().is_some_and(|all| is_gone(&all) && self.know(&all, None, is_gone))
    }

    /// Whether a majority of the voters runs and has a membership like this, one of them left aside.
    pub(super) fn know(
        &self,
        membership: &Membership,
        but: Option<NodeId>,
        is_like_this: impl Fn(&Membership) -> bool,
    ) -> bool {
        let voters = &membership.voters.incoming;
        let knows = |id: NodeId| {
            let process = self.position(id).and_then(|at| self.nodes[at].process.as_ref());
            process.is_some_and(|process| is_like_this(&process.driver.raw().status().membership))
        };
        let others = voters.voters().iter().filter(|voter| Some(**voter) != but);
        others.filter(|voter| knows(**voter)).count() >= voters.size()
    }

    /// A node is shut down for good.
    fn retire(&mut self, at: usize) {
        self.shut_down(at);
        let node = &mut self.nodes[at];
        (node.is_retired, node.is_lost) = (true, false);
    }
}

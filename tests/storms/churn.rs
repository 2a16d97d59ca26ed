//! The operator who changes the membership, at any time and in any way that is allowed.

use harness::Node;
use quorate::{ChangeStep, ConfChange, ConfChangeError, Membership, RoleKind, Storage, Transition};
use rand::Rng;

use crate::world::World;

impl World {
    /// Asks for a change, most often where it can be made.
    pub(crate) fn change_membership(&mut self) {
        let at = if self.chance(95) { self.any_leader() } else { Some(self.any_node()) };
        let Some(at) = at.filter(|at| self.runs(*at)) else { return };
        let is_joint = self.nodes[at].status().membership.voters.is_joint();
        let change = if is_joint && self.chance(60) { ConfChange::leave_joint() } else { self.draw_change() };
        if self.propose_change(at, &change) && self.profile.transfers > 0 && self.chance(20) {
            // To somebody who perhaps will have no vote by the time he has the log.
            let to = self.any_node();
            self.transfer(at, self.nodes[to].id());
        }
        self.perhaps_act(at);
    }

    fn draw_change(&mut self) -> ConfChange {
        let transitions = [Transition::Auto, Transition::Implicit, Transition::Explicit];
        let transition = if self.chance(60) { Transition::Auto } else { transitions[self.dice(3)] };
        let count = if self.chance(50) { 1 } else { self.dice(3) + 1 };
        ConfChange::of((0..count).map(|_| self.draw_step()).collect::<Vec<_>>(), transition)
    }

    fn draw_step(&mut self) -> ChangeStep {
        let at = self.any_node();
        let node = self.nodes[at].id();
        match self.random.random_range(0..8) {
            // Before a snapshot has told a node who votes, it could not stand for election; a cluster of such
            // nodes would have no leader ever.
            0..4 if knows_who_votes(&self.nodes[at]) => ChangeStep::AddVoter(node),
            0..6 => ChangeStep::AddLearner(node),
            _ => ChangeStep::Remove(node),
        }
    }

    /// Proposes a change; whether it was taken. It is refused only for the reason that is given.
    pub(crate) fn propose_change(&mut self, at: usize, change: &ConfChange) -> bool {
        let status = self.nodes[at].status();
        self.note(format_args!("{} change {change:?}", status.id));
        let Err(error) = self.nodes[at].raw().propose_conf_change(change) else { return true };
        let (is_true, what) = match &error {
            ConfChangeError::NotLeader { leader } => {
                (status.role != RoleKind::Leader && *leader == status.leader, "changes refused: not leader")
            }
            ConfChangeError::InFlight { index, applied } => {
                (index > applied && *applied == status.applied, "changes refused: in flight")
            }
            ConfChangeError::TermNotCommitted => {
                (status.hard_state.commit < status.last_index, "changes refused: term not committed")
            }
            ConfChangeError::TransferringLeadership { to } => {
                (self.handovers.may_be_under_way(status.id, *to), "changes refused: transferring")
            }
            ConfChangeError::Change(reason) => {
                (status.membership.after(change).as_ref() == Err(reason), "changes refused: no sense")
            }
            other => panic!("nobody knows this refusal: {other}"),
        };
        assert!(is_true, "{} refuses a change for no reason: {error}: {status:#?}", status.id);
        self.counts.count(what);
        false
    }

    /// A node that leads, if one does: the one in the newest term, or another that does not know it is deposed.
    pub(crate) fn any_leader(&mut self) -> Option<usize> {
        let leaders: Vec<_> = (0..self.nodes.len()).filter(|at| self.nodes[*at].leads()).collect();
        if leaders.is_empty() { None } else { Some(leaders[self.dice(leaders.len())]) }
    }
}

fn knows_who_votes(node: &Node) -> bool {
    let is_told = |membership: &Membership| *membership != Membership::default();
    let from_snapshot = Storage::snapshot(node.disk()).is_ok_and(|snapshot| is_told(&snapshot.membership));
    from_snapshot || is_told(node.founding())
}

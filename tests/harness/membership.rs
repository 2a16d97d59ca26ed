//! Who belongs to a cluster, and changes of that.

use quorate::{
    ChangeStep, ConfChange, ConfChangeError, Config, EntryId, EntryKind, LogIndex, Membership, NodeId,
    RawNode, Storage, Transition,
};

use crate::Cluster;

/// This node is to vote.
#[must_use]
pub const fn add_voter(node: u64) -> ChangeStep {
    ChangeStep::AddVoter(NodeId(node))
}

/// This node is to receive the log and not to vote.
#[must_use]
pub const fn add_learner(node: u64) -> ChangeStep {
    ChangeStep::AddLearner(NodeId(node))
}

/// This node is to go.
#[must_use]
pub const fn remove(node: u64) -> ChangeStep {
    ChangeStep::Remove(NodeId(node))
}

impl Cluster {
    /// Voters with empty logs, and nodes that know of them and do not belong to the cluster yet; those have the
    /// highest numbers.
    #[must_use]
    pub fn with_spares(voters: u64, spares: u64) -> Self {
        Self::with_spares_and_config(voters, spares, |_| {})
    }

    /// The same, with a configuration for each node.
    pub fn with_spares_and_config(voters: u64, spares: u64, change: impl FnMut(&mut Config)) -> Self {
        Self::build(&Membership::of_voters((1..=voters).map(NodeId)), spares, change, |_, _| {})
    }

    /// Proposes a change at a node; what it sends is on the network then.
    ///
    /// # Errors
    /// Why the node refuses it.
    pub fn try_change(&mut self, id: u64, change: &ConfChange) -> Result<EntryId, ConfChangeError> {
        self.on(id, |raw| raw.propose_conf_change(change))
    }

    /// Proposes a change: a single step is made at once, several through a joint configuration that the leader
    /// leaves by itself.
    ///
    /// # Panics
    /// If it is refused.
    pub fn change(&mut self, id: u64, steps: impl IntoIterator<Item = ChangeStep>) -> EntryId {
        self.try_change(id, &ConfChange::of(steps, Transition::Auto)).expect("the change is taken")
    }

    /// Makes a change of one step, and lets everything be said that there is to say.
    ///
    /// # Panics
    /// If it is refused.
    pub fn change_by(&mut self, id: u64, step: ChangeStep) {
        self.change(id, [step]);
        self.settle();
    }

    /// Proposes a change through a joint configuration that lasts until [`leave_joint`](Self::leave_joint).
    ///
    /// # Panics
    /// If it is refused.
    pub fn enter_joint(&mut self, id: u64, steps: impl IntoIterator<Item = ChangeStep>) -> EntryId {
        self.try_change(id, &ConfChange::of(steps, Transition::Explicit)).expect("the change is taken")
    }

    /// Proposes to leave the joint configuration.
    ///
    /// # Panics
    /// If it is refused.
    pub fn leave_joint(&mut self, id: u64) -> EntryId {
        self.try_change(id, &ConfChange::leave_joint()).expect("the change is taken")
    }

    /// The membership that is in force at a node, as text.
    #[must_use]
    pub fn membership(&self, id: u64) -> String {
        self.status(id).membership.to_string()
    }

    /// Where changes of membership stand in the log on a node's disk.
    ///
    /// # Panics
    /// If the disk contradicts itself.
    #[must_use]
    pub fn changes(&self, id: u64) -> Vec<u64> {
        let disk = self.at(id).disk();
        let (first, last) = (disk.first_index().unwrap(), disk.last_index().unwrap());
        let entry = |index| disk.entries(LogIndex(index), LogIndex(index), 1).unwrap();
        let is_change = |index: &u64| entry(*index).iter().any(|entry| entry.kind() == EntryKind::ConfChange);
        (first.0..=last.0).filter(is_change).collect()
    }

    /// `lost` is cut off; `successor` is elected by those who no longer wait for it.
    ///
    /// # Panics
    /// If it is not elected.
    pub fn succeed(&mut self, lost: u64, successor: u64) {
        self.isolate(lost);
        for id in self.ids().filter(|id| *id != lost) {
            self.on(id, RawNode::forget_leader);
        }
        self.elect(successor);
    }
}

//! What can be seen of a node from outside.

use super::{
    progress::Progress,
    quorum::Membership,
    role::RoleKind,
    storage::HardState,
    types::{LogIndex, NodeId},
};

/// A node at one moment, for people and for tests.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The node.
    pub id: NodeId,
    /// Its term, its vote, and its commit index.
    pub hard_state: HardState,
    /// What it is.
    pub role: RoleKind,
    /// Who leads, as far as it knows.
    pub leader: Option<NodeId>,
    /// Who belongs to the cluster.
    pub membership: Membership,
    /// The last entry in its log.
    pub last_index: LogIndex,
    /// How far its log is durable.
    pub durable: LogIndex,
    /// How far its state machine has applied the log.
    pub applied: LogIndex,
    /// If it leads: every other member, as it sees them. Empty otherwise.
    pub progress: Vec<(NodeId, Progress)>,
    /// If it leads: how many bytes of its entries wait to be committed, or to be durable on its own disk.
    pub uncommitted_bytes: usize,
    /// How many reads wait to be confirmed or answered, also those of followers if it leads.
    pub pending_reads: usize,
    /// How many messages came too late to mean anything, since the node was made.
    pub ignored: u64,
    /// The elections that it stood for, since the node was made.
    pub elections: Elections,
}

/// What has become of a node's attempts to be elected, since it was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Elections {
    /// How often it asked whether it would be elected.
    pub pre_votes: u64,
    /// How often it stood for election.
    pub begun: u64,
    /// How often it was elected.
    pub won: u64,
}

impl Elections {
    /// How often it was not elected, for a node that now has `role`: a candidate's last election is still open.
    #[must_use]
    pub fn lost(&self, role: RoleKind) -> u64 {
        self.begun - self.won - u64::from(role == RoleKind::Candidate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_election_is_lost_when_it_is_over_and_was_not_won() {
        let elections = Elections { pre_votes: 9, begun: 5, won: 2 };
        assert_eq!(elections.lost(RoleKind::Candidate), 2, "the fifth is still open");
        assert_eq!(elections.lost(RoleKind::Follower), 3);
    }
}

//! What a node is in its term, and what it knows only as such (Figure 4). Each role owns its data, so that
//! nothing of it outlives the role.

use super::{
    accepted_forwards::AcceptedForwards,
    progress::ProgressSet,
    quorum::{Joint, VoteResult},
    reads::LeaderReads,
    transfer::PendingTransfer,
    types::{LogIndex, NodeId},
};

// A tag of its own: without one it hides in a field, and who asks for the role, as each call does, has to decode it.
#[repr(u8)]
pub(super) enum Role {
    Follower { leader: Option<NodeId> },
    PreCandidate(Ballot),
    Candidate(Candidate),
    Leader(Box<Leader>),
}

/// What a node is in its term.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoleKind {
    /// Takes entries from a leader, or waits for one.
    Follower,
    /// Asks whether it would be elected.
    PreCandidate,
    /// Stands for election.
    Candidate,
    /// Was elected.
    Leader,
}

impl RoleKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Follower, Self::PreCandidate, Self::Candidate, Self::Leader];
}

/// What a leader knows.
pub(super) struct Leader {
    pub(super) progress: ProgressSet,
    pub(super) reads: LeaderReads,
    pub(super) accepted: AcceptedForwards,
    /// Leadership is being handed over.
    pub(super) transfer: Option<PendingTransfer>,
    /// Somebody was told to stand for election in this term. That word may arrive at any time, also long after the
    /// transfer was given up, and no voter then waits for a lease to end.
    pub(super) has_told_to_stand: bool,
    /// No change of membership in the log stands beyond this index.
    pub(super) latest_change: LogIndex,
    /// The blank entry that opened the term. Entries from here on are of the own term, those before are not.
    pub(super) first_of_term: LogIndex,
    /// What the own term's entries weigh that are not committed yet, or not durable here.
    pub(super) uncommitted_bytes: usize,
    /// Entries up to here do not count among them any more.
    pub(super) settled: LogIndex,
    /// Since the last heartbeat.
    pub(super) heartbeat_elapsed: u32,
}

impl Leader {
    /// To whom leadership is being handed over.
    pub(super) fn transfer_target(&self) -> Option<NodeId> {
        self.transfer.as_ref().map(|transfer| transfer.to)
    }
}

impl Role {
    pub(super) const fn kind(&self) -> RoleKind {
        match self {
            Self::Follower { .. } => RoleKind::Follower,
            Self::PreCandidate(_) => RoleKind::PreCandidate,
            Self::Candidate(_) => RoleKind::Candidate,
            Self::Leader(_) => RoleKind::Leader,
        }
    }

    pub(super) fn as_leader(&self) -> Option<&Leader> {
        if let Self::Leader(leader) = self { Some(leader) } else { None }
    }

    pub(super) fn as_leader_mut(&mut self) -> Option<&mut Leader> {
        if let Self::Leader(leader) = self { Some(leader) } else { None }
    }
}

/// What a candidate knows.
pub(super) struct Candidate {
    pub(super) ballot: Ballot,
    /// The write that makes its own vote durable. Until then that vote does not count: a node that is a quorum by
    /// itself would otherwise lead a term that a crash makes it forget, and lead it once more with other entries.
    pub(super) vote_write: u64,
}

/// The votes that one election has brought in so far.
#[derive(Default)]
pub(super) struct Ballot {
    answers: Vec<(NodeId, bool)>,
}

impl Ballot {
    /// Counts an answer. Only a node's first one counts, however often it arrives.
    pub(super) fn record(&mut self, node: NodeId, granted: bool) {
        if self.answer(node).is_none() {
            self.answers.push((node, granted));
        }
    }

    fn answer(&self, node: NodeId) -> Option<bool> {
        self.answers.iter().find(|(voter, _)| *voter == node).map(|(_, granted)| *granted)
    }

    pub(super) fn result(&self, voters: &Joint) -> VoteResult {
        voters.vote_result(|node| self.answer(node))
    }
}

impl std::fmt::Display for RoleKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Follower => "follower",
            Self::PreCandidate => "pre-candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::quorum::Membership;

    #[test]
    fn a10_a_vote_that_arrives_twice_counts_once() {
        let voters = Membership::of_voters((1..=5).map(NodeId)).voters;
        let mut ballot = Ballot::default();
        ballot.record(NodeId(1), true);
        ballot.record(NodeId(2), true);
        ballot.record(NodeId(2), true);
        ballot.record(NodeId(2), false);
        assert_eq!(ballot.result(&voters), VoteResult::Pending);
        ballot.record(NodeId(3), true);
        assert_eq!(ballot.result(&voters), VoteResult::Won);
    }
}

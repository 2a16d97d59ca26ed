//! One or two sets of voters that must both agree.

use super::{Majority, VoteResult};
use crate::consensus::types::NodeId;

/// The voters in force: the incoming set and, during a change of membership, the outgoing one too (§6).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Joint {
    /// The voters; during a change, those that stay when it is over.
    pub incoming: Majority,
    /// During a change, the voters before it; empty otherwise.
    pub outgoing: Majority,
}

impl Joint {
    /// Whether a change of membership is under way, so that two majorities are needed.
    #[must_use]
    pub fn is_joint(&self) -> bool {
        !self.outgoing.voters().is_empty()
    }

    /// Whether `node` votes in either set.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.incoming.contains(node) || self.outgoing.contains(node)
    }

    /// All who vote, ascending, each once.
    pub fn voters(&self) -> impl Iterator<Item = NodeId> {
        let leaving = self.outgoing.voters().iter().filter(|node| !self.incoming.contains(**node));
        let mut all: Vec<_> = self.incoming.voters().iter().chain(leaving).copied().collect();
        all.sort_unstable();
        all.into_iter()
    }

    /// The highest value that a majority of each set has reached; 0 if nobody votes.
    pub fn agreed(&self, mut reached: impl FnMut(NodeId) -> u64) -> u64 {
        let incoming = self.incoming.agreed(&mut reached);
        let outgoing = if self.is_joint() { self.outgoing.agreed(&mut reached) } else { None };
        match (incoming, outgoing) {
            (Some(incoming), Some(outgoing)) => incoming.min(outgoing),
            (Some(agreed), None) | (None, Some(agreed)) => agreed,
            // Deviation: a set of nobody agrees to all, but a cluster of nobody must not commit anything.
            (None, None) => 0,
        }
    }

    /// How an election stands: won in both sets, lost in either, or pending.
    pub fn vote_result(&self, mut answer: impl FnMut(NodeId) -> Option<bool>) -> VoteResult {
        let incoming = self.incoming.vote_result(&mut answer);
        let outgoing = self.outgoing.vote_result(&mut answer);
        match (incoming, outgoing) {
            (VoteResult::Lost, _) | (_, VoteResult::Lost) => VoteResult::Lost,
            (VoteResult::Won, VoteResult::Won) => VoteResult::Won,
            (VoteResult::Pending, _) | (_, VoteResult::Pending) => VoteResult::Pending,
        }
    }

    /// Whether the nodes for which `active` holds are a quorum.
    pub fn is_quorum(&self, mut active: impl FnMut(NodeId) -> bool) -> bool {
        self.vote_result(|node| Some(active(node))) == VoteResult::Won
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joint(incoming: &[u64], outgoing: &[u64]) -> Joint {
        let set = |ids: &[u64]| Majority::new(ids.iter().map(|id| NodeId(*id)).collect());
        Joint { incoming: set(incoming), outgoing: set(outgoing) }
    }

    #[test]
    fn both_sets_must_agree() {
        let voters = joint(&[1, 2, 3], &[3, 4, 5]);
        let reached = |node: NodeId| if node.0 <= 3 { 9 } else { 4 };
        assert_eq!(voters.agreed(reached), 4, "only one of 3, 4, 5 has more than 4");
        assert_eq!(voters.vote_result(|node| (node.0 <= 3).then_some(true)), VoteResult::Pending);
        assert_eq!(voters.vote_result(|node| Some(node.0 <= 3)), VoteResult::Lost);
        assert_eq!(voters.vote_result(|node| Some(node.0 <= 4)), VoteResult::Won);
    }

    #[test]
    fn a_voter_of_both_sets_is_named_once() {
        assert_eq!(joint(&[1, 4], &[4, 2]).voters().collect::<Vec<_>>(), [NodeId(1), NodeId(2), NodeId(4)]);
    }

    #[test]
    fn a_cluster_of_nobody_agrees_on_nothing() {
        assert_eq!(joint(&[], &[]).agreed(|_| 9), 0);
    }
}

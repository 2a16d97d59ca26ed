//! What an operator wants the membership to be, and the steps that lead there.

use super::membership_operation::MembershipError;
use crate::consensus::{ChangeStep, Membership, NodeId};

/// What the membership is to be: see the methods of [`Handle`](super::Handle) of the same names.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum MembershipGoal {
    /// This node is a learner.
    AddLearner(NodeId),
    /// This node is a voter.
    AddVoter(NodeId),
    /// This node does not belong to the cluster.
    Remove(NodeId),
    /// One node is what another was.
    Replace {
        /// Who goes.
        old: NodeId,
        /// Who comes.
        new: NodeId,
    },
    /// These belong to the cluster, and nobody else.
    Set {
        /// Who votes.
        voters: Vec<NodeId>,
        /// Who only receives the log.
        learners: Vec<NodeId>,
    },
}

impl MembershipGoal {
    /// The steps from `membership` to what is wanted; none if it is there.
    pub(super) fn steps(&self, membership: &Membership) -> Result<Vec<ChangeStep>, MembershipError> {
        let steps = match self {
            Self::AddLearner(node) => as_learner(membership, *node).into_iter().collect(),
            Self::AddVoter(node) => as_voter(membership, *node).into_iter().collect(),
            Self::Remove(node) if membership.contains(*node) => vec![ChangeStep::Remove(*node)],
            Self::Remove(_) => Vec::new(),
            Self::Replace { old, new } => replacement(membership, *old, *new)?,
            Self::Set { voters, learners } => {
                let is_kept = |node: &NodeId| voters.contains(node) || learners.contains(node);
                let gone = membership.members().filter(|node| !is_kept(node));
                let learners = learners.iter().filter(|node| !voters.contains(node));
                let voters = voters.iter().filter_map(|node| as_voter(membership, *node));
                let learners = learners.filter_map(|node| as_learner(membership, *node));
                voters.chain(learners).chain(gone.map(ChangeStep::Remove)).collect()
            }
        };
        Ok(steps)
    }
}

fn as_voter(membership: &Membership, node: NodeId) -> Option<ChangeStep> {
    (!membership.voters.contains(node)).then_some(ChangeStep::AddVoter(node))
}

fn as_learner(membership: &Membership, node: NodeId) -> Option<ChangeStep> {
    (!membership.learners.contains(&node)).then_some(ChangeStep::AddLearner(node))
}

/// The new node becomes what the old one was.
fn replacement(
    membership: &Membership,
    old: NodeId,
    new: NodeId,
) -> Result<Vec<ChangeStep>, MembershipError> {
    if old == new {
        return Ok(Vec::new());
    }
    let step = match (membership.voters.contains(old), membership.contains(old)) {
        (true, _) => as_voter(membership, new),
        (false, true) if !membership.voters.contains(new) => as_learner(membership, new),
        (false, true) => None,
        (false, false) => return Err(MembershipError::NotMember { node: old }),
    };
    Ok(step.into_iter().chain([ChangeStep::Remove(old)]).collect())
}

//! What an operator wants the membership to be.

use crate::{
    consensus::{ChangeStep, ConfChange, Membership, NodeId, Transition},
    runtime::MembershipGoal,
    simulation::plan::JointTransition,
};

/// What an operator wants, and who goes for good when it is done.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) goal: Goal,
    pub(super) gone: Vec<NodeId>,
}

/// What the membership is to be.
#[derive(Clone, Debug)]
pub(super) enum Goal {
    /// The runtime is to see to it.
    Operation(MembershipGoal),
    /// These voters and learners more, and these members less, all at once through a joint configuration.
    Joint { voters: Vec<NodeId>, learners: Vec<NodeId>, gone: Vec<NodeId>, transition: JointTransition },
}

impl Goal {
    /// Whether the membership is what is wanted.
    pub(super) fn is_reached(&self, membership: &Membership) -> bool {
        let votes = |node: &NodeId| membership.voters.incoming.contains(*node);
        let learns = |node: &NodeId| membership.learners.contains(node);
        if membership.voters.is_joint() {
            return false;
        }
        match self {
            Self::Operation(MembershipGoal::AddVoter(node)) => votes(node),
            Self::Operation(MembershipGoal::AddLearner(node)) => learns(node),
            Self::Operation(MembershipGoal::Remove(node)) => !membership.contains(*node),
            Self::Operation(MembershipGoal::Replace { old, new }) => {
                membership.contains(*new) && !membership.contains(*old)
            }
            Self::Operation(MembershipGoal::Set { voters, learners }) => {
                voters.iter().all(votes) && learners.iter().all(learns)
            }
            Self::Joint { voters, learners, gone, .. } => {
                voters.iter().all(votes)
                    && learners.iter().all(learns)
                    && !gone.iter().any(|node| membership.contains(*node))
            }
        }
    }

    /// Who is to belong to the cluster, and may not do so yet.
    pub(super) fn newcomers(&self) -> impl Iterator<Item = NodeId> {
        let all = match self {
            Self::Operation(MembershipGoal::AddVoter(node) | MembershipGoal::AddLearner(node)) => vec![*node],
            Self::Operation(MembershipGoal::Replace { new, .. }) => vec![*new],
            Self::Operation(MembershipGoal::Remove(_)) => Vec::new(),
            Self::Operation(MembershipGoal::Set { voters, learners })
            | Self::Joint { voters, learners, .. } => [&voters[..], &learners[..]].concat(),
        };
        all.into_iter()
    }

    /// The change that leads to it through a joint configuration, unless the runtime is to see to it.
    pub(super) fn change(&self) -> Option<ConfChange> {
        let Self::Joint { voters, learners, gone, transition } = self else { return None };
        let voters = voters.iter().map(|node| ChangeStep::AddVoter(*node));
        let learners = learners.iter().map(|node| ChangeStep::AddLearner(*node));
        let gone = gone.iter().map(|node| ChangeStep::Remove(*node));
        let transition = match transition {
            JointTransition::Auto => Transition::Auto,
            JointTransition::Implicit => Transition::Implicit,
            JointTransition::Explicit => Transition::Explicit,
        };
        Some(ConfChange::of(voters.chain(learners).chain(gone), transition))
    }
}

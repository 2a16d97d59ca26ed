//! What an operator wants the membership to be.

use std::time::Duration;

use super::{
    super::{
        plan::{JointTransition, Whom},
        workload::Workload,
        world::World,
    },
    Done,
};
use crate::{
    consensus::{ChangeStep, ConfChange, Membership, NodeId, Transition},
    runtime::MembershipGoal,
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

impl<W: Workload> World<W> {
    pub(super) fn wish_voter(&mut self, node: NodeId) -> Done {
        self.wish(Goal::Operation(MembershipGoal::AddVoter(node)), Vec::new())
    }

    pub(super) fn wish_learner(&mut self, node: NodeId) -> Done {
        self.wish(Goal::Operation(MembershipGoal::AddLearner(node)), Vec::new())
    }

    pub(super) fn wish_removal(&mut self, number: usize, whom: Whom) -> Done {
        let gone = self.nodes[self.find(number, whom)?].id;
        self.wish(Goal::Operation(MembershipGoal::Remove(gone)), vec![gone])
    }

    pub(super) fn wish_replacement(&mut self, number: usize, whom: Whom, new: NodeId) -> Done {
        let old = self.nodes[self.find(number, whom)?].id;
        if old == new {
            return Err("it would take its own place");
        }
        self.wish(Goal::Operation(MembershipGoal::Replace { old, new }), vec![old])
    }

    pub(super) fn wish_joint_change(
        &mut self,
        voters: &[NodeId],
        learners: &[NodeId],
        gone: &[NodeId],
        transition: JointTransition,
    ) -> Done {
        let goal = Goal::Joint {
            voters: voters.to_vec(),
            learners: learners.to_vec(),
            gone: gone.to_vec(),
            transition,
        };
        self.wish(goal, gone.to_vec())
    }

    fn wish(&mut self, goal: Goal, gone: Vec<NodeId>) -> Done {
        for new in goal.newcomers() {
            match self.position(new) {
                Some(at) if self.is_gone(at) => return Err("a node of that number has gone for good"),
                Some(_) => {}
                None => self.set_up_new(new),
            }
        }
        self.actions.operators.wishes.push_back(Wish { goal, gone });
        self.wake_operators();
        Ok(())
    }

    /// A node that belongs to no cluster yet. It is told who founded the one that it is to join; the log tells the rest.
    pub(super) fn set_up_new(&mut self, id: NodeId) {
        let at = self.set_up(id, self.plan.founders());
        self.plan_start(at, Duration::ZERO);
    }

    /// A wish for a node that has gone since is given up.
    pub(super) fn check_newcomers(&mut self) {
        let Some(wish) = self.actions.operators.wishes.front() else { return };
        if wish.goal.newcomers().any(|id| self.position(id).is_some_and(|at| self.is_gone(at))) {
            self.drop_wish("its node has gone for good");
        }
    }

    /// Whether a node will not come back, or is about to go.
    fn is_gone(&self, at: usize) -> bool {
        let is_retiring = self.actions.operators.retiring.iter().any(|(_, retiring)| *retiring == at);
        self.nodes[at].is_retired || self.nodes[at].is_lost || is_retiring
    }

    /// A number that no node has, and that the plan has for none.
    pub(super) fn next_id(&self) -> NodeId {
        let planned = self.plan.actions.iter().flat_map(|planned| planned.action.newcomers());
        let all = self.nodes.iter().map(|node| node.id).chain(planned);
        NodeId(1 + all.map(|id| id.0).max().unwrap_or_default())
    }
}

//! Who could come and go: the membership as it would be if every change succeeded.

use crate::{
    consensus::NodeId,
    simulation::{
        plan::{Action, JointTransition, Plan, Whom},
        random::Random,
    },
};

/// No cluster grows beyond this.
const VOTERS_MAX: usize = 7;
const LEARNERS_MAX: usize = 3;

/// Who votes, who learns, and who comes next.
pub(super) struct Members {
    voters: Vec<NodeId>,
    learners: Vec<NodeId>,
    spares: Vec<NodeId>,
    next: u64,
}

impl Members {
    pub(super) fn of(plan: &Plan) -> Self {
        let (voters, learners) = (plan.voters, plan.voters + plan.learners);
        let all = learners + plan.spares;
        let ids = |from: u64, to: u64| (from + 1..=to).map(NodeId).collect();
        Self {
            voters: ids(0, voters),
            learners: ids(voters, learners),
            spares: ids(learners, all),
            next: all + 1,
        }
    }

    /// All who belong to the cluster.
    pub(super) fn all(&self) -> Vec<NodeId> {
        [&self.voters[..], &self.learners[..]].concat()
    }

    /// A spare node, or one that is to be set up.
    fn newcomer(&mut self) -> NodeId {
        self.spares.pop().unwrap_or_else(|| {
            self.next += 1;
            NodeId(self.next - 1)
        })
    }

    fn take(from: &mut Vec<NodeId>, random: &mut Random) -> Option<NodeId> {
        if from.is_empty() { None } else { Some(from.remove(random.index(from.len()))) }
    }

    /// A new voter, or a learner that is promoted.
    pub(super) fn add_voter(&mut self, random: &mut Random) -> Option<Action> {
        if self.voters.len() >= VOTERS_MAX {
            return None;
        }
        let promoted = if random.per_mille(500) { Self::take(&mut self.learners, random) } else { None };
        let node = promoted.unwrap_or_else(|| self.newcomer());
        self.voters.push(node);
        Some(Action::AddVoter { node })
    }

    /// A new learner, or a voter that is demoted.
    pub(super) fn add_learner(&mut self, random: &mut Random) -> Option<Action> {
        if self.learners.len() >= LEARNERS_MAX {
            return None;
        }
        let demotes = self.voters.len() > 2 && random.per_mille(400);
        let demoted = if demotes { Self::take(&mut self.voters, random) } else { None };
        let node = demoted.unwrap_or_else(|| self.newcomer());
        self.learners.push(node);
        Some(Action::AddLearner { node })
    }

    /// Somebody goes, but not the last voter.
    pub(super) fn remove(&mut self, random: &mut Random) -> Option<Action> {
        let learner = if random.per_mille(300) { Self::take(&mut self.learners, random) } else { None };
        if learner.is_none() && self.voters.len() < 2 {
            return None;
        }
        let node = learner.or_else(|| Self::take(&mut self.voters, random))?;
        let whom = if learner.is_none() && random.per_mille(200) { Whom::Leader } else { Whom::Node(node) };
        Some(Action::Remove { whom })
    }

    /// Somebody new in the place of another.
    pub(super) fn replace(&mut self, random: &mut Random) -> Option<Action> {
        let old = Self::take(&mut self.voters, random)?;
        let new = self.newcomer();
        self.voters.push(new);
        let whom = if random.per_mille(200) { Whom::Leader } else { Whom::Node(old) };
        Some(Action::Replace { whom, new })
    }

    /// Some come and some go at once.
    pub(super) fn change_jointly(&mut self, random: &mut Random) -> Option<Action> {
        let gone: Vec<_> =
            (0..random.below(3)).filter_map(|_| Self::take(&mut self.voters, random)).collect();
        let room = VOTERS_MAX.saturating_sub(self.voters.len());
        // Somebody votes in any case.
        let least = usize::from(self.voters.is_empty());
        let voters: Vec<_> = (0..least.max(random.index(3)).min(room)).map(|_| self.newcomer()).collect();
        let learns = self.learners.len() < LEARNERS_MAX && random.per_mille(300);
        let learners: Vec<_> = learns.then(|| self.newcomer()).into_iter().collect();
        self.voters.extend(&voters);
        self.learners.extend(&learners);
        let transition = match random.below(3) {
            0 => JointTransition::Auto,
            1 => JointTransition::Implicit,
            _ => JointTransition::Explicit,
        };
        let is_something = !(gone.is_empty() && voters.is_empty() && learners.is_empty());
        is_something.then_some(Action::ChangeJointly { voters, learners, gone, transition })
    }
}

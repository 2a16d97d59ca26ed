//! Changes of membership, and memberships, in the terms of both libraries.

use quorate::{ChangeStep, ConfChange, Membership, NodeId, Transition};
use raft::eraftpb::{self, ConfChangeSingle, ConfChangeTransition, ConfChangeType, ConfChangeV2, ConfState};

/// Who belongs to the cluster, and as what; all ascending.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Members {
    /// Those who vote.
    pub voters: Vec<u64>,
    /// Those who vote too while two sets of voters decide.
    pub outgoing: Vec<u64>,
    /// Those who only receive the log.
    pub learners: Vec<u64>,
    /// Outgoing voters who will be learners.
    pub learners_next: Vec<u64>,
    /// Whether the leader ends the joint configuration by itself.
    pub auto_leave: bool,
}

impl Members {
    /// Whether `id` votes in either set.
    #[must_use]
    pub fn has_voter(&self, id: u64) -> bool {
        self.voters.contains(&id) || self.outgoing.contains(&id)
    }

    pub(crate) fn of_ours(membership: &Membership) -> Self {
        let ids = |nodes: &[NodeId]| sorted(nodes.iter().map(|node| node.0).collect());
        Self {
            voters: ids(membership.voters.incoming.voters()),
            outgoing: ids(membership.voters.outgoing.voters()),
            learners: ids(&membership.learners),
            learners_next: ids(&membership.learners_next),
            auto_leave: membership.auto_leave,
        }
    }

    pub(crate) fn of_theirs(state: &ConfState) -> Self {
        Self {
            voters: sorted(state.voters.clone()),
            outgoing: sorted(state.voters_outgoing.clone()),
            learners: sorted(state.learners.clone()),
            learners_next: sorted(state.learners_next.clone()),
            auto_leave: state.auto_leave,
        }
    }
}

fn sorted(mut ids: Vec<u64>) -> Vec<u64> {
    ids.sort_unstable();
    ids
}

/// A change of ours as raft-rs has it.
pub(crate) fn to_theirs(change: &ConfChange) -> ConfChangeV2 {
    let mut theirs = ConfChangeV2::default();
    theirs.set_transition(match change.transition {
        Transition::Auto => ConfChangeTransition::Auto,
        Transition::Implicit => ConfChangeTransition::Implicit,
        Transition::Explicit => ConfChangeTransition::Explicit,
    });
    theirs.set_changes(change.steps.iter().map(step_to_theirs).collect::<Vec<_>>().into());
    theirs.context = change.context.to_vec().into();
    theirs
}

fn step_to_theirs(step: &ChangeStep) -> ConfChangeSingle {
    let (kind, node) = match step {
        ChangeStep::AddVoter(node) => (ConfChangeType::AddNode, node),
        ChangeStep::AddLearner(node) => (ConfChangeType::AddLearnerNode, node),
        ChangeStep::Remove(node) => (ConfChangeType::RemoveNode, node),
    };
    let mut single = ConfChangeSingle::default();
    single.set_change_type(kind);
    single.node_id = node.0;
    single
}

/// One step in raft-rs's older form, if the change is no more than that.
pub(crate) fn to_single(change: &ConfChange) -> Option<eraftpb::ConfChange> {
    let [step] = change.steps[..] else { return None };
    if change.transition != Transition::Auto {
        return None;
    }
    let step = step_to_theirs(&step);
    let mut single = eraftpb::ConfChange::default();
    single.set_change_type(step.get_change_type());
    single.node_id = step.node_id;
    single.context = change.context.to_vec().into();
    Some(single)
}

pub(crate) fn ours_in_words(change: &ConfChange) -> String {
    let step = |step: &ChangeStep| match step {
        ChangeStep::AddVoter(node) => format!(" +{}", node.0),
        ChangeStep::AddLearner(node) => format!(" ~{}", node.0),
        ChangeStep::Remove(node) => format!(" -{}", node.0),
    };
    let steps: String = change.steps.iter().map(step).collect();
    format!("change {:?}{steps} {}", change.transition, String::from_utf8_lossy(&change.context))
}

pub(crate) fn theirs_in_words(change: &ConfChangeV2) -> String {
    let step = |single: &ConfChangeSingle| match single.get_change_type() {
        ConfChangeType::AddNode => format!(" +{}", single.node_id),
        ConfChangeType::AddLearnerNode => format!(" ~{}", single.node_id),
        ConfChangeType::RemoveNode => format!(" -{}", single.node_id),
    };
    let steps: String = change.get_changes().iter().map(step).collect();
    format!("change {:?}{steps} {}", change.get_transition(), String::from_utf8_lossy(&change.context))
}

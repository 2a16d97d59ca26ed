//! Changes of membership: from one [`Membership`] to the next (§6, thesis §4.3).

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{Joint, Majority, Membership};
use crate::consensus::types::NodeId;

/// A change of membership, as it stands in the log.
///
/// One step of at most one voter can be made at once, because the majorities before and after it overlap (thesis
/// §4.1). Anything else goes through a joint configuration, in which both majorities decide (§6).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ConfChange {
    /// How to get there.
    pub transition: Transition,
    /// What to change, in this order. Nothing at all: leave the joint configuration.
    pub steps: Vec<ChangeStep>,
    /// Anything the proposer wants to find again when the change is applied.
    pub context: Bytes,
}

/// How a change gets from the old membership to the new one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Transition {
    /// At once if it is a single step, else jointly; the leader leaves the joint configuration by itself.
    #[default]
    Auto,
    /// Jointly in any case; the leader leaves by itself.
    Implicit,
    /// Jointly in any case, until [`ConfChange::leave_joint`] is proposed.
    Explicit,
}

/// One step of a change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChangeStep {
    /// Make this node a voter: a new one, or a learner.
    AddVoter(NodeId),
    /// Make this node a learner: a new one, or a voter that is demoted.
    AddLearner(NodeId),
    /// Take this node out.
    Remove(NodeId),
}

/// Why a change cannot be made in the present membership.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// A joint configuration is in force.
    #[error("a joint configuration is in force: leave it first")]
    AlreadyJoint,
    /// No joint configuration is in force.
    #[error("no joint configuration is in force: there is nothing to leave")]
    NotJoint,
    /// Nobody would be left to vote.
    #[error("the change would remove the last voter")]
    NoVoters,
    /// The membership is empty, so that the first change would make whoever it adds a cluster of its own.
    #[error("nobody votes here yet: start this node from the founding membership, or wait for a snapshot")]
    NotFounded,
    /// 0 means "nobody".
    #[error("node 0 cannot be a member: number nodes from 1")]
    ZeroId,
}

impl ConfChange {
    /// One step, made at once.
    #[must_use]
    pub fn single(step: ChangeStep) -> Self {
        Self { steps: vec![step], ..Self::default() }
    }

    /// Several steps at once.
    pub fn of(steps: impl IntoIterator<Item = ChangeStep>, transition: Transition) -> Self {
        Self { transition, steps: steps.into_iter().collect(), context: Bytes::new() }
    }

    /// Ends the joint configuration.
    #[must_use]
    pub fn leave_joint() -> Self {
        Self::default()
    }

    /// Whether this ends a joint configuration.
    #[must_use]
    pub fn is_leave(&self) -> bool {
        self.transition == Transition::Auto && self.steps.is_empty()
    }

    fn is_joint(&self) -> bool {
        self.transition != Transition::Auto || self.steps.len() > 1
    }

    /// The change as the data of an entry: the transition, the number of steps, each step's kind and node, then the
    /// context.
    #[must_use]
    pub fn to_data(&self) -> Bytes {
        let mut data = BytesMut::with_capacity(5 + 9 * self.steps.len() + self.context.len());
        data.put_u8(match self.transition {
            Transition::Auto => 0,
            Transition::Implicit => 1,
            Transition::Explicit => 2,
        });
        data.put_u32(u32::try_from(self.steps.len()).unwrap_or(u32::MAX));
        for step in &self.steps {
            let (kind, node) = match step {
                ChangeStep::AddVoter(node) => (0, node),
                ChangeStep::Remove(node) => (1, node),
                ChangeStep::AddLearner(node) => (2, node),
            };
            data.put_u8(kind);
            data.put_u64(node.0);
        }
        data.put_slice(&self.context);
        data.freeze()
    }

    /// Reads a change back; `None` if `data` holds something else.
    #[must_use]
    pub fn from_data(data: &Bytes) -> Option<Self> {
        let mut data = data.clone();
        let transition = match data.try_get_u8().ok()? {
            0 => Transition::Auto,
            1 => Transition::Implicit,
            2 => Transition::Explicit,
            _ => return None,
        };
        let count = data.try_get_u32().ok()?;
        let mut steps = Vec::new();
        for _ in 0..count {
            let kind = data.try_get_u8().ok()?;
            let node = NodeId(data.try_get_u64().ok()?);
            steps.push(match kind {
                0 => ChangeStep::AddVoter(node),
                1 => ChangeStep::Remove(node),
                2 => ChangeStep::AddLearner(node),
                _ => return None,
            });
        }
        Some(Self { transition, steps, context: data })
    }
}

impl Membership {
    /// The membership after `change`. All nodes get the same from the same, also the same refusal.
    ///
    /// # Errors
    /// [`ChangeError`] if the change makes no sense here.
    pub fn after(&self, change: &ConfChange) -> Result<Self, ChangeError> {
        let node = |step: &ChangeStep| match step {
            ChangeStep::AddVoter(node) | ChangeStep::AddLearner(node) | ChangeStep::Remove(node) => *node,
        };
        if change.steps.iter().any(|step| node(step).0 == 0) {
            return Err(ChangeError::ZeroId);
        }
        self.after_committed(change)
    }

    /// The same for a change that is committed, perhaps by a leader of another library.
    pub(in crate::consensus) fn after_committed(&self, change: &ConfChange) -> Result<Self, ChangeError> {
        if self.voters.incoming.voters().is_empty() {
            return Err(ChangeError::NotFounded);
        }
        if change.is_leave() {
            return self.after_joint();
        }
        if self.voters.is_joint() {
            return Err(ChangeError::AlreadyJoint);
        }
        let mut next = self.clone();
        if change.is_joint() {
            next.voters.outgoing = self.voters.incoming.clone();
            next.auto_leave = change.transition != Transition::Explicit;
        }
        for step in &change.steps {
            next.take(*step);
        }
        if next.voters.incoming.voters().is_empty() {
            return Err(ChangeError::NoVoters);
        }
        Ok(next)
    }

    fn after_joint(&self) -> Result<Self, ChangeError> {
        if !self.voters.is_joint() {
            return Err(ChangeError::NotJoint);
        }
        let mut learners = [&self.learners[..], &self.learners_next[..]].concat();
        learners.sort_unstable();
        let voters = Joint { incoming: self.voters.incoming.clone(), outgoing: Majority::default() };
        Ok(Self { voters, learners, learners_next: Vec::new(), auto_leave: false })
    }

    fn take(&mut self, step: ChangeStep) {
        let (ChangeStep::AddVoter(node) | ChangeStep::AddLearner(node) | ChangeStep::Remove(node)) = step;
        if node.0 == 0 {
            // There is no such node. raft-rs skips the step and goes on with the others, so ours must.
            return;
        }
        let mut voters = self.voters.incoming.voters().to_vec();
        voters.retain(|voter| *voter != node);
        self.learners.retain(|learner| *learner != node);
        self.learners_next.retain(|learner| *learner != node);
        match step {
            ChangeStep::AddVoter(_) => voters.push(node),
            // §4.2.2 of the thesis: while the outgoing voters decide too, this one still votes among them, so it
            // becomes a learner only afterwards.
            ChangeStep::AddLearner(_) if self.voters.outgoing.contains(node) => self.learners_next.push(node),
            ChangeStep::AddLearner(_) => self.learners.push(node),
            ChangeStep::Remove(_) => {}
        }
        self.learners.sort_unstable();
        self.learners_next.sort_unstable();
        self.voters.incoming = Majority::new(voters);
    }
}

#[cfg(test)]
mod tests;

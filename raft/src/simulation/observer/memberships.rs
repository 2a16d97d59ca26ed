//! Who belonged to the cluster when.

use super::{
    super::{
        counts::{Count, Counts},
        violation::{Broken, ensure},
    },
    Observer,
    promise::{CONFIGURATIONS, ELECTED_BY_QUORUM},
    turn::{Before, Shown},
};
use crate::consensus::{ConfChange, EntryId, LogIndex, Membership, NodeId, RoleKind};

/// Up to so many voters, every pair of quorums is looked at.
const VOTERS_MAX: usize = 12;

/// Every membership that was ever committed, in order.
///
/// That no two leaders ever commit through quorums without a common node follows from what is checked: memberships in a
/// row have none, each entry is committed by the one that its leader has in force or had just before, and a leader is
/// elected by the latest but one at worst.
pub(super) struct Memberships {
    /// Each with the entry that made it, the founding one first.
    sequence: Vec<(LogIndex, Membership)>,
}

/// Whether so many of the voters are a quorum: arithmetic of its own, so that the library's is put to the test.
pub(super) fn is_quorum(membership: &Membership, holds: impl Fn(NodeId) -> bool) -> bool {
    let majority = |set: &[NodeId]| set.iter().filter(|node| holds(**node)).count() * 2 > set.len();
    let (incoming, outgoing) = (membership.voters.incoming.voters(), membership.voters.outgoing.voters());
    majority(incoming) && (outgoing.is_empty() || majority(outgoing))
}

impl Memberships {
    pub(super) fn of(founders: Membership) -> Self {
        Self { sequence: vec![(LogIndex::ZERO, founders)] }
    }

    /// Which of all memberships the log up to an index makes, counted from the founding one.
    pub(super) fn number_at(&self, index: LogIndex) -> usize {
        self.sequence.partition_point(|(made, _)| *made <= index).saturating_sub(1)
    }

    /// The membership that the log up to an index makes.
    pub(super) fn at(&self, index: LogIndex) -> &Membership {
        &self.sequence[self.number_at(index)].1
    }

    /// Whether these are a quorum by one of the memberships that the log makes between two indexes.
    pub(super) fn has_quorum(&self, from: LogIndex, to: LogIndex, holds: impl Fn(NodeId) -> bool) -> bool {
        let (first, last) = (self.number_at(from), self.number_at(to.max(from)));
        self.sequence[first..=last].iter().any(|(_, membership)| is_quorum(membership, &holds))
    }

    /// A change of membership is committed.
    pub(super) fn change(
        &mut self,
        id: EntryId,
        change: &ConfChange,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        let before = self.at(id.index);
        let next = before.after(change).map_err(|error| {
            let message = format!("{id} was proposed, and makes no sense when it is committed: {error}");
            Broken::new(CONFIGURATIONS, message)
        })?;
        ensure(do_overlap(before, &next), CONFIGURATIONS, || {
            format!("quorums of {before}, and of {next} after {id}, need have no common node")
        })?;
        counts.count(Count::ConfChanges);
        if next.voters.is_joint() {
            counts.count(Count::JointConfigurations);
        }
        self.sequence.push((id.index, next));
        Ok(())
    }
}

/// Whether no quorum of one can do without the other: else each could elect a leader, or commit an entry, of its own.
pub(super) fn do_overlap(before: &Membership, next: &Membership) -> bool {
    let mut voters: Vec<_> = before.voters.voters().chain(next.voters.voters()).collect();
    voters.sort_unstable();
    voters.dedup();
    if voters.len() > VOTERS_MAX {
        return true;
    }
    let is_among = |some: u32, node: NodeId| {
        voters.iter().position(|v| *v == node).is_some_and(|at| some >> at & 1 == 1)
    };
    (0..1_u32 << voters.len()).all(|some| {
        !is_quorum(before, |node| is_among(some, node)) || !is_quorum(next, |node| !is_among(some, node))
    })
}

impl Observer {
    /// In force is what those entries make that were given out here, or the latest snapshot; and nothing else.
    pub(super) fn check_in_force(
        &self,
        id: NodeId,
        before: &Before,
        shown: &Shown<'_>,
    ) -> Result<(), Broken> {
        let node = &self.nodes[&id];
        let expected = self.memberships.at(node.in_force());
        let is_unfounded = node.is_unfounded && *shown.membership == Membership::default();
        ensure(shown.membership == expected || is_unfounded, CONFIGURATIONS, || {
            format!(
                "{id} goes by {}, and its log up to {} says {expected}",
                shown.membership,
                node.in_force()
            )
        })?;
        let stands = |role| matches!(role, RoleKind::PreCandidate | RoleKind::Candidate);
        if stands(shown.role) && !before.role.is_some_and(stands) {
            self.check_stands(id, before)
        } else {
            Ok(())
        }
    }

    /// Whoever stands for election votes, and has put in force what it had known to be committed.
    fn check_stands(&self, id: NodeId, before: &Before) -> Result<(), Broken> {
        let in_force = self.nodes[&id].in_force();
        let (was, is) = (self.memberships.at(before.in_force), self.memberships.at(in_force));
        let votes = was.voters.contains(id) || is.voters.contains(id);
        ensure(votes, ELECTED_BY_QUORUM, || format!("{id} stands for election, and does not vote: {is}"))?;
        let known = before.hard_state.commit;
        let is_current = self.memberships.number_at(in_force) >= self.memberships.number_at(known);
        ensure(is_current, ELECTED_BY_QUORUM, || {
            format!("{id} stands for election by {is}, and knows entries up to {known} to be committed")
        })
    }
}

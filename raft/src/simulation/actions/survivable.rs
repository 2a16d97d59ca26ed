//! Never more harm than Raft promises to survive.
//!
//! A disk that lost what it had promised counts as one node less, for ever. So one node at a time loses its disk, in a
//! cluster of at least three voters, and the next only when it was replaced. Meanwhile nobody makes the cluster smaller:
//! operators change nothing before they have replaced it, and no disk is lost while they are at something else, since a
//! change that nobody knows the outcome of may still come into force. Nor is one lost before a majority of the others
//! knows the membership: those who know only an earlier one may need the vote of a node that was removed since.

use super::super::{workload::Workload, world::World};
use super::Done;

/// As many voters as it takes that one of them may be lost.
const VOTERS_MIN: usize = 3;

impl<W: Workload> World<W> {
    /// Whether this node may lose its disk now, or why not.
    pub(super) fn check_survivable(&self, at: usize) -> Done {
        let Some(membership) = self.membership() else { return Err("nobody leads who could replace it") };
        if self.lost().is_some() {
            return Err("another node is lost already");
        }
        if self.actions.operators.are_busy() {
            return Err("a change of membership is under way");
        }
        let id = self.nodes[at].id;
        if !membership.contains(id) {
            return Err("it is no member");
        }
        if membership.voters.is_joint() || membership.voters.incoming.voters().len() < VOTERS_MIN {
            return Err("too few vote");
        }
        if !self.know(&membership, Some(id), |known| *known == membership) {
            return Err("too few of the others know the membership");
        }
        Ok(())
    }
}

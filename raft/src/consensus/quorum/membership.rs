//! Who belongs to the cluster.

use super::{Joint, Majority};
use crate::consensus::types::NodeId;

/// Who belongs to the cluster, and as what.
///
/// Part of every snapshot, because the log that told of the changes is gone (§7).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Membership {
    /// Those who vote.
    pub voters: Joint,
    /// Those who receive the log and do not vote, ascending (thesis §4.2.1).
    pub learners: Vec<NodeId>,
    /// Voters of the outgoing set who become learners when the change is over, ascending.
    pub learners_next: Vec<NodeId>,
    /// Whether the leader ends the joint configuration by itself, as soon as it is committed.
    pub auto_leave: bool,
}

impl Membership {
    /// A cluster of these voters, as it is when it first starts.
    pub fn of_voters(voters: impl IntoIterator<Item = NodeId>) -> Self {
        let incoming = Majority::new(voters.into_iter().collect());
        Self { voters: Joint { incoming, outgoing: Majority::default() }, ..Self::default() }
    }

    /// Whether `node` belongs to the cluster, as anything.
    #[must_use]
    pub fn contains(&self, node: NodeId) -> bool {
        self.voters.contains(node) || self.learners.contains(&node)
    }

    /// All who belong to the cluster, ascending, each once.
    pub fn members(&self) -> impl Iterator<Item = NodeId> {
        let mut all: Vec<_> = self.voters.voters().chain(self.learners.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all.into_iter()
    }
}

impl std::fmt::Display for Membership {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let list = |nodes: &[NodeId]| nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "voters=[{}]", list(self.voters.incoming.voters()))?;
        if self.voters.is_joint() {
            write!(f, " outgoing=[{}]", list(self.voters.outgoing.voters()))?;
        }
        if !self.learners.is_empty() {
            write!(f, " learners=[{}]", list(&self.learners))?;
        }
        if !self.learners_next.is_empty() {
            write!(f, " learners_next=[{}]", list(&self.learners_next))?;
        }
        if self.auto_leave { f.write_str(" auto_leave") } else { Ok(()) }
    }
}

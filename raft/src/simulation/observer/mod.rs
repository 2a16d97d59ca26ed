//! Sees everything that happens in a cluster, and says when a promise of Raft is broken.
//!
//! It knows what no node can know: what every disk holds for certain, which entries there ever were, and what is
//! committed. After each step it compares that with what the node shows, gives out and sends. `promise` lists what is
//! promised.
//!
//! | file | |
//! |---|---|
//! | `promise` | the promises, each with its name |
//! | `log`, `entries` | the ids of a log; every entry that ever was |
//! | `node` | what was last seen of a node |
//! | `disks`, `recovery` | what each disk holds for certain; what a process finds there |
//! | `elections`, `commits`, `memberships` | votes and leaders; what is committed; who belonged to the cluster |
//! | `turn` | what a node shows of itself, and in which order that is looked at |
//! | `writes`, `state_machines` | what was given out to be written; what was given out to be applied, and answered |
//! | `messages` | what nodes say |
//! | `limits` | what is bounded |

mod commits;
mod disks;
mod elections;
mod entries;
mod limits;
mod log;
mod memberships;
mod messages;
mod node;
mod promise;
mod recovery;
mod state_machines;
#[cfg(test)]
mod tests;
mod turn;
mod writes;

use std::collections::{BTreeMap, BTreeSet};

use commits::Commits;
use elections::Elections;
use entries::Entries;
use limits::Limits;
use memberships::Memberships;
use node::Observed;
use promise::{NOTHING_LOST, RECOVERY, SNAPSHOTS};
use recovery::{Found, TakenUp};

pub(super) use turn::Turn;

use super::{
    plan::Plan,
    violation::{Broken, ensure},
};
use crate::{
    consensus::{EntryId, LogIndex, Membership, NodeId},
    runtime::{Driver, Writer},
    state_machine::StateMachine,
    storage::disk::DiskStorage,
};

/// Remembers everything that was ever seen.
pub(super) struct Observer {
    nodes: BTreeMap<NodeId, Observed>,
    entries: Entries,
    elections: Elections,
    commits: Commits,
    memberships: Memberships,
    limits: Limits,
}

impl Observer {
    /// Before anything happens.
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            nodes: BTreeMap::new(),
            entries: Entries::default(),
            elections: Elections::default(),
            commits: Commits::default(),
            memberships: Memberships::of(plan.founders()),
            limits: Limits::of(plan.nodes.config(NodeId(1), plan.seed)),
        }
    }

    fn node(&mut self, id: NodeId) -> &mut Observed {
        self.nodes.entry(id).or_default()
    }

    /// A process was started from what its disk holds.
    pub(super) fn on_started<S: StateMachine>(
        &mut self,
        id: NodeId,
        driver: &Driver<S>,
        writer: &Writer<DiskStorage>,
    ) -> Result<(), Broken> {
        let found = Found::on(writer.storage()).map_err(|error| Broken::new(RECOVERY, error.to_string()))?;
        let status = driver.raw().status();
        let is_unfounded = found.membership.is_none() && status.membership == Membership::default();
        let taken = TakenUp { hard_state: status.hard_state, applied: status.applied, is_unfounded };
        self.take_up(id, &found, &taken)
    }

    /// A disk begins to write all that a driver has given out.
    pub(super) fn on_begun(&mut self, id: NodeId) {
        self.node(id).disk.begin();
    }

    /// All that was begun to be written is done; whether a snapshot that was to come into force is. Up to where the log
    /// is durable, if that is news.
    pub(super) fn on_written(&mut self, id: NodeId, is_compacted: bool) -> Option<LogIndex> {
        self.node(id).disk.finish(is_compacted)
    }

    /// A process has ended.
    pub(super) fn on_stopped(&mut self, id: NodeId) {
        let node = self.node(id);
        node.disk.stop();
        (node.role, node.leader, node.applied) = (None, None, None);
    }

    /// A node's disk is lost, with all that it had promised.
    pub(super) fn on_disk_lost(&mut self, id: NodeId) {
        let node = self.node(id);
        let lost = node.lost.take().or_else(|| Some(node.disk.durable().log.clone()));
        *node = Observed { may_be_damaged: true, lost, ..Observed::default() };
        self.elections.forget_votes_of(id);
    }

    /// A node's log was damaged on its disk.
    pub(super) fn on_damaged(&mut self, id: NodeId) {
        self.node(id).may_be_damaged = true;
    }

    /// Whether a node may refuse its log.
    pub(super) fn may_be_damaged(&self, id: NodeId) -> bool {
        self.nodes.get(&id).is_some_and(|node| node.may_be_damaged)
    }

    /// A snapshot is made, sent or taken: it stands for what is committed, and says who belongs to the cluster.
    fn check_snapshot(&self, id: NodeId, last: EntryId, membership: &Membership) -> Result<(), Broken> {
        self.commits.check(last)?;
        let expected = self.memberships.at(last.index);
        let is_unfounded = self.nodes.get(&id).is_some_and(|node| node.is_unfounded);
        ensure(membership == expected || is_unfounded, SNAPSHOTS, || {
            format!("snapshot {last} says {membership}, and its entries say {expected}")
        })
    }

    /// What must hold of these members when all is over.
    pub(super) fn check_end(&self, members: &BTreeSet<NodeId>) -> Result<(), Broken> {
        let last = self.commits.last();
        for (id, node) in self.nodes.iter().filter(|(id, _)| members.contains(id)) {
            ensure(node.applied == Some(last.index), NOTHING_LOST, || {
                format!("{id} has applied {:?}, and {last} is committed", node.applied)
            })?;
            let durable = node.disk.durable();
            ensure(durable.log.may_hold(last), NOTHING_LOST, || {
                format!("{id} does not hold {last}, which is committed: {durable}")
            })?;
        }
        Ok(())
    }
}

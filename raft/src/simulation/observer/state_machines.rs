//! What state machines are given, contain, and answer.

use super::{
    super::{
        counts::{Count, Counts},
        violation::{Broken, ensure},
    },
    Observer,
    promise::{DURABLE_ON_QUORUM, MONOTONIC, READS, SNAPSHOTS, STATE_MACHINE_SAFETY},
};
use crate::consensus::{Entries, EntryId, LogIndex, NodeId};

/// Something given out for a state machine.
pub(super) enum HandedOut<'a> {
    Entries(&'a [Entries]),
    Snapshot(EntryId),
}

impl Observer {
    /// Something was given out for a state machine: what comes next in the log, committed and durable here.
    pub(super) fn hand_out(
        &mut self,
        id: NodeId,
        commit: LogIndex,
        given: &HandedOut<'_>,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        let last = match given {
            HandedOut::Snapshot(last) => {
                counts.count(Count::SnapshotsInstalled);
                self.hand_out_snapshot(id, *last)?
            }
            HandedOut::Entries(runs) => self.hand_out_entries(id, runs)?,
        };
        ensure(last.index <= commit, STATE_MACHINE_SAFETY, || {
            format!("{last} is to be applied, and only {commit} is known to be committed")
        })?;
        let durable = self.node(id).disk.durable();
        ensure(durable.log.may_hold(last), DURABLE_ON_QUORUM, || {
            format!("{last} is to be applied on {id}, and is not durable there: {durable}")
        })?;
        self.commits.check(last)
    }

    fn hand_out_snapshot(&mut self, id: NodeId, last: EntryId) -> Result<EntryId, Broken> {
        let node = self.node(id);
        ensure(last.index > node.handed_out.index, SNAPSHOTS, || {
            format!("snapshot {last} is to be restored after {}", node.handed_out)
        })?;
        let held = node.disk.durable().snapshot;
        ensure(held.index >= last.index, SNAPSHOTS, || {
            format!("snapshot {last} is to be restored; the disk has {held}")
        })?;
        node.applying.push_back((last.index, 0));
        node.handed_out = last;
        Ok(last)
    }

    fn hand_out_entries(&mut self, id: NodeId, runs: &[Entries]) -> Result<EntryId, Broken> {
        let node = self.nodes.entry(id).or_default();
        let (mut last, mut bytes) = (node.handed_out, 0);
        for entry in runs.iter().flat_map(|run| run.iter()) {
            ensure(entry.id.index == last.index.next(), STATE_MACHINE_SAFETY, || {
                format!("{} is to be applied after {last}", entry.id)
            })?;
            self.entries.meet(last, entry)?;
            (last, bytes) = (entry.id, bytes + entry.size());
        }
        self.limits.check_batch(runs, bytes, node.applying_bytes())?;
        node.applying.push_back((last.index, bytes));
        node.handed_out = last;
        Ok(last)
    }

    /// A state machine contains everything up to here.
    pub(in crate::simulation) fn on_applied(&mut self, id: NodeId, index: LogIndex) -> Result<(), Broken> {
        let node = self.node(id);
        let before = node.applied.replace(index);
        while node.applying.front().is_some_and(|(last, _)| *last <= index) {
            node.applying.pop_front();
        }
        let given_out = node.handed_out;
        ensure(index <= given_out.index, STATE_MACHINE_SAFETY, || {
            format!("{index} is applied, and only {given_out} was given out")
        })?;
        ensure(before <= Some(index), MONOTONIC, || format!("applied {before:?} -> {index}"))
    }

    /// How far a node's state machine has come.
    pub(in crate::simulation) fn applied(&self, id: NodeId) -> Option<LogIndex> {
        self.nodes.get(&id)?.applied
    }

    /// The last entry that any node knows to be committed: an answer to whoever asks now must know it.
    pub(in crate::simulation) fn committed(&self) -> LogIndex {
        self.commits.last().index
    }

    /// A node has answered somebody who asked when everything up to `committed` was.
    pub(in crate::simulation) fn on_answered(&self, id: NodeId, committed: LogIndex) -> Result<(), Broken> {
        let applied = self.applied(id);
        ensure(applied >= Some(committed), READS, || {
            format!(
                "the answer knows what is applied up to {applied:?}; {committed} was committed when it was asked for"
            )
        })
    }
}

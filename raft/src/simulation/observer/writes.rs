//! What nodes give out to be written: the logs that they make of it.

use super::{
    super::violation::{Broken, ensure},
    Observer,
    disks::Write,
    log::Log,
    promise::{LEADER_APPEND_ONLY, LOG_MATCHING, SNAPSHOTS, STATE_MACHINE_SAFETY},
    turn::{Before, Shown},
};
use crate::{
    consensus::{Entry, EntryKind, LogIndex, NodeId, Ready, Snapshot, Term},
    runtime::WriteJob,
};

impl Observer {
    /// Something was given out to be written. The term that the node was elected in, if that shows by it.
    pub(super) fn stage(
        &mut self,
        id: NodeId,
        before: &Before,
        shown: &Shown<'_>,
        job: &WriteJob,
    ) -> Result<Option<Term>, Broken> {
        let mut elected = None;
        match job {
            WriteJob::Compact { snapshot, .. } => {
                self.stage_own_snapshot(id, snapshot)?;
            }
            WriteJob::Write(ready) => {
                self.stage_snapshot(id, ready)?;
                let leads = before.leads.filter(|term| *term == shown.hard_state.term);
                for entry in ready.entries.iter().flat_map(|run| run.iter()) {
                    elected = self.stage_entry(id, entry, leads, before.hard_state.commit)?.or(elected);
                }
            }
        }
        self.node(id).disk.stage(Write::of(job));
        Ok(elected)
    }

    fn stage_own_snapshot(&mut self, id: NodeId, snapshot: &Snapshot) -> Result<(), Broken> {
        let last = snapshot.last;
        self.check_snapshot(id, last, &snapshot.membership)?;
        let given_out = self.node(id).handed_out;
        ensure(last.index <= given_out.index, SNAPSHOTS, || {
            format!("snapshot {last} is ahead of the state machine, which was given {given_out}")
        })
    }

    fn stage_snapshot(&mut self, id: NodeId, ready: &Ready) -> Result<(), Broken> {
        let Some(snapshot) = &ready.snapshot else { return Ok(()) };
        self.check_snapshot(id, snapshot.last, &snapshot.membership)?;
        let node = self.node(id);
        node.log = Log::after(snapshot.last);
        node.installed = snapshot.last.index;
        node.is_unfounded = false;
        node.changes.clear();
        Ok(())
    }

    fn stage_entry(
        &mut self,
        id: NodeId,
        entry: &Entry,
        leads: Option<Term>,
        commit: LogIndex,
    ) -> Result<Option<Term>, Broken> {
        // Only the leader of a term creates its entries.
        let is_new = !self.entries.may_know(entry.id);
        let elected = if is_new { self.note_leader(id, entry.id.term)? } else { None };
        self.limits.weigh(entry);
        let node = self.node(id);
        if entry.id.index <= node.log.last().index {
            ensure(leads.is_none(), LEADER_APPEND_ONLY, || {
                format!("the leader replaces its {} by {}", node.log.last(), entry.id)
            })?;
            ensure(entry.id.index > commit, STATE_MACHINE_SAFETY, || {
                format!("{} replaces an entry that is committed", entry.id)
            })?;
            node.changes.retain(|change| *change < entry.id.index);
        }
        let follows = node.log.append(entry.id).map_err(|gap| {
            Broken::new(LOG_MATCHING, format!("{} follows {} in the log of {id}", entry.id, gap.last))
        })?;
        node.changes.extend((entry.kind() == EntryKind::ConfChange).then_some(entry.id.index));
        self.entries.meet(follows, entry)?;
        Ok(elected)
    }
}

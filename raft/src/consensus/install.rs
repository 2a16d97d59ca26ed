//! Snapshots from the leader, for a log that is too far behind to catch up entry by entry (§7).

use slog::{debug, info};

use super::{
    error::StepError,
    message::Message,
    raft::Raft,
    storage::Snapshot,
    types::{LogIndex, NodeId, Term},
};

impl Raft {
    /// The leader sends its state machine in place of entries that it no longer has.
    pub(super) fn on_snapshot_request(
        &mut self,
        leader: NodeId,
        snapshot: Box<Snapshot>,
    ) -> Result<(), StepError> {
        let last = snapshot.last;
        let exists = last.index == LogIndex::ZERO || last.term > Term::ZERO;
        if !exists || last.term > self.term || last.index > LogIndex::LAST {
            return Err(StepError::MalformedSnapshot { from: leader, last, term: self.term });
        }
        if snapshot.membership.voters.incoming.voters().is_empty() {
            return Err(StepError::SnapshotWithoutVoters { from: leader, last });
        }
        let matched = if self.is_stale(&snapshot) {
            debug!(self.logger, "snapshot {last} holds nothing new -> ignore"; "commit" => %self.log.committed());
            self.log.committed()
        } else if self.log.contains(last)? {
            // Figure 13, 6: the log has the snapshot's last entry; then it has all before, and they are committed.
            info!(self.logger, "the log holds {last} already -> only commit up to there");
            self.log.commit_to(last.index);
            last.index
        } else {
            info!(self.logger, "snapshot {last} is ahead of the log -> install it");
            let overtaken = std::mem::replace(&mut self.membership, snapshot.membership.clone());
            // Of several that wait, the first has found the state machine where it still is.
            self.overtaken.get_or_insert(overtaken);
            self.log.restore(snapshot);
            last.index
        };
        self.send_after_write(leader, Message::AppendAccepted { matched });
        Ok(())
    }

    /// A snapshot that holds no more than what is committed here, or none at all, brings nothing.
    fn is_stale(&self, snapshot: &Snapshot) -> bool {
        snapshot.last.index <= self.log.committed() || snapshot.last.index == LogIndex::ZERO
    }

    /// The transport tells what became of a snapshot.
    pub(super) fn report_snapshot(&mut self, node: NodeId, arrived: bool) {
        if let Some(progress) = self.role.as_leader_mut().and_then(|leader| leader.progress.of_mut(node)) {
            progress.on_snapshot_ended(arrived);
        }
    }
}

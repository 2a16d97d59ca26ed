//! What was last seen of a node.

use std::collections::VecDeque;

use super::{disks::Disk, log::Log};
use crate::consensus::{EntryId, HardState, LogIndex, NodeId, RoleKind, Term};

/// What was last seen of a node.
#[derive(Default)]
pub(super) struct Observed {
    pub(super) disk: Disk,
    /// What was durable on the disk that it has lost. Others still count on that: Raft survives so much.
    pub(super) lost: Option<Log>,
    pub(super) hard_state: HardState,
    /// None if it has no process, or has done nothing yet.
    pub(super) role: Option<RoleKind>,
    pub(super) leader: Option<NodeId>,
    /// Its log as of its last Ready.
    pub(super) log: Log,
    /// The changes of membership in its log that it does not know to be committed.
    pub(super) changes: Vec<LogIndex>,
    /// The last snapshot that it has taken from a leader: the membership in it is in force at once.
    pub(super) installed: LogIndex,
    /// The last entry that was given out for its state machine.
    pub(super) handed_out: EntryId,
    /// The last entry that its state machine contains; none if it has no process.
    pub(super) applied: Option<LogIndex>,
    /// The batches that were given out and are not applied yet: the last entry of each, and its bytes.
    pub(super) applying: VecDeque<(LogIndex, usize)>,
    /// It was set up without a membership, and no snapshot has brought one yet.
    pub(super) is_unfounded: bool,
    /// Its disk was damaged, or lost.
    pub(super) may_be_damaged: bool,
    /// Counts its turns.
    pub(super) turns: u64,
}

impl Observed {
    /// The entry up to which changes of membership are in force.
    pub(super) fn in_force(&self) -> LogIndex {
        self.handed_out.index.max(self.installed)
    }

    /// The term that it leads, as it was last seen.
    pub(super) fn leads(&self) -> Option<Term> {
        (self.role == Some(RoleKind::Leader)).then_some(self.hard_state.term)
    }

    /// Whether it has an entry that others may count on: also if it can never again give it back.
    pub(super) fn has_acknowledged(&self, id: EntryId) -> bool {
        let logs = self.lost.iter().chain([&self.disk.durable().log]);
        logs.into_iter().any(|log| log.may_hold(id))
    }

    /// How many bytes wait for its state machine.
    pub(super) fn applying_bytes(&self) -> usize {
        self.applying.iter().map(|(_, bytes)| bytes).sum()
    }
}

//! What the [`Driver`](super::Driver) wants others to do, and what they report: the two ends of its two ports.

use super::{
    compaction::{SnapshotRequest, SnapshotTask},
    completion::Completion,
};
use crate::{
    consensus::{Entries, EntryId, LogIndex, Ready, Snapshot, SnapshotData, StorageError},
    state_machine::StateMachine,
};

/// Something for the storage, from [`Driver::take_write_jobs`](super::Driver::take_write_jobs) to
/// [`Writer::run`](super::Writer::run).
#[derive(Debug)]
pub enum WriteJob {
    /// Write what a Ready says: its number, snapshot, entries, hard state, and whether all that must be durable. The
    /// rest of it was taken out.
    Write(Box<Ready>),
    /// Put a snapshot in force that was saved before, and cut the log: see
    /// [`StorageWriter::compact`](crate::StorageWriter::compact).
    Compact {
        /// The snapshot.
        snapshot: Snapshot,
        /// How many of the entries that it contains stay in the log.
        keep: u64,
    },
}

/// What was written, from [`Writer::run`](super::Writer::run) to [`Driver::on_written`](super::Driver::on_written).
#[derive(Debug, Default)]
pub struct WriteReport {
    /// The last Ready that was written; it and all before it are durable.
    pub(super) number: u64,
    pub(super) readys: u64,
    pub(super) entries: u64,
    pub(super) syncs: u64,
    /// What became of the snapshot that was to be put in force, if there was one: up to where it goes.
    pub(super) compacted: Option<Result<LogIndex, StorageError>>,
}

impl WriteReport {
    /// Whether a snapshot that was to be put in force is.
    #[cfg(feature = "simulation")]
    pub(crate) fn is_compacted(&self) -> bool {
        matches!(self.compacted, Some(Ok(_)))
    }
}

/// Something for the state machine, from [`Driver::take_apply_jobs`](super::Driver::take_apply_jobs) to
/// [`Applier::run`](super::Applier::run).
pub enum ApplyJob<S: StateMachine> {
    /// Apply committed entries, and give the responses to those who wait for them.
    Apply(Batch<S::Response>),
    /// Answer queries. What they must know was handed out before, and jobs are carried out in order.
    Answer(Vec<(S::Query, Completion<S::Answer>)>),
    /// Become what a snapshot from the leader says.
    Restore {
        /// The last entry that it contains.
        last: EntryId,
        /// The state.
        data: SnapshotData,
    },
    /// Begin a snapshot of the state as it then is.
    BeginSnapshot(SnapshotRequest),
}

/// Committed entries, and who waits for which of them.
pub struct Batch<T> {
    pub(crate) runs: Vec<Entries>,
    /// The entries that somebody waits for.
    pub(super) awaited: Vec<LogIndex>,
    /// Who waits for each of these.
    pub(super) completions: Vec<Completion<T>>,
}

/// What was applied, from [`Applier::run`](super::Applier::run) to
/// [`Driver::on_applied`](super::Driver::on_applied).
#[derive(Default)]
pub struct ApplyReport {
    /// The last entry that the state machine contains, if that has changed.
    pub(super) applied: Option<LogIndex>,
    pub(super) entries: u64,
    pub(super) batches: u64,
    pub(super) restored: u64,
    /// How many clients were told of their command's response.
    pub(super) responses: usize,
    /// How many were given an answer to their query.
    pub(super) answers: usize,
    pub(super) snapshot_task: Option<SnapshotTask>,
}

impl ApplyReport {
    /// The last entry that the state machine contains, if that has changed.
    #[cfg(feature = "simulation")]
    pub(crate) fn applied(&self) -> Option<LogIndex> {
        self.applied
    }
}

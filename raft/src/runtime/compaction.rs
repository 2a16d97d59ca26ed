//! Cutting the log: when the next snapshot is due, and making it off the loop.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{cancellation::Cancellation, error::panic_message};
use crate::{
    consensus::{EntryId, LogIndex, Membership, Snapshot},
    state_machine::SnapshotWriter,
    storage::SnapshotSaver,
};

/// When the next snapshot of the state machine is due. One is made at a time.
pub(super) struct Compaction {
    after_bytes: usize,
    /// Handed out to be applied since the last snapshot was begun.
    bytes: usize,
    /// The last entry that the snapshot in storage contains, or will when it is written.
    kept: LogIndex,
    is_under_way: bool,
    saver: SharedSaver,
}

/// One task at a time has it; the driver gives it to the next.
type SharedSaver = Arc<Mutex<Box<dyn SnapshotSaver>>>;

/// What a snapshot is to contain.
pub struct SnapshotRequest {
    last: EntryId,
    membership: Membership,
    saver: SharedSaver,
}

/// A snapshot to be made and saved: to be [run](Self::run) away from the loop.
pub struct SnapshotTask {
    request: SnapshotRequest,
    write: SnapshotWriter,
    cancellation: Cancellation,
}

/// What became of a [`SnapshotTask`]; goes back to the [`Driver`](super::Driver).
pub struct SnapshotMade {
    pub(super) result: Result<Snapshot, String>,
}

impl Compaction {
    pub(super) fn new(after_bytes: usize, kept: LogIndex, saver: Box<dyn SnapshotSaver>) -> Self {
        Self { after_bytes, bytes: 0, kept, is_under_way: false, saver: Arc::new(Mutex::new(saver)) }
    }

    /// So many bytes of entries were handed out to be applied.
    pub(super) fn on_handed_out(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A snapshot from the leader takes the place of the log up to `last`.
    pub(super) fn on_snapshot_from_leader(&mut self, last: LogIndex) {
        (self.kept, self.bytes) = (last, 0);
    }

    /// Whether a snapshot up to `handed_out` should be begun, which the caller then does.
    pub(super) fn take_due(&mut self, handed_out: LogIndex) -> bool {
        let is_due = !self.is_under_way && self.bytes > self.after_bytes && handed_out > self.kept;
        if is_due {
            (self.is_under_way, self.bytes) = (true, 0);
        }
        is_due
    }

    /// The request for a snapshot up to `last`, as of which the cluster has this membership.
    pub(super) fn request(&self, last: EntryId, membership: Membership) -> SnapshotRequest {
        SnapshotRequest { last, membership, saver: Arc::clone(&self.saver) }
    }

    /// The one that was under way has ended.
    pub(super) fn on_ended(&mut self) {
        self.is_under_way = false;
    }

    /// Whether a snapshot up to `last` is newer than the one in storage; one from the leader may have overtaken
    /// it.
    pub(super) fn is_news(&self, last: LogIndex) -> bool {
        last > self.kept
    }

    pub(super) fn on_kept(&mut self, last: LogIndex) {
        self.kept = last;
    }
}

impl SnapshotTask {
    pub(super) fn new(request: SnapshotRequest, write: SnapshotWriter) -> Self {
        Self { request, write, cancellation: Cancellation::default() }
    }

    /// With which it can be called off while it runs.
    pub(super) fn cancellation(&self) -> Cancellation {
        self.cancellation.clone()
    }

    /// Makes the snapshot and saves it. Takes as long as the state machine and the disk take; a panic is part of the
    /// result.
    #[must_use]
    pub fn run(self) -> SnapshotMade {
        let Self { request: SnapshotRequest { last, membership, saver }, write, cancellation } = self;
        let write = cancellation.guard(write);
        let make = || saver.lock().save(last, membership, write).map_err(|error| error.to_string());
        let result = catch_unwind(AssertUnwindSafe(make))
            .unwrap_or_else(|payload| Err(format!("it panicked: {}", panic_message(&*payload))));
        SnapshotMade { result }
    }
}

impl SnapshotMade {
    /// The snapshot could not even be begun.
    pub(super) fn failed(why: String) -> Self {
        Self { result: Err(why) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{MemStorage, StorageWriter};

    fn compaction(after_bytes: usize, kept: LogIndex) -> Compaction {
        Compaction::new(after_bytes, kept, MemStorage::with_voters([]).snapshot_saver())
    }

    #[test]
    fn a_snapshot_is_due_after_so_many_bytes_and_one_at_a_time() {
        let mut compaction = compaction(100, LogIndex(5));
        compaction.on_handed_out(100);
        assert!(!compaction.take_due(LogIndex(9)));
        compaction.on_handed_out(1);
        assert!(!compaction.take_due(LogIndex(5)), "the one in storage contains as much");
        assert!(compaction.take_due(LogIndex(9)));
        compaction.on_handed_out(500);
        assert!(!compaction.take_due(LogIndex(12)));
        compaction.on_ended();
        assert!(compaction.take_due(LogIndex(12)));
    }

    #[test]
    fn a_snapshot_from_the_leader_overtakes_the_one_under_way() {
        let mut compaction = compaction(0, LogIndex(0));
        compaction.on_handed_out(1);
        assert!(compaction.take_due(LogIndex(3)));
        compaction.on_snapshot_from_leader(LogIndex(8));
        assert!(!compaction.is_news(LogIndex(3)));
    }
}

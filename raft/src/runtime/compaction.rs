//! Cutting the log: when the next snapshot is due, and making it off the loop.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::error::panic_message;
use crate::{
    consensus::{EntryId, LogIndex, Membership, Snapshot},
    state_machine::SnapshotWriter,
    storage::SnapshotSaver,
};

/// When the next snapshot of the state machine is due. One is made at a time.
pub(super) struct Compaction {
    after_bytes: usize,
    /// Applied since the last snapshot was begun.
    bytes: usize,
    /// The last entry that the snapshot in storage contains.
    kept: LogIndex,
    is_under_way: bool,
}

/// A snapshot to be made: to be [run](Self::run) away from the loop.
pub struct SnapshotTask {
    last: EntryId,
    membership: Membership,
    write: SnapshotWriter,
    saver: Box<dyn SnapshotSaver>,
}

/// What became of a [`SnapshotTask`]; goes back to the [`Driver`](super::Driver).
pub struct SnapshotMade {
    pub(super) result: Result<Snapshot, String>,
}

impl Compaction {
    pub(super) fn new(after_bytes: usize, kept: LogIndex) -> Self {
        Self { after_bytes, bytes: 0, kept, is_under_way: false }
    }

    pub(super) fn on_applied(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes);
    }

    /// A snapshot from the leader took the place of the log up to `last`.
    pub(super) fn on_restored(&mut self, last: LogIndex) {
        (self.kept, self.bytes) = (last, 0);
    }

    /// Whether a snapshot up to `applied` should be begun, which the caller then does.
    pub(super) fn take_due(&mut self, applied: LogIndex) -> bool {
        let is_due = !self.is_under_way && self.bytes > self.after_bytes && applied > self.kept;
        if is_due {
            (self.is_under_way, self.bytes) = (true, 0);
        }
        is_due
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
    pub(super) fn new(
        last: EntryId,
        membership: Membership,
        write: SnapshotWriter,
        saver: Box<dyn SnapshotSaver>,
    ) -> Self {
        Self { last, membership, write, saver }
    }

    /// Makes the snapshot, and saves it. Takes as long as the state machine and the disk take; a panic of it is part of the result.
    #[must_use]
    pub fn run(self) -> SnapshotMade {
        let Self { last, membership, write, saver } = self;
        let result = match catch_unwind(AssertUnwindSafe(|| saver.save(last, membership, write))) {
            Ok(saved) => saved.map_err(|error| error.to_string()),
            Err(payload) => Err(format!("the state machine panicked: {}", panic_message(&*payload))),
        };
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

    #[test]
    fn a_snapshot_is_due_after_so_many_bytes_and_one_at_a_time() {
        let mut compaction = Compaction::new(100, LogIndex(5));
        compaction.on_applied(100);
        assert!(!compaction.take_due(LogIndex(9)));
        compaction.on_applied(1);
        assert!(!compaction.take_due(LogIndex(5)), "the one in storage contains as much");
        assert!(compaction.take_due(LogIndex(9)));
        compaction.on_applied(500);
        assert!(!compaction.take_due(LogIndex(12)));
        compaction.on_ended();
        assert!(compaction.take_due(LogIndex(12)));
    }

    #[test]
    fn a_snapshot_from_the_leader_overtakes_the_one_under_way() {
        let mut compaction = Compaction::new(0, LogIndex(0));
        compaction.on_applied(1);
        assert!(compaction.take_due(LogIndex(3)));
        compaction.on_restored(LogIndex(8));
        assert!(!compaction.is_news(LogIndex(3)));
    }
}

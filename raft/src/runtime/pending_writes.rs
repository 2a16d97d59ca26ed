//! What waits until a write is durable.

use std::collections::VecDeque;

use crate::consensus::{EntryId, Envelope, SnapshotData};

/// Readys whose write is under way, oldest first, and what each wants done after it.
#[derive(Default)]
pub(super) struct PendingWrites {
    readys: VecDeque<PendingWrite>,
}

/// One Ready whose write, or whose predecessor's, is under way.
pub(super) struct PendingWrite {
    /// The Ready's.
    pub(super) number: u64,
    /// It has something that must be durable. If not, it waits for those before it, and no longer.
    pub(super) must_sync: bool,
    /// What promises that it is durable.
    pub(super) messages: Vec<Envelope>,
    /// What the state machine is to be restored from, once a crash cannot take it back.
    pub(super) restore: Option<(EntryId, SnapshotData)>,
}

impl PendingWrites {
    pub(super) fn push(&mut self, write: PendingWrite) {
        self.readys.push_back(write);
    }

    /// How many Readys wait.
    pub(super) fn len(&self) -> usize {
        self.readys.len()
    }

    /// The next one that waits no more, when all up to Ready `written` is durable.
    pub(super) fn take_done(&mut self, written: u64) -> Option<PendingWrite> {
        let is_done = |write: &PendingWrite| write.number <= written || !write.must_sync;
        if self.readys.front().is_some_and(is_done) { self.readys.pop_front() } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(writes: &mut PendingWrites, written: u64) -> Vec<u64> {
        std::iter::from_fn(|| writes.take_done(written)).map(|write| write.number).collect()
    }

    fn writes(readys: &[(u64, bool)]) -> PendingWrites {
        let mut writes = PendingWrites::default();
        for &(number, must_sync) in readys {
            writes.push(PendingWrite { number, must_sync, messages: Vec::new(), restore: None });
        }
        writes
    }

    #[test]
    fn what_need_not_be_durable_waits_only_for_what_must() {
        let mut writes = writes(&[(1, false), (2, true), (3, false), (4, true), (5, false)]);
        assert_eq!(done(&mut writes, 0), [1]);
        assert_eq!(done(&mut writes, 1), [0; 0]);
        assert_eq!(done(&mut writes, 2), [2, 3]);
        assert_eq!(done(&mut writes, 4), [4, 5]);
    }

    #[test]
    fn one_report_may_be_of_several() {
        let mut writes = writes(&[(1, true), (2, true), (4, true)]);
        assert_eq!(done(&mut writes, 3), [1, 2]);
        assert_eq!(writes.len(), 1);
    }
}

//! Which entries are on their way to the disk, and how far the log is durable.

use std::collections::VecDeque;

use crate::consensus::types::LogIndex;

/// The writes that Readys have handed out.
///
/// Writes are numbered and finish in that order. It is by number, not by entry, that they are reported: a log
/// whose tail was overwritten, and overwritten again with what stood there first, holds the same entry ids
/// as before while the disk is still two writes behind.
pub(super) struct Writes {
    next_number: u64,
    /// The last entry that was handed out.
    handed_out: LogIndex,
    /// Under way, oldest first; only those that change the log.
    pending: VecDeque<PendingWrite>,
    /// The log is durable up to here.
    durable: LogIndex,
    /// For how long none of these was done while some were under way, in ticks.
    stalled_ticks: u32,
}

struct PendingWrite {
    number: u64,
    /// The last entry that will be durable when this write is done, and that no later write replaces.
    last: LogIndex,
}

impl Writes {
    /// A log whose entries up to `last` are durable.
    pub(super) fn after(last: LogIndex) -> Self {
        Self { next_number: 1, handed_out: last, pending: VecDeque::new(), durable: last, stalled_ticks: 0 }
    }

    /// The number of the write that the next Ready will hand out.
    pub(super) fn next_number(&self) -> u64 {
        self.next_number
    }

    pub(super) fn handed_out(&self) -> LogIndex {
        self.handed_out
    }

    /// How far the log is durable, in what it holds now.
    pub(super) fn durable(&self) -> LogIndex {
        self.durable
    }

    pub(super) fn are_under_way(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The entries from `index` on are being replaced.
    pub(super) fn truncate(&mut self, index: LogIndex) {
        self.handed_out = self.handed_out.min(index.previous());
        self.durable = self.durable.min(index.previous());
        // What is under way still counts for what it writes below `index`, and no more.
        for write in &mut self.pending {
            write.last = write.last.min(index.previous());
        }
    }

    /// One tick; for how many no write was done, while some were under way.
    pub(super) fn tick(&mut self) -> u32 {
        self.stalled_ticks = if self.pending.is_empty() { 0 } else { self.stalled_ticks + 1 };
        self.stalled_ticks
    }

    /// A snapshot replaces the log up to `index`; nothing counts as durable until it is written.
    pub(super) fn install(&mut self, index: LogIndex) {
        self.truncate(LogIndex(1));
        self.handed_out = index;
    }

    /// Hands out a write up to `last`; its number.
    pub(super) fn begin(&mut self, last: LogIndex) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        self.pending.push_back(PendingWrite { number, last });
        self.handed_out = last;
        number
    }

    /// Hands out a write that changes nothing in the log; its number.
    pub(super) fn begin_without_entries(&mut self) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        number
    }

    /// Everything up to write `number` is durable. Reports may skip numbers, and may come twice. Whether more of the
    /// log is durable than before.
    pub(super) fn finish(&mut self, number: u64) -> bool {
        let before = self.durable;
        while let Some(write) = self.pending.front().filter(|write| write.number <= number) {
            self.durable = before.max(write.last);
            self.stalled_ticks = 0;
            self.pending.pop_front();
        }
        self.durable > before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c4_an_overwritten_tail_counts_only_when_its_last_write_is_done() {
        let mut writes = Writes::after(LogIndex(5));
        let first = writes.begin(LogIndex(8));
        // Another leader replaces 7 and 8; then the first one's entries come back.
        writes.truncate(LogIndex(7));
        let second = writes.begin(LogIndex(7));
        writes.truncate(LogIndex(7));
        let third = writes.begin(LogIndex(8));

        writes.finish(first);
        assert_eq!(writes.durable(), LogIndex(6), "the disk holds 7 and 8, but will lose them once more");
        writes.finish(second);
        assert_eq!(writes.durable(), LogIndex(6));
        writes.finish(third);
        assert_eq!(writes.durable(), LogIndex(8));
    }

    #[test]
    fn c7_a_late_report_takes_nothing_back() {
        let mut writes = Writes::after(LogIndex(0));
        let first = writes.begin(LogIndex(1));
        let second = writes.begin(LogIndex(2));
        writes.finish(second);
        assert_eq!(writes.durable(), LogIndex(2));
        writes.finish(first);
        assert_eq!(writes.durable(), LogIndex(2));
    }

    #[test]
    fn c8_of_two_snapshots_under_way_the_first_makes_nothing_durable() {
        let mut writes = Writes::after(LogIndex(3));
        writes.install(LogIndex(10));
        let first = writes.begin(LogIndex(10));
        writes.install(LogIndex(20));
        let second = writes.begin(LogIndex(22));
        writes.finish(first);
        assert_eq!(writes.durable(), LogIndex(0));
        writes.finish(second);
        assert_eq!(writes.durable(), LogIndex(22));
    }
}

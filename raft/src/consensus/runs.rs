//! Entries in memory: shared runs, end to end.

use std::collections::VecDeque;

use super::{
    entries::Entries,
    entry::Entry,
    types::{EntryId, LogIndex, Term},
};

/// For how many entries an open run keeps room when it ends: what is usual does not grow again, and what was unusual
/// is given back.
const MAX_SPARE_ENTRIES: usize = 256;

/// Contiguous runs, the last of which may still be open for a leader to push to.
pub(crate) struct Runs {
    /// The entry before the first one here.
    base: EntryId,
    closed: VecDeque<Entries>,
    closed_bytes: usize,
    /// The last entry of the closed runs; the base, if there are none.
    closed_last: EntryId,
    /// Where the newest closed run begins, as nearly all that is asked for does; any index, if there are none.
    newest_first: LogIndex,
    open: Vec<Entry>,
    last: EntryId,
}

impl Runs {
    /// No entries yet; the first to come follows `base`.
    pub(crate) fn after(base: EntryId) -> Self {
        Self {
            base,
            closed: VecDeque::new(),
            closed_bytes: 0,
            closed_last: base,
            newest_first: base.index.next(),
            open: Vec::new(),
            last: base,
        }
    }

    /// The entry before the first one here.
    pub(crate) fn base(&self) -> EntryId {
        self.base
    }

    pub(crate) fn last_id(&self) -> EntryId {
        self.last
    }

    /// Whether the entry at `index` is here.
    pub(crate) fn holds(&self, index: LogIndex) -> bool {
        index > self.base.index && index <= self.last.index
    }

    /// The term at `index`, if it is here or is the base.
    pub(crate) fn term(&self, index: LogIndex) -> Option<Term> {
        // Nearly always one of these: what was there before something came, or what has come.
        for known in [self.last, self.closed_last, self.base] {
            if index == known.index {
                return Some(known.term);
            }
        }
        if !self.holds(index) {
            return None;
        }
        if index > self.closed_last.index {
            let offset = usize::try_from(index.0 - self.closed_last.index.next().0).ok()?;
            return self.open.get(offset).map(|entry| entry.id.term);
        }
        self.run_at(index).at(index).map(|entry| entry.id.term)
    }

    /// Appends one entry to the open run.
    #[inline(always)]
    pub(crate) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(entry.id.index, self.last.index.next(), "entries count up by one");
        self.last = entry.id;
        if self.open.capacity() == 0 {
            // The first is the blank one of a leader that may stay idle; the room for more is made once.
            self.open.reserve_exact(1);
        }
        self.open.push(entry);
    }

    /// Ends the open run, so that it can be shared.
    #[inline]
    pub(crate) fn close(&mut self) {
        if !self.open.is_empty() {
            self.close_open();
        }
    }

    #[inline(never)]
    fn close_open(&mut self) {
        let run = Entries::drained_from(&mut self.open);
        if self.open.capacity() > MAX_SPARE_ENTRIES {
            self.open.shrink_to(MAX_SPARE_ENTRIES);
        }
        self.push_run(run);
    }

    fn push_run(&mut self, run: Entries) {
        if let Some(last) = run.last_id() {
            self.newest_first = self.closed_last.index.next();
            self.closed_last = last;
            self.last = last;
            self.closed_bytes += run.bytes();
            self.closed.push_back(run);
        }
    }

    /// Notes where the newest closed run begins and ends, after some were dropped.
    fn note_newest(&mut self) {
        let newest = self.closed.back();
        self.closed_last = newest.and_then(Entries::last_id).unwrap_or(self.base);
        self.newest_first = newest.and_then(Entries::first_index).unwrap_or(self.base.index.next());
    }

    /// Replaces all that follows `previous` by `entries`.
    #[inline]
    pub(crate) fn replace_tail(&mut self, previous: EntryId, entries: Entries) {
        self.close();
        if previous != self.last {
            self.truncate_after(previous);
        }
        self.push_run(entries);
    }

    /// Drops all after `previous`. If that is below the base, storage's entries in between are replaced too.
    #[cold]
    fn truncate_after(&mut self, previous: EntryId) {
        while self.closed.back().and_then(Entries::last_id).is_some_and(|last| last.index > previous.index) {
            let Some(run) = self.closed.pop_back() else { break };
            self.closed_bytes -= run.bytes();
            self.push_run(run.slice(self.base.index.next(), previous.index));
        }
        if self.closed.is_empty() {
            self.base = if previous.index < self.base.index { previous } else { self.base };
        }
        self.note_newest();
        self.last = previous;
    }

    /// The closed entries in `first..=last`, which are here, if all of them stand in the newest run: nearly always.
    #[inline]
    pub(crate) fn of_newest(&self, first: LogIndex, last: LogIndex) -> Option<Entries> {
        if first < self.newest_first {
            return None;
        }
        let newest = self.closed.back()?;
        let is_whole = first == self.newest_first && last == self.closed_last.index;
        Some(if is_whole { newest.clone() } else { newest.slice(first, last) })
    }

    /// The position of the closed run that holds `index`, which is here.
    #[cold]
    fn position(&self, index: LogIndex) -> usize {
        self.closed.partition_point(|run| run.last_index().is_some_and(|last| last < index))
    }

    /// The closed run that holds `index`.
    pub(crate) fn run_at(&self, index: LogIndex) -> &Entries {
        static EMPTY: Entries = Entries::EMPTY;
        self.closed.get(self.position(index)).unwrap_or(&EMPTY)
    }

    /// The closed entries in `first..=last`, run by run.
    pub(crate) fn between(&self, first: LogIndex, last: LogIndex) -> impl Iterator<Item = Entries> {
        let start = self.position(first).min(self.closed.len());
        self.closed.range(start..).map(move |run| run.slice(first, last)).take_while(|run| !run.is_empty())
    }

    /// Adds the closed entries from `first` on to `entries`, run by run.
    pub(crate) fn add_since(&self, first: LogIndex, entries: &mut Vec<Entries>) {
        match self.of_newest(first, self.closed_last.index) {
            Some(newest) => entries.push(newest),
            None => entries.extend(self.between(first, self.closed_last.index)),
        }
    }

    /// Closed entries from `first` on as one run of at most `max_bytes`, but at least one entry.
    ///
    /// Nearly always that is part of one run, and nothing is copied. A follower that catches up over many
    /// small runs gets them gathered into one, which copies entries but not their payloads.
    pub(crate) fn gather(&self, first: LogIndex, max_bytes: usize) -> Entries {
        if let Some(newest) = self.of_newest(first, self.closed_last.index) {
            return newest.prefix_of_bytes(max_bytes);
        }
        let run = self.run_at(first).slice(first, self.closed_last.index);
        if run.bytes() > max_bytes {
            return run.prefix_of_bytes(max_bytes);
        }
        let mut bytes = 0_usize;
        let gathered: Vec<_> = self
            .between(first, self.closed_last.index)
            .flat_map(|run| run.to_vec())
            .take_while(|entry| {
                bytes = bytes.saturating_add(entry.size());
                bytes <= max_bytes || bytes == entry.size()
            })
            .collect();
        Entries::from_contiguous(gathered)
    }

    /// Drops all up to `index`, which is here or is the base.
    #[cfg(any(feature = "runtime", test))]
    pub(crate) fn compact(&mut self, index: LogIndex) {
        self.close();
        let Some(term) = self.term(index) else { return };
        while self.closed.front().and_then(Entries::first_id).is_some_and(|first| first.index <= index) {
            let Some(run) = self.closed.pop_front() else { break };
            self.closed_bytes -= run.bytes();
            let rest = run.slice(index.next(), self.last.index);
            if !rest.is_empty() {
                self.closed_bytes += rest.bytes();
                self.closed.push_front(rest);
            }
        }
        self.base = EntryId { term, index };
        self.note_newest();
    }

    /// Lets whole runs up to `index` go, oldest first, while more than `max_bytes` are here.
    #[inline]
    pub(crate) fn release(&mut self, index: LogIndex, max_bytes: usize) {
        if self.closed_bytes > max_bytes {
            self.release_runs(index, max_bytes);
        }
    }

    #[inline(never)]
    fn release_runs(&mut self, index: LogIndex, max_bytes: usize) {
        while self.closed_bytes > max_bytes {
            let Some(run) =
                self.closed.front().filter(|run| run.last_id().is_some_and(|id| id.index <= index))
            else {
                break;
            };
            self.base = run.last_id().unwrap_or(self.base);
            self.closed_bytes -= run.bytes();
            self.closed.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::*;

    fn run(ids: std::ops::RangeInclusive<u64>, term: u64) -> Entries {
        let entries: Vec<_> = ids.map(|index| Entry::command(EntryId::new(term, index), "x")).collect();
        Entries::try_from(entries).unwrap()
    }

    fn three_runs() -> Runs {
        let mut runs = Runs::after(EntryId::new(1, 10));
        runs.replace_tail(EntryId::new(1, 10), run(11..=13, 1));
        runs.replace_tail(EntryId::new(1, 13), run(14..=14, 2));
        runs.replace_tail(EntryId::new(2, 14), run(15..=17, 3));
        runs
    }

    #[test]
    fn every_entry_is_found_with_its_term() {
        let runs = three_runs();
        let terms: Vec<_> = (9..=18).map(|index| runs.term(LogIndex(index)).map(|term| term.0)).collect();
        let expected = [None, Some(1), Some(1), Some(1), Some(1), Some(2), Some(3), Some(3), Some(3), None];
        assert_eq!(terms, expected);
    }

    #[test]
    fn gathering_crosses_runs_and_stops_at_the_limit() {
        let runs = three_runs();
        let one = Entry::OVERHEAD + 1;
        assert_eq!(runs.gather(LogIndex(13), 3 * one).to_string(), "[13@1 14@2 15@3]");
        assert_eq!(runs.gather(LogIndex(12), 0).to_string(), "[12@1]");
        assert_eq!(runs.gather(LogIndex(11), usize::MAX).len(), 7);
    }

    #[test]
    fn a_replaced_tail_leaves_what_precedes_it() {
        let mut runs = three_runs();
        runs.replace_tail(EntryId::new(1, 12), run(13..=13, 4));
        assert_eq!(runs.last_id(), EntryId::new(4, 13));
        assert_eq!(runs.gather(LogIndex(11), usize::MAX).to_string(), "[11@1 12@1 13@4]");
        runs.replace_tail(EntryId::new(1, 8), run(9..=9, 5));
        assert_eq!(runs.base(), EntryId::new(1, 8), "storage's entries 9 and 10 are replaced too");
        assert_eq!(runs.gather(LogIndex(9), usize::MAX).to_string(), "[9@5]");
    }

    #[test]
    fn compaction_cuts_within_a_run() {
        let mut runs = three_runs();
        runs.compact(LogIndex(12));
        assert_eq!(runs.base(), EntryId::new(1, 12));
        assert_eq!(runs.gather(LogIndex(13), usize::MAX).len(), 5);
        runs.compact(LogIndex(17));
        assert_eq!((runs.base(), runs.last_id()), (EntryId::new(3, 17), EntryId::new(3, 17)));
    }

    #[test]
    fn h6_what_is_released_is_oldest_first_and_no_more_than_allowed() {
        let mut runs = three_runs();
        runs.release(LogIndex(14), 0);
        assert_eq!(runs.base(), EntryId::new(2, 14), "15 and on are still needed");
        let mut roomy = three_runs();
        roomy.release(LogIndex(17), usize::MAX);
        assert_eq!(roomy.base(), EntryId::new(1, 10));
    }

    #[test]
    fn h6_what_is_released_is_freed() {
        let payload = Arc::new([0_u8; 1_000]);
        let mut runs = Runs::after(EntryId::ZERO);
        for index in 1..=10 {
            runs.push(Entry::command(
                EntryId::new(1, index),
                Bytes::from_owner(Shared(Arc::clone(&payload))),
            ));
            runs.close();
        }
        drop(runs.gather(LogIndex(1), usize::MAX));
        assert_eq!(Arc::strong_count(&payload), 1 + 10);
        runs.release(LogIndex(7), 0);
        assert_eq!(Arc::strong_count(&payload), 1 + 3);
    }

    struct Shared(Arc<[u8; 1_000]>);

    impl AsRef<[u8]> for Shared {
        fn as_ref(&self) -> &[u8] {
            &*self.0
        }
    }
}

//! The ids of a log, in little memory.

use crate::consensus::{EntryId, LogIndex};

/// The ids of a log's entries, as runs of one term each.
///
/// By Log Matching (§5.3) the id of one entry stands for all before it, so this is all that comparing two logs takes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Log {
    /// What the first entry follows: a snapshot's last entry, or nothing.
    base: EntryId,
    /// The first entry of each run.
    runs: Vec<EntryId>,
    last: LogIndex,
}

/// An entry that cannot follow what is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Gap {
    pub(super) last: EntryId,
}

impl Log {
    /// A log without entries, after `base`.
    pub(super) fn after(base: EntryId) -> Self {
        Self { base, runs: Vec::new(), last: base.index }
    }

    /// What its first entry follows.
    pub(super) fn base(&self) -> EntryId {
        self.base
    }

    /// Its last entry.
    pub(super) fn last(&self) -> EntryId {
        self.runs.last().map_or(self.base, |run| EntryId { term: run.term, index: self.last })
    }

    /// The entry at an index, if it is known: that, too, which the first one follows.
    pub(super) fn id_at(&self, index: LogIndex) -> Option<EntryId> {
        if index == self.base.index {
            return Some(self.base);
        }
        if index < self.base.index || index > self.last {
            return None;
        }
        let runs = self.runs.partition_point(|run| run.index <= index);
        self.runs[..runs].last().map(|run| EntryId { term: run.term, index })
    }

    /// Whether the entry is in the log, or before all that is known of it.
    pub(super) fn may_hold(&self, id: EntryId) -> bool {
        id.index < self.base.index || self.id_at(id.index) == Some(id)
    }

    /// Appends an entry, in place of what is there from its index on. What it follows.
    pub(super) fn append(&mut self, id: EntryId) -> Result<EntryId, Gap> {
        if id.index <= self.last && id.index > self.base.index {
            self.last = id.index.previous();
            while self.runs.last().is_some_and(|run| run.index > self.last) {
                self.runs.pop();
            }
        }
        let last = self.last();
        if id.index != last.index.next() || id.term < last.term {
            return Err(Gap { last });
        }
        if self.runs.last().is_none_or(|run| run.term != id.term) {
            self.runs.push(id);
        }
        self.last = id.index;
        Ok(last)
    }

    /// Whether the other log is this one, though one of them may begin later.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let first = self.base.index.max(other.base.index);
        let starts = self.runs.iter().chain(&other.runs).map(|run| run.index).filter(|index| *index > first);
        let mut looked_at = starts.chain([first]);
        self.last() == other.last() && looked_at.all(|index| self.id_at(index) == other.id_at(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(ids: &[(u64, u64)]) -> Log {
        let mut log = Log::default();
        ids.iter().for_each(|&(term, index)| assert!(log.append(EntryId::new(term, index)).is_ok()));
        log
    }

    #[test]
    fn an_entry_takes_the_place_of_all_from_its_index_on() {
        let mut log = log(&[(1, 1), (1, 2), (3, 3), (3, 4)]);
        assert_eq!(log.append(EntryId::new(4, 2)), Ok(EntryId::new(1, 1)));
        assert_eq!(log.last(), EntryId::new(4, 2));
        assert_eq!(log.id_at(LogIndex(3)), None);
        assert_eq!(log.append(EntryId::new(4, 4)), Err(Gap { last: EntryId::new(4, 2) }));
        assert_eq!(log.append(EntryId::new(3, 3)), Err(Gap { last: EntryId::new(4, 2) }));
    }

    #[test]
    fn a_log_is_the_same_though_it_begins_later() {
        let whole = log(&[(1, 1), (1, 2), (3, 3), (3, 4)]);
        let mut cut = Log::after(EntryId::new(1, 2));
        assert!(!whole.is_same(&cut));
        assert!(cut.append(EntryId::new(3, 3)).is_ok() && cut.append(EntryId::new(3, 4)).is_ok());
        assert!(whole.is_same(&cut) && cut.is_same(&whole));
        assert!(!log(&[(1, 1), (2, 2), (3, 3), (3, 4)]).is_same(&cut), "another entry before");
        assert!(!log(&[(1, 1), (1, 2), (1, 3), (3, 4)]).is_same(&cut), "another entry within");
    }
}

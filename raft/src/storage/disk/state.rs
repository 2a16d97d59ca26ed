//! What is durable, as readers see it: the hard state, the snapshot in force, and where each entry lies.
//!
//! Replaying a frame after a restart and publishing one after its flush are the same step, [`LogState::apply`].

use std::{collections::VecDeque, sync::Arc};

use super::{frame::Purpose, header::Mark, segment::Segment};
use crate::consensus::{EntryId, HardState, LogIndex, Membership, StorageError, Term};

/// Where an entry lies in its segment, in eight bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Position {
    /// In units of eight bytes.
    eighths: u32,
    /// Head and payload, in bytes.
    size: u32,
}

impl Position {
    /// `None` beyond what a segment can hold.
    pub(super) fn new(offset: u64, size: u32) -> Option<Self> {
        Some(Self { eighths: u32::try_from(offset / 8).ok()?, size })
    }

    pub(super) const fn offset(self) -> u64 {
        self.eighths as u64 * 8
    }

    pub(super) const fn size(self) -> u32 {
        self.size
    }

    pub(super) const fn end(self) -> u64 {
        self.offset() + self.size as u64
    }
}

/// An entry, and where it lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Placed {
    pub(super) id: EntryId,
    pub(super) position: Position,
}

/// What a frame says, without the payloads.
pub(super) struct Contents<'a> {
    pub(super) hard_state: HardState,
    pub(super) purpose: Purpose,
    pub(super) entries: &'a [Placed],
}

/// What is durable.
pub(super) struct LogState {
    pub(super) hard_state: HardState,
    pub(super) mark: Mark,
    /// As of the snapshot in force, or as the cluster was founded.
    pub(super) membership: Membership,
    /// The entry before the first one that is held.
    base: EntryId,
    /// Where each term begins.
    terms: VecDeque<EntryId>,
    /// Oldest first; the last is the one being written.
    parts: VecDeque<Part>,
}

/// The entries that one segment holds. Those that were replaced later are no longer among them.
struct Part {
    segment: Arc<Segment>,
    first: LogIndex,
    positions: Vec<Position>,
}

impl Part {
    fn holds_beyond(&self, index: LogIndex) -> bool {
        !self.positions.is_empty() && self.end() > index.next().0
    }

    /// One more than the index of its last entry.
    fn end(&self) -> u64 {
        self.first.0 + self.positions.len() as u64
    }
}

impl LogState {
    /// A log whose last entry is `last`, and which holds none yet.
    pub(super) fn new(hard_state: HardState, mark: Mark, membership: Membership, last: EntryId) -> Self {
        let (terms, parts) = (VecDeque::new(), VecDeque::new());
        Self { hard_state, mark, membership, base: last, terms, parts }
    }

    /// From here on, entries lie in `segment`.
    pub(super) fn push_segment(&mut self, segment: Arc<Segment>) {
        let first = self.last_id().index.next();
        self.parts.push_back(Part { segment, first, positions: Vec::new() });
    }

    /// Takes over a frame of the last segment.
    ///
    /// # Errors
    /// What is wrong with it, if it cannot follow what is here.
    pub(super) fn apply(&mut self, contents: &Contents<'_>) -> Result<(), String> {
        match contents.purpose {
            Purpose::Install(mark) => {
                self.reset(mark.base);
                self.mark = mark;
            }
            Purpose::Compact(mark) => {
                self.compact(mark.base)?;
                self.mark = mark;
            }
            Purpose::Write | Purpose::Close | Purpose::Seal => {}
        }
        self.append(contents.entries)?;
        self.hard_state = contents.hard_state;
        Ok(())
    }

    fn append(&mut self, entries: &[Placed]) -> Result<(), String> {
        let Some(first) = entries.first() else { return Ok(()) };
        let (index, last) = (first.id.index, self.last_id().index);
        if index > last.next() || index == LogIndex::ZERO {
            return Err(format!("entry {} follows entry {last}", first.id));
        }
        if index <= self.hard_state.commit.min(last) {
            return Err(format!("entry {} replaces a committed one", first.id));
        }
        self.truncate(index);
        let (mut last, mut term) = (self.last_id(), self.terms.back().map(|run| run.term));
        for &Placed { id, .. } in entries {
            if id.index != last.index.next() || id.term < last.term {
                return Err(format!("entry {id} follows entry {last}"));
            }
            if term != Some(id.term) {
                self.terms.push_back(id);
                term = Some(id.term);
            }
            last = id;
        }
        let Some(part) = self.parts.back_mut() else { return Err("there is no segment".to_owned()) };
        if part.positions.is_empty() {
            part.first = index;
        }
        part.positions.extend(entries.iter().map(|entry| entry.position));
        Ok(())
    }

    /// Forgets the entries from `first` on. They stay where they lie; a later frame has replaced them.
    fn truncate(&mut self, first: LogIndex) {
        if first <= self.base.index {
            // Only in replay: what stood before was in a segment that is gone, and was replaced there.
            self.base = EntryId { index: first.previous(), term: Term::ZERO };
        }
        for part in self.parts.iter_mut().rev() {
            let kept = first.0.saturating_sub(part.first.0);
            if kept >= part.positions.len() as u64 && !part.positions.is_empty() {
                break;
            }
            part.positions.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
        }
        while self.terms.back().is_some_and(|run| run.index >= first) {
            self.terms.pop_back();
        }
    }

    fn compact(&mut self, base: EntryId) -> Result<(), String> {
        if base.index < self.base.index {
            // Only in replay: the segments that hold this are gone, because more was compacted later.
            return Ok(());
        }
        if base.index > self.last_id().index {
            return Err(format!("the log is cut at {base}, but ends at {}", self.last_id()));
        }
        self.base = base;
        while self.terms.get(1).is_some_and(|run| run.index <= base.index) {
            self.terms.pop_front();
        }
        Ok(())
    }

    fn reset(&mut self, base: EntryId) {
        self.base = base;
        self.terms.clear();
        for part in &mut self.parts {
            part.positions = Vec::new();
        }
    }

    /// The entry before the first one that is held.
    pub(super) const fn base(&self) -> EntryId {
        self.base
    }

    /// The last entry.
    pub(super) fn last_id(&self) -> EntryId {
        let part = self.parts.iter().rev().find(|part| !part.positions.is_empty());
        let index = part.map_or(LogIndex::ZERO, |part| LogIndex(part.end()).previous());
        match self.terms.back() {
            Some(run) if index > self.base.index => EntryId { index, term: run.term },
            _ => self.base,
        }
    }

    /// The term of the entry at `index`; also for the base.
    pub(super) fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        if index == self.base.index {
            return Ok(self.base.term);
        }
        if index < self.base.index {
            return Err(StorageError::Compacted(index));
        }
        if index > self.last_id().index {
            return Err(StorageError::Unavailable(index));
        }
        let runs = self.terms.partition_point(|run| run.index <= index);
        let run = runs.checked_sub(1).and_then(|run| self.terms.get(run));
        run.map(|run| run.term).ok_or(StorageError::Unavailable(index))
    }

    /// Where the entry at `index`, and those after it in the same segment, lie.
    pub(super) fn positions(&self, index: LogIndex) -> Option<(&Arc<Segment>, &[Position])> {
        let part = self.parts.iter().rev().find(|part| !part.positions.is_empty() && part.first <= index)?;
        let from = usize::try_from(index.0 - part.first.0).ok()?;
        let positions = part.positions.get(from..).filter(|positions| !positions.is_empty())?;
        Some((&part.segment, positions))
    }

    /// The oldest segment that is needed if the log begins after `base`.
    pub(super) fn first_needed(&self, base: LogIndex) -> u64 {
        let needed = self.parts.iter().find(|part| part.holds_beyond(base)).or(self.parts.back());
        needed.map_or(0, |part| part.segment.sequence)
    }

    /// Takes out the segments that the log no longer needs, oldest first.
    pub(super) fn take_unneeded(&mut self) -> Vec<Arc<Segment>> {
        let needed = |part: &Part| part.segment.sequence >= self.mark.first_segment;
        let count = self.parts.iter().position(needed).unwrap_or(0);
        self.parts.drain(..count).map(|part| part.segment).collect()
    }
}

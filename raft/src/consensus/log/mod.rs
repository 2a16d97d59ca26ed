//! A node's log as the core sees it: what storage holds, what is not written yet, and how far it is durable,
//! committed, and applied.
//!
//! ```text
//!   storage only         in memory (also in storage)        in memory only
//!  ├────────────────────┼──────────────────────────────────┼──────────────┤
//!  first                base+1      applied ≤ committed     durable        last
//! ```
//!
//! `applied ≤ applying ≤ min(committed, durable)`, and `committed ≤ last`; a leader may commit what is not
//! durable here, if it is durable on a quorum of others. Recent entries stay in memory as shared [runs](super::runs), so
//! that writing, sending and applying them copies nothing; [`writes`] knows which of them are on their way
//! to the disk.

mod writes;

use std::collections::VecDeque;

use writes::Writes;

use super::{
    config::Config,
    entries::Entries,
    entry::{Entry, EntryKind, Proposal},
    runs::Runs,
    storage::{Snapshot, Storage, StorageError},
    types::{EntryId, LogIndex, Term},
};

/// Looked through at a time, so that a long log that waits to be applied is never in memory as a whole.
const CHUNK_BYTES: usize = 1 << 20;

pub(super) struct Log {
    storage: Box<dyn Storage>,
    runs: Runs,
    writes: Writes,
    /// A snapshot from the leader that no Ready has carried yet.
    snapshot: Option<Box<Snapshot>>,
    /// The last entry that a snapshot from the leader replaced, while its write is under way: storage still
    /// holds the log from before.
    installing: Option<EntryId>,
    /// That entry, until the state machine is restored from the snapshot. Entries handed out before may still be
    /// applied meanwhile, and those that follow wait.
    restoring: Option<LogIndex>,
    /// No change of membership stands beyond this index. There may be none at it, if it was overwritten.
    latest_change: LogIndex,
    committed: LogIndex,
    /// The last entry that a Ready handed out to be applied.
    applying: LogIndex,
    applied: LogIndex,
    /// What was handed out to be applied and is not: of each time, the last entry and the weight, oldest first.
    batches: VecDeque<(LogIndex, usize)>,
    /// What all of these weigh.
    applying_bytes: usize,
    max_applying_bytes: usize,
    max_bytes_in_memory: usize,
}

/// What one Ready writes.
pub(super) struct Write {
    pub(super) number: u64,
    pub(super) snapshot: Option<Box<Snapshot>>,
}

impl Log {
    /// The log that `storage` holds. `committed` and `applied` are checked by the caller.
    pub(super) fn new(
        storage: Box<dyn Storage>,
        config: &Config,
        committed: LogIndex,
        applied: LogIndex,
    ) -> Result<Self, StorageError> {
        let last = storage.last_index()?;
        let last = EntryId { term: storage.term(last)?, index: last };
        let latest_change = latest_change(&*storage, applied, last.index)?;
        Ok(Self {
            storage,
            runs: Runs::after(last),
            writes: Writes::after(last.index),
            snapshot: None,
            installing: None,
            restoring: None,
            latest_change,
            committed,
            applying: applied,
            applied,
            batches: VecDeque::new(),
            applying_bytes: 0,
            max_applying_bytes: config.max_applying_bytes,
            max_bytes_in_memory: config.max_log_bytes_in_memory,
        })
    }

    pub(super) fn last_id(&self) -> EntryId {
        self.runs.last_id()
    }

    pub(super) fn last_index(&self) -> LogIndex {
        self.runs.last_id().index
    }

    pub(super) fn committed(&self) -> LogIndex {
        self.committed
    }

    pub(super) fn applied(&self) -> LogIndex {
        self.applied
    }

    /// How far the log is durable on this node.
    pub(super) fn durable(&self) -> LogIndex {
        self.writes.durable()
    }

    /// Whether a change of membership is committed and not applied yet: then this node does not know who votes.
    pub(super) fn has_unapplied_change(&mut self) -> Result<bool, StorageError> {
        if self.latest_change <= self.applied {
            return Ok(false);
        }
        if self.latest_change <= self.committed {
            return Ok(true);
        }
        // The latest is not committed. The one before it must be, and its leader has applied it; here it may wait.
        let mut next = self.applied.next();
        while next <= self.committed {
            let entries = self.entries(next, CHUNK_BYTES)?.slice(next, self.committed);
            if entries.iter().any(|entry| entry.kind() == EntryKind::ConfChange) {
                return Ok(true);
            }
            next = entries.last_id().ok_or(StorageError::Unavailable(next))?.index.next();
        }
        Ok(false)
    }

    /// Whether a snapshot of the leader's is being written, so that this log is about to be another.
    pub(super) fn is_installing(&self) -> bool {
        self.installing.is_some()
    }

    /// The first index from which entries can be read.
    pub(super) fn first_index(&self) -> Result<LogIndex, StorageError> {
        match self.installing {
            Some(last) => Ok(last.index.next()),
            None => self.storage.first_index(),
        }
    }

    /// The term of the entry at `index`; `None` if it was compacted away or is beyond the end.
    pub(super) fn term(&self, index: LogIndex) -> Result<Option<Term>, StorageError> {
        if let Some(term) = self.runs.term(index) {
            return Ok(Some(term));
        }
        if index > self.last_index() || self.is_installing() {
            return Ok(None);
        }
        match self.storage.term(index) {
            Ok(term) => Ok(Some(term)),
            Err(StorageError::Compacted(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether this log holds the entry `id`.
    pub(super) fn contains(&self, id: EntryId) -> Result<bool, StorageError> {
        Ok(id == self.last_id() || self.term(id.index)? == Some(id.term))
    }

    /// The last entry up to `index` whose term is at most `term`: where a log that has `term` there could
    /// still agree with this one. As far back as entries can be read.
    pub(super) fn last_at_most(&self, index: LogIndex, term: Term) -> Result<EntryId, StorageError> {
        let index = index.min(self.last_index());
        // Nearly always the first guess is right.
        let guess = self.term(index)?;
        if guess.is_none_or(|found| found <= term) {
            return Ok(EntryId { term: guess.unwrap_or_default(), index });
        }
        // Terms never go down along a log: what is above `high`, and it, are too new; `low` is not, or cannot be read.
        let mut high = index;
        let mut low = self.first_index()?.previous().previous().min(high.previous());
        while low.next() < high {
            let middle = LogIndex(low.0 + (high.0 - low.0) / 2);
            if self.term(middle)?.is_some_and(|found| found > term) {
                high = middle;
            } else {
                low = middle;
            }
        }
        let found = self.term(low)?.filter(|found| *found <= term);
        Ok(EntryId { term: found.unwrap_or_default(), index: low })
    }

    /// Appends a proposal in `term`, as its leader does.
    #[inline]
    pub(super) fn propose(&mut self, term: Term, proposal: Proposal) -> EntryId {
        let id = EntryId { term, index: self.last_index().next() };
        if proposal.kind == EntryKind::ConfChange {
            self.latest_change = id.index;
        }
        self.runs.push(proposal.into_entry(id));
        id
    }

    /// Appends the blank entry that opens `term`.
    pub(super) fn open_term(&mut self, term: Term) -> EntryId {
        let id = EntryId { term, index: self.last_index().next() };
        self.runs.push(Entry::blank(id));
        id
    }

    /// Of `entries`, which follow `previous`, the last that this log holds too, as far as they agree.
    pub(super) fn last_common(&self, previous: EntryId, entries: &Entries) -> Result<EntryId, StorageError> {
        let mut common = previous;
        if previous == self.last_id() {
            return Ok(common);
        }
        for entry in entries {
            if !self.contains(entry.id)? {
                break;
            }
            common = entry.id;
        }
        Ok(common)
    }

    /// Replaces all that follows `previous`, which this log holds, by `entries`. None of it is committed.
    pub(super) fn replace_tail(&mut self, previous: EntryId, entries: Entries) {
        assert!(previous.index >= self.committed, "replaces committed entries after {previous}");
        debug_assert_eq!(entries.first_id().map(|id| id.index), Some(previous.index.next()), "no gap");
        if previous != self.last_id() {
            self.writes.truncate(previous.index.next());
        }
        if let Some(change) = entries.latest_change() {
            self.latest_change = self.latest_change.max(change);
        }
        self.runs.replace_tail(previous, entries);
    }

    /// Moves the commit index up to `index`. It never moves down (Figure 2: "increases monotonically").
    pub(super) fn commit_to(&mut self, index: LogIndex) -> bool {
        assert!(index <= self.last_index(), "commit {index} is beyond the last entry {}", self.last_index());
        let advanced = index > self.committed;
        self.committed = self.committed.max(index);
        advanced
    }

    /// Starts anew after `snapshot`, whose last entry is beyond the commit index.
    pub(super) fn restore(&mut self, snapshot: Box<Snapshot>) {
        let last = snapshot.last;
        assert!(last.index > self.committed, "snapshot {last} is not beyond the commit {}", self.committed);
        self.runs = Runs::after(last);
        self.writes.install(last.index);
        self.committed = last.index;
        self.applying = last.index;
        self.installing = Some(last);
        self.restoring = Some(last.index);
        self.snapshot = Some(snapshot);
    }

    /// Entries from `first` on as one run, at most `max_bytes` of them but at least one.
    ///
    /// [`StorageError::Compacted`] if they are no longer in the log.
    pub(super) fn entries(&mut self, first: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        self.runs.close();
        if self.runs.holds(first) {
            return Ok(self.runs.gather(first, max_bytes));
        }
        if self.is_installing() {
            return Err(StorageError::Compacted(first));
        }
        self.read_storage(first, self.runs.base().index, max_bytes)
    }

    fn read_storage(
        &self,
        first: LogIndex,
        last: LogIndex,
        max_bytes: usize,
    ) -> Result<Entries, StorageError> {
        let entries = self.storage.entries(first, last, max_bytes)?;
        // Storage is other people's code: never hand on more, or other, than was asked for.
        match entries.first_id() {
            Some(id) if id.index == first => Ok(entries.slice(first, last).prefix_of_bytes(max_bytes)),
            _ => Err(StorageError::Unavailable(first)),
        }
    }

    pub(super) fn snapshot_for_follower(&self) -> Result<Snapshot, StorageError> {
        self.storage.snapshot()
    }

    /// What the entries in `first..=last` weigh, as far as they are in memory.
    pub(super) fn bytes_in_memory(&mut self, first: LogIndex, last: LogIndex) -> usize {
        self.runs.close();
        self.runs.between(first, last).map(|run| run.bytes()).sum()
    }

    pub(super) fn has_unwritten(&self) -> bool {
        self.snapshot.is_some() || self.writes.handed_out() < self.last_index()
    }

    /// Hands out what no Ready has carried yet, adding the entries to `entries`.
    pub(super) fn take_unwritten(&mut self, entries: &mut Vec<Entries>) -> Write {
        let first = self.writes.handed_out().next();
        let has_entries = first <= self.last_index();
        if has_entries {
            self.runs.close();
            self.runs.add_since(first, entries);
        }
        let snapshot = self.snapshot.take();
        let number = if has_entries || snapshot.is_some() {
            self.writes.begin(self.last_index())
        } else {
            self.writes.begin_without_entries()
        };
        Write { number, snapshot }
    }

    pub(super) fn has_writes_under_way(&self) -> bool {
        self.writes.are_under_way()
    }

    /// One tick; for how many no write was done, while some were under way.
    pub(super) fn tick_writes(&mut self) -> u32 {
        self.writes.tick()
    }

    /// The number of the write that the next Ready will hand out.
    pub(super) fn next_write(&self) -> u64 {
        self.writes.next_number()
    }

    /// Everything up to write `number` is durable. Whether more of the log is than before.
    pub(super) fn on_written(&mut self, number: u64) -> bool {
        let is_news = self.writes.finish(number);
        if self.installing.is_some_and(|last| self.durable() >= last.index) {
            self.installing = None;
        }
        is_news
    }

    /// The last entry that may be applied now: committed, and durable here.
    fn applicable(&self) -> LogIndex {
        self.committed.min(self.durable())
    }

    pub(super) fn has_applicable(&self) -> bool {
        let is_behind = self.applying_bytes >= self.max_applying_bytes;
        self.restoring.is_none() && !is_behind && self.applying < self.applicable()
    }

    /// Whether the next committed entries wait for the state machine to get on.
    pub(super) fn is_held_back(&self) -> bool {
        self.restoring.is_some() || self.applying < self.applicable() && !self.has_applicable()
    }

    /// Whether the state machine still has to be restored from a snapshot of the leader's.
    pub(super) fn is_restoring(&self) -> bool {
        self.restoring.is_some()
    }

    /// Hands out the next committed entries, at most `max_bytes` but at least one, adding them to `entries`. If they
    /// cannot be read, none count as handed out.
    pub(super) fn take_applicable(
        &mut self,
        max_bytes: usize,
        entries: &mut Vec<Entries>,
    ) -> Result<(), StorageError> {
        if !self.has_applicable() {
            return Ok(());
        }
        let (first, last) = (self.applying.next(), self.applicable());
        match self.runs.of_newest(first, last).map(|run| (run.bytes(), run)) {
            Some((bytes, run)) if bytes <= max_bytes => {
                entries.push(run);
                self.note_applying(last, bytes);
                Ok(())
            }
            _ => self.take_applicable_runs(last, max_bytes, entries),
        }
    }

    /// The same run by run, up to `applicable`.
    #[cold]
    fn take_applicable_runs(
        &mut self,
        applicable: LogIndex,
        max_bytes: usize,
        entries: &mut Vec<Entries>,
    ) -> Result<(), StorageError> {
        let (before, mut bytes) = (self.applying, 0_usize);
        while self.applying < applicable {
            let first = self.applying.next();
            let bytes_left = max_bytes.saturating_sub(bytes);
            let mut run = if self.runs.holds(first) {
                self.runs.run_at(first).slice(first, applicable)
            } else {
                let last = applicable.min(self.runs.base().index);
                self.read_storage(first, last, bytes_left).inspect_err(|_| self.applying = before)?
            };
            let mut weight = run.bytes();
            // Nearly always the whole run fits; a run that does not is cut, but never to nothing.
            if weight > bytes_left {
                if bytes > 0 {
                    break;
                }
                run = run.prefix_of_bytes(bytes_left);
                weight = run.bytes();
            }
            let Some(last) = run.last_index() else { break };
            self.applying = last;
            bytes += weight;
            entries.push(run);
        }
        if bytes > 0 {
            self.note_applying(self.applying, bytes);
        }
        Ok(())
    }

    /// Notes that entries up to `last` were handed out to be applied, which weigh `bytes`.
    fn note_applying(&mut self, last: LogIndex, bytes: usize) {
        self.applying = last;
        self.batches.push_back((last, bytes));
        self.applying_bytes += bytes;
    }

    /// Whether a change of membership may stand at `index` or beyond.
    pub(super) fn may_hold_change_from(&self, index: LogIndex) -> bool {
        index <= self.latest_change
    }

    /// The state machine has applied everything up to `index`; what memory no longer needs is let go.
    pub(super) fn on_applied(&mut self, index: LogIndex) {
        self.applied = self.applied.max(index.min(self.applying));
        if self.applied == self.applying {
            self.batches.clear();
            self.applying_bytes = 0;
        }
        while let Some((_, bytes)) = self.batches.front().filter(|(last, _)| *last <= self.applied) {
            self.applying_bytes -= bytes;
            self.batches.pop_front();
        }
        if self.restoring.is_some_and(|last| self.applied >= last) {
            self.restoring = None;
        }
        let keep_after = self.applied.min(self.durable());
        self.runs.release(keep_after, self.max_bytes_in_memory);
    }
}

/// Where the last change of membership after `applied` stands, in what storage holds; `applied` if there is none.
fn latest_change(storage: &dyn Storage, applied: LogIndex, last: LogIndex) -> Result<LogIndex, StorageError> {
    let (mut seen, mut latest) = (applied, applied);
    while seen < last {
        let entries = storage.entries(seen.next(), last, CHUNK_BYTES)?;
        let changes = entries.iter().filter(|entry| entry.kind() == EntryKind::ConfChange);
        latest = changes.map(|entry| entry.id.index).fold(latest, LogIndex::max);
        seen = entries.last_id().map(|id| id.index).filter(|last| *last > seen).ok_or(
            // An empty answer would not bring us any further.
            StorageError::Unavailable(seen.next()),
        )?;
    }
    Ok(latest)
}

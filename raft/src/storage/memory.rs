//! Storage in memory: for tests, benches, and clusters that may forget.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{SnapshotSaver, StorageWriter};
use crate::{
    consensus::{
        Entries, EntryId, HardState, InitialState, LogIndex, Membership, NodeId, Ready, Snapshot,
        SnapshotData, Storage, StorageError, Term, runs::Runs,
    },
    state_machine::SnapshotWriter,
};

/// A log in memory. Clones are handles on the same log.
///
/// It outlives a [`RawNode`](crate::RawNode), not the process: a node that starts again with an empty one has
/// forgotten its votes, and must not take part under its old id.
#[derive(Clone)]
pub struct MemStorage {
    held: Arc<Mutex<Held>>,
}

struct Held {
    hard_state: HardState,
    membership: Membership,
    /// Contains everything up to the base of `log`, and possibly more.
    snapshot: Option<Snapshot>,
    log: Runs,
}

impl MemStorage {
    /// The storage of a new member of a cluster of these voters. Every founding member is given the same.
    pub fn with_voters(voters: impl IntoIterator<Item = NodeId>) -> Self {
        Self::with_membership(Membership::of_voters(voters))
    }

    /// The storage of a new member of a cluster with this membership.
    #[must_use]
    pub fn with_membership(membership: Membership) -> Self {
        let log = Runs::after(EntryId::ZERO);
        let held = Held { hard_state: HardState::default(), membership, snapshot: None, log };
        Self { held: Arc::new(Mutex::new(held)) }
    }

    /// Appends entries, replacing all from the first of them on.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if they would leave a gap, [`StorageError::Compacted`] if they would
    /// replace what the snapshot holds, [`StorageError::Io`] if terms would go down.
    pub fn append(&self, entries: &Entries) -> Result<(), StorageError> {
        self.held.lock().append(entries)
    }

    /// Sets the hard state.
    pub fn set_hard_state(&self, hard_state: HardState) {
        self.held.lock().hard_state = hard_state;
    }

    /// Sets the membership as of the last entry that the state machine will remember after a restart:
    /// [`Config::applied`](crate::Config::applied), or what the snapshot holds.
    pub fn set_membership(&self, membership: Membership) {
        self.held.lock().membership = membership;
    }

    /// The hard state as last written.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.held.lock().hard_state
    }

    /// Makes `data`, the state machine as of the entry at `index`, the snapshot. Drops no entries.
    ///
    /// # Errors
    /// [`StorageError`] if that entry is not in the log.
    pub fn create_snapshot(
        &self,
        index: LogIndex,
        data: impl Into<SnapshotData>,
    ) -> Result<Snapshot, StorageError> {
        let mut held = self.held.lock();
        let last = EntryId { term: held.term(index)?, index };
        let snapshot = Snapshot { last, membership: held.membership.clone(), data: data.into() };
        held.snapshot = Some(snapshot.clone());
        Ok(snapshot)
    }

    /// Drops all entries up to `index`, which the snapshot must contain.
    ///
    /// # Errors
    /// [`StorageError::Unavailable`] if it does not.
    pub fn compact_to(&self, index: LogIndex) -> Result<(), StorageError> {
        let mut held = self.held.lock();
        if held.snapshot.as_ref().is_none_or(|snapshot| snapshot.last.index < index) {
            return Err(StorageError::Unavailable(index));
        }
        held.log.compact(index);
        Ok(())
    }
}

impl Held {
    fn append(&mut self, entries: &Entries) -> Result<(), StorageError> {
        let Some(first) = entries.first_id() else { return Ok(()) };
        let mut previous = self.log.last_id();
        if first.index != previous.index.next() {
            let index = first.index.previous();
            previous = EntryId { term: self.term(index)?, index };
        }
        if first.term < previous.term {
            return Err(terms_go_down(previous, first));
        }
        self.log.replace_tail(previous, entries.clone());
        Ok(())
    }

    #[cold]
    fn install(&mut self, snapshot: &Snapshot) {
        self.log = Runs::after(snapshot.last);
        self.membership = snapshot.membership.clone();
        self.snapshot = Some(snapshot.clone());
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        match self.log.term(index) {
            Some(term) => Ok(term),
            None if index < self.log.base().index => Err(StorageError::Compacted(index)),
            None => Err(StorageError::Unavailable(index)),
        }
    }
}

#[cold]
fn terms_go_down(previous: EntryId, first: EntryId) -> StorageError {
    std::io::Error::other(format!("entry {first} cannot follow one of term {}", previous.term)).into()
}

impl Storage for MemStorage {
    fn initial_state(&self) -> Result<InitialState, StorageError> {
        let held = self.held.lock();
        Ok(InitialState { hard_state: held.hard_state, membership: held.membership.clone() })
    }

    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        let held = self.held.lock();
        if held.log.holds(first) {
            return Ok(held.log.gather(first, max_bytes).slice(first, last));
        }
        match held.term(first) {
            // The base has a term, but its entry is in the snapshot.
            Ok(_) | Err(StorageError::Compacted(_)) => Err(StorageError::Compacted(first)),
            Err(error) => Err(error),
        }
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        self.held.lock().term(index)
    }

    fn first_index(&self) -> Result<LogIndex, StorageError> {
        Ok(self.held.lock().log.base().index.next())
    }

    fn last_index(&self) -> Result<LogIndex, StorageError> {
        Ok(self.held.lock().log.last_id().index)
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        self.held.lock().snapshot.clone().ok_or(StorageError::SnapshotTemporarilyUnavailable)
    }
}

impl StorageWriter for MemStorage {
    type Reader = Self;

    fn reader(&self) -> Self {
        self.clone()
    }

    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        let mut held = self.held.lock();
        if let Some(snapshot) = &ready.snapshot {
            held.install(snapshot);
        }
        for run in &ready.entries {
            held.append(run)?;
        }
        if let Some(hard_state) = ready.hard_state {
            held.hard_state = hard_state;
        }
        Ok(())
    }

    /// What is staged is there at once.
    fn sync(&mut self) -> Result<(), StorageError> {
        Ok(())
    }

    fn waits_for_device(&self) -> bool {
        false
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        Box::new(MemorySaver)
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        let mut held = self.held.lock();
        let index = LogIndex(snapshot.last.index.0.saturating_sub(keep));
        // Whoever starts again starts from the snapshot.
        held.membership = snapshot.membership.clone();
        held.snapshot = Some(snapshot);
        if index > held.log.base().index {
            held.log.compact(index);
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        Ok(self.held.lock().snapshot.clone())
    }
}

/// Writes snapshots into memory, where they are as safe as they will be.
struct MemorySaver;

impl SnapshotSaver for MemorySaver {
    fn save(
        &self,
        last: EntryId,
        membership: Membership,
        write: SnapshotWriter,
    ) -> Result<Snapshot, StorageError> {
        let mut data = Vec::new();
        write(&mut data)?;
        Ok(Snapshot { last, membership, data: data.into() })
    }
}

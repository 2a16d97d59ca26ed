//! The storage of a node of raft-rs. That of its own tests has no data in its snapshots.

use std::{cell::RefCell, rc::Rc};

use raft::{
    Error, GetEntriesContext, RaftState, Result, Storage, StorageError,
    eraftpb::{ConfState, Entry, HardState, Snapshot},
    util::limit_size,
};

use crate::Machine;

/// Clones are handles on the same disk.
#[derive(Clone, Default)]
pub(crate) struct Disk(pub(crate) Rc<RefCell<Held>>);

#[derive(Default)]
pub(crate) struct Held {
    pub(crate) hard_state: HardState,
    /// As of the last entry that the machine has applied.
    pub(crate) members: ConfState,
    pub(crate) machine: Machine,
    /// Term and index of the entry before the first.
    base: (u64, u64),
    pub(crate) entries: Vec<Entry>,
}

impl Held {
    fn last_index(&self) -> u64 {
        self.base.1 + self.entries.len() as u64
    }

    fn position(&self, index: u64) -> usize {
        usize::try_from(index - self.base.1 - 1).unwrap()
    }

    fn term(&self, index: u64) -> Result<u64> {
        match index {
            _ if index == self.base.1 => Ok(self.base.0),
            _ if index < self.base.1 => Err(Error::Store(StorageError::Compacted)),
            _ if index > self.last_index() => Err(Error::Store(StorageError::Unavailable)),
            _ => Ok(self.entries[self.position(index)].term),
        }
    }

    pub(crate) fn append(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first() else { return };
        assert!(first.index > self.base.1 && first.index <= self.last_index() + 1, "entries leave a gap");
        let position = self.position(first.index);
        self.entries.truncate(position);
        self.entries.extend(entries);
    }

    pub(crate) fn install(&mut self, snapshot: &Snapshot) {
        let metadata = snapshot.get_metadata();
        self.base = (metadata.term, metadata.index);
        self.entries.clear();
        self.members = metadata.get_conf_state().clone();
        self.machine = Machine::restored(metadata.term, metadata.index, &snapshot.data);
    }

    pub(crate) fn compact(&mut self, keep: u64) {
        let index = self.machine.index().saturating_sub(keep);
        if index > self.base.1 {
            let term = self.term(index).unwrap();
            let position = self.position(index);
            self.entries.drain(..=position);
            self.base = (term, index);
        }
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot { data: self.machine.to_bytes().into(), ..Snapshot::default() };
        let metadata = snapshot.mut_metadata();
        metadata.index = self.machine.index();
        metadata.term = self.machine.term;
        metadata.set_conf_state(self.members.clone());
        snapshot
    }
}

impl Storage for Disk {
    fn initial_state(&self) -> Result<RaftState> {
        let held = self.0.borrow();
        Ok(RaftState::new(held.hard_state.clone(), held.members.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _context: GetEntriesContext,
    ) -> Result<Vec<Entry>> {
        let held = self.0.borrow();
        if low <= held.base.1 {
            return Err(Error::Store(StorageError::Compacted));
        }
        let mut entries = held.entries[held.position(low)..held.position(high)].to_vec();
        limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> Result<u64> {
        self.0.borrow().term(index)
    }

    fn first_index(&self) -> Result<u64> {
        Ok(self.0.borrow().base.1 + 1)
    }

    fn last_index(&self) -> Result<u64> {
        Ok(self.0.borrow().last_index())
    }

    fn snapshot(&self, request_index: u64, _to: u64) -> Result<Snapshot> {
        let held = self.0.borrow();
        if held.machine.index() < request_index.max(1) {
            return Err(Error::Store(StorageError::SnapshotTemporarilyUnavailable));
        }
        Ok(held.snapshot())
    }
}

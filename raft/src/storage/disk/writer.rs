//! The write side: staging Readys into one buffer, and making it durable with one write and one flush.

use std::{io, sync::Arc};

use slog::warn;

use super::{
    batch::Batch,
    codec::round_up,
    error::OpenError,
    file_system::OpenMode,
    frame::{self, Purpose},
    header::{Header, Mark},
    housekeeping::Housekeeper,
    names::Name,
    reader::DiskReader,
    segment::Prepared,
    shared::Shared,
    snapshots::{self, DiskSaver},
};
use crate::{
    consensus::{Entries, EntryId, HardState, LogIndex, Ready, Snapshot, StorageError},
    storage::{SnapshotSaver, StorageWriter},
};

/// Room at a segment's end that entries do not use: when the disk is full, votes still fit.
const RESERVE_BYTES: u64 = 4096;
/// Of that, what is left for the frame that closes or seals the segment.
const SEAL_BYTES: u64 = 2 * frame::Head::BYTES as u64;
/// A segment of another size is made for a frame that fits into none; in steps of this.
const PAGE: u64 = 4096;

/// A log in a directory of its own: hard state, entries and snapshots, durable. See the [module](super).
///
/// Whoever drops it closes it: what was synced is there, and what was only staged is not.
pub struct DiskStorage {
    pub(super) shared: Arc<Shared>,
    pub(super) housekeeper: Housekeeper,
    pub(super) batch: Batch,
    /// As of the last Ready staged.
    pub(super) hard_state: HardState,
    /// Whether that is in no frame yet.
    pub(super) is_hard_state_unsaid: bool,
    /// Whether the last frame says that the log was closed.
    pub(super) is_closed: bool,
    // Last: everything else has ended when another process may come.
    pub(super) _lock: Box<dyn Send + Sync>,
}

impl DiskStorage {
    /// Sees to it that a frame of `bytes` fits into the present segment with `reserve` bytes to spare, or goes on to
    /// the next.
    ///
    /// # Errors
    /// If no segment can be prepared, the log is as it was.
    fn make_room(&mut self, bytes: u64, reserve: u64) -> Result<(), StorageError> {
        if self.batch.has_room(bytes, reserve) {
            return Ok(());
        }
        let header = self.batch.segment().start;
        let size = header.saturating_add(bytes).saturating_add(RESERVE_BYTES);
        let prepared = self.housekeeper.take_spare(round_up(size, PAGE))?;
        self.flush()?;
        Ok(self.rotate(prepared).map_err(|error| self.shared.fail(error))?)
    }

    /// Goes on in another segment. All of the present one is durable.
    fn rotate(&mut self, prepared: Prepared) -> Result<(), OpenError> {
        let (old, previous_end) = (Arc::clone(self.batch.segment()), self.batch.end());
        let header = {
            let state = self.shared.state.read();
            Header {
                log: self.shared.log,
                sequence: old.sequence.saturating_add(1),
                size: prepared.size,
                previous_end,
                last: state.last_id(),
                // Not what is only staged: a header says nothing that the segments before it do not.
                hard_state: state.hard_state,
                mark: state.mark,
                membership: state.membership.clone(),
            }
        };
        let segment = Arc::new(prepared.put_in_use(&*self.shared.files, &self.shared.directory, &header)?);
        // From now on, the new segment missing is damage.
        let mut seal = Batch::new(old, previous_end, header.last);
        if seal.has_room(frame::Head::BYTES as u64, 0) {
            seal.put_hard_state(header.hard_state, Purpose::Seal);
            seal.write()?;
        }
        self.shared.state.write().push_segment(Arc::clone(&segment));
        self.batch.go_on_in(segment);
        Ok(())
    }

    /// Makes what is in the buffer durable, and lets readers see it.
    fn flush(&mut self) -> Result<(), StorageError> {
        if self.batch.is_empty() {
            return Ok(());
        }
        self.is_closed = false;
        let was_half_full = self.batch.is_half_full();
        let retired = self.batch.write().and_then(|()| {
            let mut state = self.shared.state.write();
            self.batch.publish(&mut state)?;
            Ok(state.take_unneeded())
        });
        let retired = retired.map_err(|error| self.shared.fail(error))?;
        self.housekeeper.retire(retired);
        if self.batch.is_half_full() && !was_half_full {
            self.housekeeper.order_spare();
        }
        if self.batch.take_has_new_snapshot() {
            self.housekeeper.remove_snapshots();
        }
        Ok(())
    }

    /// What the first of the entries follows.
    fn predecessor(&self, first: EntryId) -> Result<EntryId, StorageError> {
        let index = first.index.previous();
        if first.index <= self.hard_state.commit.min(self.batch.last_id().index) {
            return Err(invalid(format!("entry {first} would replace a committed one")));
        }
        if index > self.batch.last_id().index {
            return Err(StorageError::Unavailable(index));
        }
        let term = match self.batch.term(index) {
            Some(term) => term,
            None => self.shared.state.read().term(index)?,
        };
        Ok(EntryId { term, index })
    }

    /// Stages a Ready that has a snapshot, entries, or both.
    fn stage_entries(&mut self, ready: &Ready, hard_state: HardState) -> Result<(), StorageError> {
        let first = ready.entries.iter().find_map(Entries::first_id);
        let base = match (&ready.snapshot, first) {
            (Some(snapshot), _) => snapshot.last,
            (None, Some(first)) => self.predecessor(first)?,
            (None, None) => return Ok(()),
        };
        check_contiguous(&ready.entries, base)?;
        let entries = || ready.entries.iter().flat_map(|run| run.iter());
        let mark = Mark { snapshot: base, base, first_segment: 0 };
        let purpose = if ready.snapshot.is_some() { Purpose::Install(mark) } else { Purpose::Write };
        let too_large = || invalid("an entry is larger than 4 GiB".to_owned());
        let bytes = frame::frame_bytes(purpose, entries()).ok_or_else(too_large)?;
        if let Some(snapshot) = &ready.snapshot {
            snapshots::save_copy(&self.shared, snapshot)?;
        }
        self.make_room(bytes, RESERVE_BYTES)?;
        self.batch.reserve(bytes);
        match &ready.snapshot {
            Some(snapshot) => {
                let mark = Mark { first_segment: self.batch.segment().sequence, ..mark };
                self.batch.put_snapshot(hard_state, Purpose::Install(mark), &snapshot.membership, entries());
            }
            None => self.batch.put_entries(hard_state, entries()),
        }
        Ok(())
    }
}

impl StorageWriter for DiskStorage {
    type Reader = DiskReader;

    fn reader(&self) -> DiskReader {
        DiskReader { shared: Arc::clone(&self.shared) }
    }

    /// If it fails because the disk is full ([`io::ErrorKind::StorageFull`]), the log is as it was before: votes
    /// still fit, and the same Ready can be staged again when there is room.
    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        self.shared.check()?;
        let hard_state = ready.hard_state.unwrap_or(self.hard_state);
        let last_entry = ready.entries.iter().rev().find_map(Entries::last_id);
        let last = last_entry.or(ready.snapshot.as_ref().map(|snapshot| snapshot.last));
        check_commit(hard_state.commit, last.unwrap_or(self.batch.last_id()))?;
        if last.is_some() {
            self.stage_entries(ready, hard_state)?;
            self.is_hard_state_unsaid = false;
        } else if hard_state != self.hard_state {
            self.is_hard_state_unsaid = true;
        }
        self.hard_state = hard_state;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.shared.check()?;
        if self.is_hard_state_unsaid {
            self.make_room(frame::Head::BYTES as u64, SEAL_BYTES)?;
            self.batch.put_hard_state(self.hard_state, Purpose::Write);
            self.is_hard_state_unsaid = false;
        }
        self.flush()
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        Box::new(DiskSaver(Arc::clone(&self.shared)))
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        self.sync()?;
        let (base, mark) = {
            let state = self.shared.state.read();
            let last = snapshot.last;
            if last.index <= state.mark.snapshot.index {
                return Err(StorageError::Compacted(last.index));
            }
            if state.term(last.index)? != last.term {
                return Err(invalid(format!("snapshot {last} is not of this log")));
            }
            let index = LogIndex(last.index.0.saturating_sub(keep)).max(state.base().index);
            let base = EntryId { index, term: state.term(index)? };
            (base, Mark { snapshot: last, base, first_segment: state.first_needed(index) })
        };
        debug_assert!(base.index <= snapshot.last.index, "the log is cut where the snapshot ends, or before");
        let path = Name::Snapshot(snapshot.last).path(&self.shared.directory);
        if self.shared.files.open(&path, OpenMode::Read).is_err() {
            snapshots::save_copy(&self.shared, &snapshot)?;
        }
        self.make_room(frame::Head::BYTES_MAX as u64, SEAL_BYTES)?;
        self.batch.put_snapshot(
            self.hard_state,
            Purpose::Compact(mark),
            &snapshot.membership,
            std::iter::empty(),
        );
        self.flush()
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        snapshots::current(&self.shared)
    }
}

impl Drop for DiskStorage {
    /// Says in the log that it was closed. Without that, damage to the very last write cannot be told from a write that
    /// was cut off.
    fn drop(&mut self) {
        if self.is_closed || self.shared.has_failed() {
            return;
        }
        self.batch.forget();
        if self.batch.has_room(frame::Head::BYTES as u64, frame::Head::BYTES as u64) {
            let durable = self.shared.state.read().hard_state;
            self.batch.put_hard_state(durable, Purpose::Close);
            if let Err(error) = self.batch.write() {
                warn!(
                    self.shared.logger,
                    "the log could not be closed: {error} -> it is read as after a crash"
                );
            }
        }
    }
}

/// Checks that a log which ends at `last` holds what is committed: it could not be opened again otherwise.
fn check_commit(commit: LogIndex, last: EntryId) -> Result<(), StorageError> {
    if commit > last.index {
        return Err(invalid(format!("entry {commit} is committed, but the log ends at {last}")));
    }
    Ok(())
}

/// Checks that the runs follow one another, and `base`.
fn check_contiguous(runs: &[Entries], base: EntryId) -> Result<(), StorageError> {
    let mut previous = base;
    for entry in runs.iter().flat_map(|run| run.iter()) {
        if entry.id.index != previous.index.next() || entry.id.term < previous.term {
            return Err(invalid(format!("entry {} cannot follow entry {previous}", entry.id)));
        }
        previous = entry.id;
    }
    Ok(())
}

fn invalid(what: String) -> StorageError {
    io::Error::new(io::ErrorKind::InvalidInput, what).into()
}

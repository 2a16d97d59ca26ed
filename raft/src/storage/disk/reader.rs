//! The read side: entries straight from the files, checked each time.

use std::{io, sync::Arc};

use bytes::Bytes;

use super::{
    error::Damage,
    frame::EntryHead,
    segment::Segment,
    shared::Shared,
    snapshots,
    state::{LogState, Position},
};
use crate::consensus::{
    Entries, Entry, HardState, InitialState, LogIndex, Snapshot, Storage, StorageError, Term,
};

/// Reads a log on disk, as far as it is durable. Clones read the same log.
#[derive(Clone)]
pub struct DiskReader {
    pub(super) shared: Arc<Shared>,
}

/// Entries that lie close together in one segment: one read.
struct Stretch {
    segment: Arc<Segment>,
    first: LogIndex,
    positions: Vec<Position>,
}

impl DiskReader {
    /// The hard state that is durable.
    #[must_use]
    pub fn hard_state(&self) -> HardState {
        self.shared.state.read().hard_state
    }
}

impl Storage for DiskReader {
    fn initial_state(&self) -> Result<InitialState, StorageError> {
        let state = self.shared.state.read();
        Ok(InitialState { hard_state: state.hard_state, membership: state.membership.clone() })
    }

    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        let stretches = stretches(&self.shared.state.read(), first, last, max_bytes)?;
        // From here on without the lock. What the stretches name stays readable: a segment that somebody holds is
        // removed, but not written again.
        let mut entries = Vec::new();
        for stretch in &stretches {
            stretch.read(&mut entries)?;
        }
        Entries::try_from(entries).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error).into())
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        self.shared.state.read().term(index)
    }

    fn first_index(&self) -> Result<LogIndex, StorageError> {
        Ok(self.shared.state.read().base().index.next())
    }

    fn last_index(&self) -> Result<LogIndex, StorageError> {
        Ok(self.shared.state.read().last_id().index)
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        snapshots::current(&self.shared)?.ok_or(StorageError::SnapshotTemporarilyUnavailable)
    }
}

/// Where the entries from `first` on lie, up to `last`, as many as weigh no more than `max_bytes`, but at least one.
fn stretches(
    state: &LogState,
    first: LogIndex,
    last: LogIndex,
    max_bytes: usize,
) -> Result<Vec<Stretch>, StorageError> {
    if first <= state.base().index {
        return Err(StorageError::Compacted(first));
    }
    if first > state.last_id().index {
        return Err(StorageError::Unavailable(first));
    }
    let last = last.min(state.last_id().index);
    let (mut next, mut bytes) = (first, 0_usize);
    let mut stretches: Vec<Stretch> = Vec::new();
    while next <= last {
        let Some((segment, positions)) = state.positions(next) else { break };
        let wanted = usize::try_from(last.0 - next.0).unwrap_or(usize::MAX).saturating_add(1);
        let mut stretch = Stretch { segment: Arc::clone(segment), first: next, positions: Vec::new() };
        for &position in positions.iter().take(wanted) {
            bytes = bytes.saturating_add(weight(position));
            let is_first = next == first;
            if bytes > max_bytes && !is_first {
                stretches.push(stretch);
                return Ok(stretches);
            }
            if !stretch.reaches(position) {
                let new = Stretch { segment: Arc::clone(segment), first: next, positions: Vec::new() };
                stretches.push(std::mem::replace(&mut stretch, new));
            }
            stretch.positions.push(position);
            next = next.next();
        }
        stretches.push(stretch);
    }
    Ok(stretches)
}

/// What the entry weighs against limits in bytes.
const fn weight(position: Position) -> usize {
    position.size() as usize - EntryHead::BYTES + Entry::OVERHEAD
}

impl Stretch {
    /// What lies between two entries and is not wanted: more than this is not worth reading.
    const GAP_BYTES_MAX: u64 = 4 << 10;

    /// Whether the entry at `position` lies close to those that are here.
    fn reaches(&self, position: Position) -> bool {
        self.positions.last().is_none_or(|last| position.offset() <= last.end() + Self::GAP_BYTES_MAX)
    }

    fn read(&self, entries: &mut Vec<Entry>) -> Result<(), StorageError> {
        let (Some(first), Some(last)) = (self.positions.first(), self.positions.last()) else {
            return Ok(());
        };
        let start = first.offset();
        let mut buffer = vec![0; usize::try_from(last.end() - start).unwrap_or(usize::MAX)];
        self.segment.file.read_exact_at(&mut buffer, start).map_err(|error| {
            let at = format!("cannot read {} at offset {start}: {error}", self.segment.path.display());
            io::Error::new(error.kind(), at)
        })?;
        let buffer = Bytes::from(buffer);
        for (index, position) in (self.first.0..).map(LogIndex).zip(&self.positions) {
            let from = usize::try_from(position.offset() - start).unwrap_or(usize::MAX);
            let bytes = buffer.slice(from..from + position.size() as usize);
            entries.push(self.entry(index, *position, &bytes)?);
        }
        Ok(())
    }

    /// The entry, if its bytes are as they were written.
    fn entry(&self, index: LogIndex, position: Position, bytes: &Bytes) -> Result<Entry, Damage> {
        let head = EntryHead::decode(bytes).filter(|head| {
            head.bytes() == u64::from(position.size())
                && head.id.index == index
                && head.is_sound(bytes, self.segment.seed)
        });
        let damaged = || {
            let what = format!("entry {index} does not match its checksum");
            Damage::new(&self.segment.path, position.offset(), what)
        };
        head.map(|head| head.entry(bytes)).ok_or_else(damaged)
    }
}

//! Snapshots: a file each, named after the last entry that it contains.
//!
//! ```text
//! magic version checksum length | log last-entry membership
//! chunk: length checksum bytes
//! chunk: …
//! magic total-length chunks checksum
//! ```
//!
//! A file has this name only when all of it is durable. It counts only when a frame of the log says so.

use std::path::Path;

use bytes::Bytes;

use super::{
    codec::{Fields, Put, checksum, seed},
    error::{Damage, Naming, OpenError},
    file_system::{File, FileSystem, OpenMode},
    header::{LENGTH_MAX, VERSION},
    names::{Name, unfinished},
    segment::remove_if_there,
    shared::Shared,
};
use crate::consensus::{EntryId, LogIndex, Membership, Snapshot, StorageError};
use crate::storage::SnapshotSaver;

const MAGIC: [u8; 8] = *b"QUORSNAP";
const END_MAGIC: [u8; 8] = *b"QSNAPEND";
/// Magic, version, checksum and length.
const PREFIX: usize = 24;
const FOOTER: usize = 28;
const CHUNK_HEAD: usize = 8;
const CHUNK_BYTES: usize = 1 << 20;

/// Makes `snapshot` durable, under its name.
pub(super) fn save(shared: &Shared, snapshot: &Snapshot) -> Result<(), OpenError> {
    let _one_at_a_time = shared.saving.lock();
    let path = Name::Snapshot(snapshot.last).path(&shared.directory);
    let temporary = unfinished(&path);
    let files = &*shared.files;
    remove_if_there(files, &temporary)?;
    let file = files.open(&temporary, OpenMode::CreateNew).naming("create", &temporary)?;
    let written = write(&*file, shared.log, snapshot).naming("write", &temporary);
    let named = written.and_then(|()| files.rename(&temporary, &path).naming("rename", &temporary));
    if let Err(error) = named {
        // It only takes room. If it cannot be removed, the next opening does it.
        let _ = files.remove(&temporary);
        return Err(error);
    }
    shared.sync_directory()
}

fn write(file: &dyn File, log: u64, snapshot: &Snapshot) -> std::io::Result<()> {
    let seed = seed(log, snapshot.last.index.0);
    let mut buffer = encode_head(log, snapshot);
    let mut offset = 0;
    let data = snapshot.data.to_bytes()?;
    let chunks = data.chunks(CHUNK_BYTES);
    let count = chunks.len() as u64;
    for chunk in chunks {
        buffer.put_u32(u32::try_from(chunk.len()).unwrap_or(u32::MAX));
        buffer.put_u32(checksum(seed, chunk));
        buffer.extend_from_slice(chunk);
        file.write_all_at(&buffer, offset)?;
        offset += buffer.len() as u64;
        buffer.clear();
    }
    let footer = buffer.len();
    buffer.extend_from_slice(&END_MAGIC);
    buffer.put_u64(snapshot.data.size());
    buffer.put_u64(count);
    let sum = checksum(seed, &buffer[footer..]);
    buffer.put_u32(sum);
    file.write_all_at(&buffer, offset)?;
    file.sync_all()
}

fn encode_head(log: u64, snapshot: &Snapshot) -> Vec<u8> {
    let mut fields = Vec::new();
    fields.put_u64(log);
    fields.put_id(snapshot.last);
    fields.put_membership(&snapshot.membership);
    let mut head = MAGIC.to_vec();
    head.put_u32(VERSION);
    head.put_u32(checksum(0, &fields));
    head.put_u64((PREFIX + fields.len()) as u64);
    head.extend_from_slice(&fields);
    head
}

/// Reads a snapshot file from front to back.
pub(super) struct SnapshotFile<'a> {
    path: &'a Path,
    file: Box<dyn File>,
    size: u64,
    seed: u32,
    offset: u64,
    /// What the footer says: bytes of data, and chunks.
    total: u64,
    chunks: u64,
    pub(super) last: EntryId,
    pub(super) membership: Membership,
}

impl<'a> SnapshotFile<'a> {
    /// Opens the file at `path`, and checks that it is a snapshot of log `log` at `last`.
    pub(super) fn open(
        files: &dyn FileSystem,
        path: &'a Path,
        log: u64,
        last: EntryId,
    ) -> Result<Self, OpenError> {
        let file = files.open(path, OpenMode::Read).naming("open", path)?;
        let size = file.size().naming("read the size of", path)?;
        let seed = seed(log, last.index.0);
        let (total, chunks, membership) = (0, 0, Membership::default());
        let mut snapshot = Self { path, file, size, seed, offset: 0, total, chunks, last, membership };
        snapshot.read_head(log)?;
        snapshot.read_footer()?;
        Ok(snapshot)
    }

    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, OpenError> {
        // Before the memory is taken: the length may come from the disk.
        if offset.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(self.damage(offset, "the snapshot is cut short"));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).naming("read", self.path)?;
        Ok(bytes)
    }

    fn damage(&self, offset: u64, what: &str) -> OpenError {
        Damage::new(self.path, offset, what).into()
    }

    fn read_head(&mut self, log: u64) -> Result<(), OpenError> {
        let not_one = |file: &Self| file.damage(0, "this is no snapshot");
        let prefix = self.read(0, PREFIX)?;
        let mut fields = Fields(prefix.strip_prefix(&MAGIC).ok_or_else(|| not_one(self))?);
        let (Some(version), Some(sum), Some(length)) = (fields.u32(), fields.u32(), fields.u64()) else {
            return Err(not_one(self));
        };
        if version != VERSION {
            return Err(OpenError::Version { path: self.path.to_owned(), found: version, known: VERSION });
        }
        let body = length.checked_sub(PREFIX as u64).filter(|&body| body <= LENGTH_MAX);
        let body = body.and_then(|body| usize::try_from(body).ok()).ok_or_else(|| not_one(self))?;
        let bytes = self.read(PREFIX as u64, body)?;
        let mut fields = Fields(&bytes);
        let (own_log, last, membership) = (fields.u64(), fields.id(), fields.membership());
        let Some(membership) = membership.filter(|_| checksum(0, &bytes) == sum) else {
            return Err(self.damage(0, "the head of the snapshot does not match its checksum"));
        };
        if own_log != Some(log) || last != Some(self.last) {
            return Err(self.damage(0, "this is the snapshot of another log, or of another entry"));
        }
        (self.membership, self.offset) = (membership, length);
        Ok(())
    }

    fn read_footer(&mut self) -> Result<(), OpenError> {
        let start = self.size.saturating_sub(FOOTER as u64);
        let footer = self.read(start, FOOTER)?;
        let mut fields = Fields(footer.strip_prefix(&END_MAGIC).unwrap_or_default());
        let (total, chunks, sum) = (fields.u64(), fields.u64(), fields.u32());
        let (Some(total), Some(chunks), Some(sum)) = (total, chunks, sum) else {
            return Err(self.damage(start, "the snapshot has no end"));
        };
        // The size follows from what the footer says; nothing is allocated by a footer that does not fit.
        let heads = chunks.checked_mul(CHUNK_HEAD as u64);
        let expected =
            heads.and_then(|heads| heads.checked_add(total)).and_then(|data| data.checked_add(self.offset));
        if sum != checksum(self.seed, &footer[..24]) || expected != Some(start) {
            return Err(self.damage(start, "the end of the snapshot does not match its checksum"));
        }
        (self.total, self.chunks) = (total, chunks);
        Ok(())
    }

    /// Gives each chunk to `take`, after checking it.
    pub(super) fn read_data(&mut self, mut take: impl FnMut(&[u8])) -> Result<(), OpenError> {
        let mut left = self.total;
        for _ in 0..self.chunks {
            let head = self.read(self.offset, CHUNK_HEAD)?;
            let mut fields = Fields(&head);
            let (length, sum) = (fields.u32().unwrap_or_default(), fields.u32().unwrap_or_default());
            if u64::from(length) > left {
                return Err(self.damage(self.offset, "a part of the snapshot is longer than the whole"));
            }
            let bytes = self.read(self.offset + CHUNK_HEAD as u64, length as usize)?;
            if checksum(self.seed, &bytes) != sum {
                return Err(self.damage(self.offset, "a part of the snapshot does not match its checksum"));
            }
            take(&bytes);
            left -= u64::from(length);
            self.offset += CHUNK_HEAD as u64 + u64::from(length);
        }
        if left == 0 { Ok(()) } else { Err(self.damage(self.offset, "a part of the snapshot is missing")) }
    }

    /// The whole snapshot.
    pub(super) fn into_snapshot(mut self) -> Result<Snapshot, OpenError> {
        // No more than the file holds: checked with the footer.
        let mut data = Vec::with_capacity(usize::try_from(self.total).unwrap_or_default());
        self.read_data(|chunk| data.extend_from_slice(chunk))?;
        Ok(Snapshot { last: self.last, membership: self.membership, data: Bytes::from(data).into() })
    }
}

/// The snapshot in force.
pub(super) fn current(shared: &Shared) -> Result<Option<Snapshot>, StorageError> {
    loop {
        let mark = shared.state.read().mark;
        let Some(last) = mark.snapshot() else { return Ok(None) };
        let path = Name::Snapshot(last).path(&shared.directory);
        let file = SnapshotFile::open(&*shared.files, &path, shared.log, last);
        match file.and_then(SnapshotFile::into_snapshot) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            // Two newer ones have come meanwhile, and it was removed.
            Err(_) if shared.state.read().mark.snapshot != last => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Removes the snapshots older than the one in force, but for the latest of them.
pub(super) fn remove_older(shared: &Shared, in_force: Option<EntryId>) -> Result<(), OpenError> {
    let index = in_force.map_or(LogIndex::ZERO, |last| last.index);
    let names = shared.files.list(&shared.directory).naming("list", &shared.directory)?;
    let mut older: Vec<_> = names.iter().filter_map(|path| Name::of(path)).collect();
    older.retain(|name| matches!(name, Name::Snapshot(last) if last.index < index));
    older.sort_unstable_by_key(|name| match name {
        Name::Snapshot(last) => last.index,
        Name::Segment(_) | Name::Spare(_) | Name::Unfinished => LogIndex::ZERO,
    });
    // One is kept for whoever is reading it, and for a repair by hand.
    older.pop();
    for name in &older {
        remove_if_there(&*shared.files, &name.path(&shared.directory))?;
    }
    if older.is_empty() { Ok(()) } else { shared.sync_directory() }
}

/// Saves snapshots while the log is being written.
pub(super) struct DiskSaver(pub(super) std::sync::Arc<Shared>);

impl SnapshotSaver for DiskSaver {
    fn save(
        &self,
        last: EntryId,
        membership: Membership,
        write: crate::state_machine::SnapshotWriter,
    ) -> Result<Snapshot, StorageError> {
        self.0.check()?;
        let mut data = Vec::new();
        write(&mut data).map_err(StorageError::from)?;
        let snapshot = Snapshot { last, membership, data: data.into() };
        save(&self.0, &snapshot)?;
        Ok(snapshot)
    }
}

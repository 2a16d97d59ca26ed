//! The log on disk, and the least that any log can do: as many bytes written and flushed in a plain file.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

use bytes::Bytes;
use quorate::{
    DiskOptions, DiskStorage, Entries, Entry, EntryId, HardState, LogIndex, Membership, NodeId, Ready, Term,
};
use slog::{Discard, Logger, o};

use crate::Failure;

/// What a frame of the log has beside its entries.
const FRAME_HEAD_BYTES: usize = 72;
/// What an entry has in the log beside its payload.
const ENTRY_HEAD_BYTES: usize = 32;

/// How many bytes the log writes for so many entries of so many bytes each.
#[must_use]
pub fn frame_bytes(entries: usize, entry_bytes: usize) -> usize {
    FRAME_HEAD_BYTES + entries * (ENTRY_HEAD_BYTES + entry_bytes)
}

/// Opens the log in a directory, as it is by default.
///
/// # Errors
/// If it cannot.
pub fn open(directory: &Path) -> Result<DiskStorage, Failure> {
    let founders = Membership::of_voters([1, 2, 3].map(NodeId));
    Ok(DiskStorage::open(directory, founders, DiskOptions::default(), Logger::root(Discard, o!()))?)
}

/// What is to be written for these payloads: an entry for each, from index `first` on, and a hard state.
///
/// # Errors
/// None but a mistake.
pub fn ready(first: u64, payloads: impl IntoIterator<Item = Bytes>) -> Result<Ready, Failure> {
    let ids = (first..).map(|index| EntryId::new(1, index));
    let entries: Vec<_> = ids.zip(payloads).map(|(id, payload)| Entry::command(id, payload)).collect();
    let hard_state = HardState { term: Term(1), vote: Some(NodeId(1)), commit: LogIndex(first).previous() };
    Ok(Ready {
        entries: vec![Entries::try_from(entries)?],
        hard_state: Some(hard_state),
        must_sync: true,
        ..Ready::default()
    })
}

/// A file all of which was written once, as the segments of the log were: writing it again changes nothing but its
/// contents.
pub struct RawFile {
    file: File,
    offset: u64,
    buffer: Vec<u8>,
}

impl RawFile {
    const BYTES: u64 = 64 << 20;

    /// Writes a new file.
    ///
    /// # Errors
    /// Of the file system.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = fs::OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        let zeros = vec![0; 1 << 20];
        for offset in (0..Self::BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, offset)?;
        }
        file.sync_all()?;
        Ok(Self { file, offset: 0, buffer: Vec::new() })
    }

    /// Writes so many bytes after those of the last time, and waits until the disk has them.
    ///
    /// # Errors
    /// Of the file system.
    pub fn write(&mut self, bytes: usize) -> io::Result<()> {
        self.buffer.resize(bytes, b'y');
        if self.offset + bytes as u64 > Self::BYTES {
            self.offset = 0;
        }
        self.file.write_all_at(&self.buffer, self.offset)?;
        self.offset += bytes as u64;
        self.file.sync_data()
    }
}

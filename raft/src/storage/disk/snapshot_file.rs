//! A snapshot's file: written and read piece by piece, and checked piece by piece.
//!
//! ```text
//! magic version checksum length | log last-entry membership
//! chunk: length checksum bytes
//! chunk: …
//! magic total-length chunks checksum
//! ```

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    codec::{Fields, Put, checksum, seed},
    error::{Damage, Naming, OpenError},
    file_system::{File, FileSystem, OpenMode},
    header::{LENGTH_MAX, VERSION},
};
use crate::consensus::{EntryId, Membership, SnapshotSource};

const MAGIC: [u8; 8] = *b"QUORSNAP";
const END_MAGIC: [u8; 8] = *b"QSNAPEND";
/// Magic, version, checksum and length.
const PREFIX: usize = 24;
const FOOTER: usize = 28;
const CHUNK_HEAD: usize = 8;
const CHUNK_BYTES: usize = 1 << 20;

/// Writes a snapshot into a new file.
pub(super) struct SnapshotFileWriter<'a> {
    file: &'a dyn File,
    seed: u32,
    /// Where the file ends so far.
    offset: u64,
    /// The head, or what a chunk's head will be, and then the chunk's bytes so far.
    buffer: Vec<u8>,
    /// Where in `buffer` the chunk's bytes begin.
    chunk: usize,
    total: u64,
    chunks: u64,
}

impl<'a> SnapshotFileWriter<'a> {
    pub(super) fn new(file: &'a dyn File, log: u64, last: EntryId, membership: &Membership) -> Self {
        let mut buffer = encode_head(log, last, membership);
        buffer.resize(buffer.len() + CHUNK_HEAD, 0);
        let chunk = buffer.len();
        Self { file, seed: seed(log, last.index.0), offset: 0, buffer, chunk, total: 0, chunks: 0 }
    }

    /// Ends the file, and makes it durable.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.put_chunk()?;
        let mut footer = END_MAGIC.to_vec();
        footer.put_u64(self.total);
        footer.put_u64(self.chunks);
        footer.put_u32(checksum(self.seed, &footer));
        self.file.write_all_at(&footer, self.offset)?;
        self.file.sync_all()
    }

    /// Writes what has come together. The last piece may be empty.
    fn put_chunk(&mut self) -> io::Result<()> {
        let (head, bytes) = self.buffer.split_at_mut(self.chunk);
        let (length, sum) = (u32::try_from(bytes.len()).unwrap_or(u32::MAX), checksum(self.seed, bytes));
        let start = head.len() - CHUNK_HEAD;
        head[start..start + 4].copy_from_slice(&length.to_le_bytes());
        head[start + 4..].copy_from_slice(&sum.to_le_bytes());
        self.total += u64::from(length);
        self.chunks += 1;
        self.file.write_all_at(&self.buffer, self.offset)?;
        self.offset += self.buffer.len() as u64;
        self.buffer.clear();
        self.buffer.resize(CHUNK_HEAD, 0);
        self.chunk = CHUNK_HEAD;
        Ok(())
    }
}

impl Write for SnapshotFileWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let room = CHUNK_BYTES - (self.buffer.len() - self.chunk);
        let taken = bytes.len().min(room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        if taken == room {
            self.put_chunk()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn encode_head(log: u64, last: EntryId, membership: &Membership) -> Vec<u8> {
    let mut fields = Vec::new();
    fields.put_u64(log);
    fields.put_id(last);
    fields.put_membership(membership);
    let mut head = MAGIC.to_vec();
    head.put_u32(VERSION);
    head.put_u32(checksum(0, &fields));
    head.put_u64((PREFIX + fields.len()) as u64);
    head.extend_from_slice(&fields);
    head
}

/// A snapshot's file, open, whose head and end are good.
pub(super) struct SnapshotFile {
    raw: RawFile,
    /// Where the chunks begin.
    start: u64,
    /// Bytes of data.
    total: u64,
    chunks: u64,
    pub(super) membership: Membership,
}

/// Bytes that are not to be believed.
#[derive(Clone)]
struct RawFile {
    file: Arc<dyn File>,
    path: PathBuf,
    size: u64,
    seed: u32,
}

impl SnapshotFile {
    /// Opens the file at `path`, and checks that it is a snapshot of log `log` at `last`.
    pub(super) fn open(
        files: &dyn FileSystem,
        path: &Path,
        log: u64,
        last: EntryId,
    ) -> Result<Self, OpenError> {
        let file: Arc<dyn File> = files.open(path, OpenMode::Read).naming("open", path)?.into();
        let size = file.size().naming("read the size of", path)?;
        let raw = RawFile { file, path: path.to_owned(), size, seed: seed(log, last.index.0) };
        let (start, membership) = raw.read_head(log, last)?;
        let (total, chunks) = raw.read_footer(start)?;
        Ok(Self { raw, start, total, chunks, membership })
    }

    /// Its data, from the first byte on.
    pub(super) fn chunks(&self) -> Chunks {
        let raw = self.raw.clone();
        Chunks {
            raw,
            offset: self.start,
            left: self.total,
            chunks: self.chunks,
            bytes: Vec::new(),
            position: 0,
        }
    }

    /// Reads all of it, and keeps nothing. How many bytes of data there are.
    pub(super) fn check(&self) -> Result<u64, OpenError> {
        let mut chunks = self.chunks();
        while chunks.advance()? {}
        Ok(self.total)
    }
}

impl SnapshotSource for SnapshotFile {
    fn size(&self) -> u64 {
        self.total
    }

    fn open(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(self.chunks()))
    }
}

impl RawFile {
    fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, OpenError> {
        // Before the memory is taken: the length may come from the disk.
        if offset.checked_add(length as u64).is_none_or(|end| end > self.size) {
            return Err(self.damage(offset, "the snapshot is cut short"));
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).naming("read", &self.path)?;
        Ok(bytes)
    }

    fn damage(&self, offset: u64, what: &str) -> OpenError {
        Damage::new(&self.path, offset, what).into()
    }

    /// Where the head ends, and the membership in it.
    fn read_head(&self, log: u64, last: EntryId) -> Result<(u64, Membership), OpenError> {
        let not_one = || self.damage(0, "this is no snapshot");
        let prefix = self.read(0, PREFIX)?;
        let mut fields = Fields(prefix.strip_prefix(&MAGIC).ok_or_else(not_one)?);
        let (Some(version), Some(sum), Some(length)) = (fields.u32(), fields.u32(), fields.u64()) else {
            return Err(not_one());
        };
        if version != VERSION {
            return Err(OpenError::Version { path: self.path.clone(), found: version, known: VERSION });
        }
        let body = length.checked_sub(PREFIX as u64).filter(|&body| body <= LENGTH_MAX);
        let body = body.and_then(|body| usize::try_from(body).ok()).ok_or_else(not_one)?;
        let bytes = self.read(PREFIX as u64, body)?;
        let mut fields = Fields(&bytes);
        let (own_log, own_last, membership) = (fields.u64(), fields.id(), fields.membership());
        let Some(membership) = membership.filter(|_| checksum(0, &bytes) == sum) else {
            return Err(self.damage(0, "the head of the snapshot does not match its checksum"));
        };
        if own_log != Some(log) || own_last != Some(last) {
            return Err(self.damage(0, "this is the snapshot of another log, or of another entry"));
        }
        Ok((length, membership))
    }

    /// How many bytes of data there are, and chunks.
    fn read_footer(&self, data: u64) -> Result<(u64, u64), OpenError> {
        let start = self.size.saturating_sub(FOOTER as u64);
        let footer = self.read(start, FOOTER)?;
        let mut fields = Fields(footer.strip_prefix(&END_MAGIC).unwrap_or_default());
        let (Some(total), Some(chunks), Some(sum)) = (fields.u64(), fields.u64(), fields.u32()) else {
            return Err(self.damage(start, "the snapshot has no end"));
        };
        // The size follows from what the footer says; nothing is allocated by a footer that does not fit.
        let heads = chunks.checked_mul(CHUNK_HEAD as u64);
        let expected =
            heads.and_then(|heads| heads.checked_add(total)).and_then(|bytes| bytes.checked_add(data));
        if sum != checksum(self.seed, &footer[..FOOTER - 4]) || expected != Some(start) {
            return Err(self.damage(start, "the end of the snapshot does not match its checksum"));
        }
        Ok((total, chunks))
    }
}

/// Reads a snapshot's data; each chunk is checked before any of it is given out.
pub(super) struct Chunks {
    raw: RawFile,
    offset: u64,
    /// Bytes of data, and chunks, that are still to come.
    left: u64,
    chunks: u64,
    /// The present chunk, and how much of it was given out.
    bytes: Vec<u8>,
    position: usize,
}

impl Chunks {
    /// Goes on to the next chunk; whether there is one.
    fn advance(&mut self) -> Result<bool, OpenError> {
        if self.chunks == 0 {
            let is_whole = self.left == 0;
            return if is_whole { Ok(false) } else { Err(self.damage("a part of the snapshot is missing")) };
        }
        let head = self.raw.read(self.offset, CHUNK_HEAD)?;
        let mut fields = Fields(&head);
        let (length, sum) = (fields.u32().unwrap_or_default(), fields.u32().unwrap_or_default());
        if u64::from(length) > self.left {
            return Err(self.damage("a part of the snapshot is longer than the whole"));
        }
        let bytes = self.raw.read(self.offset + CHUNK_HEAD as u64, length as usize)?;
        if checksum(self.raw.seed, &bytes) != sum {
            return Err(self.damage("a part of the snapshot does not match its checksum"));
        }
        (self.bytes, self.position) = (bytes, 0);
        self.chunks -= 1;
        self.left -= u64::from(length);
        self.offset += CHUNK_HEAD as u64 + u64::from(length);
        Ok(true)
    }

    fn damage(&self, what: &str) -> OpenError {
        self.raw.damage(self.offset, what)
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.bytes.len() {
            if !self.advance().map_err(io::Error::other)? {
                return Ok(0);
            }
        }
        let taken = buffer.len().min(self.bytes.len() - self.position);
        buffer[..taken].copy_from_slice(&self.bytes[self.position..self.position + taken]);
        self.position += taken;
        Ok(taken)
    }
}

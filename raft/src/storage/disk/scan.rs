//! Reading a segment from front to back, believing nothing.

use std::io;

use super::{
    codec::{Put as _, round_up},
    file_system::File,
    frame::{ALIGNMENT, CANDIDATE_BYTES, EntryHead, Head, may_be_head},
    segment::Segment,
    state::{Placed, Position},
};

/// A part of a file in memory, moved along as it is read. Bounds memory by what the file holds, not by what it says.
struct Window<'a> {
    file: &'a dyn File,
    size: u64,
    buffer: Vec<u8>,
    start: u64,
}

impl Window<'_> {
    const BYTES: u64 = 256 << 10;

    /// The bytes at `offset`; `None` beyond the file's end.
    fn bytes(&mut self, offset: u64, length: u64) -> io::Result<Option<&[u8]>> {
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Ok(None);
        }
        if offset < self.start || offset + length > self.start + self.buffer.len() as u64 {
            let count = length.max(Self::BYTES).min(self.size - offset);
            self.buffer.resize(usize::try_from(count).unwrap_or(usize::MAX), 0);
            self.file.read_exact_at(&mut self.buffer, offset)?;
            self.start = offset;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        Ok(self.buffer.get(from..).and_then(|bytes| bytes.get(..usize::try_from(length).ok()?)))
    }

    /// What is in memory from `offset` on, read anew if that is less than `least`; `None` beyond the file's end.
    fn rest(&mut self, offset: u64, least: u64) -> io::Result<Option<&[u8]>> {
        let end = self.start + self.buffer.len() as u64;
        let there = if offset < self.start { 0 } else { end.saturating_sub(offset) };
        let length = if there >= least { there } else { Self::BYTES.min(self.size.saturating_sub(offset)) };
        if length < least { Ok(None) } else { self.bytes(offset, length) }
    }
}

/// Reads the frames of a segment, one after another.
pub(super) struct Scan<'a> {
    window: Window<'a>,
    segment: &'a Segment,
    /// Where the next frame begins.
    offset: u64,
    /// The entries of the last frame read.
    entries: Vec<Placed>,
    /// Their checksums.
    sums: Vec<u8>,
}

/// What lies behind the last good frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Remains {
    /// How much was durable by what later frames say; 0 without any.
    pub(super) durable: u64,
    /// Where the last thing ends that looks like the beginning of a frame.
    pub(super) end: u64,
}

impl<'a> Scan<'a> {
    pub(super) fn new(segment: &'a Segment) -> Self {
        Self::from(segment, segment.start)
    }

    /// Begins at `offset`, where a frame should begin.
    pub(super) fn from(segment: &'a Segment, offset: u64) -> Self {
        let window = Window { file: &*segment.file, size: segment.size, buffer: Vec::new(), start: 0 };
        Self { window, segment, offset, entries: Vec::new(), sums: Vec::new() }
    }

    /// Where the last good frame ends.
    pub(super) const fn offset(&self) -> u64 {
        self.offset
    }

    /// The entries of the last frame read.
    pub(super) fn entries(&self) -> &[Placed] {
        &self.entries
    }

    /// Reads a frame that ends by `limit`; `None` if no good one stands here.
    pub(super) fn next(&mut self, limit: u64) -> io::Result<Option<Head>> {
        let Some(head) = self.head(self.offset, limit)? else { return Ok(None) };
        let end = self.offset.saturating_add(head.length);
        if end > limit || !self.read_entries(&head, end)? {
            return Ok(None);
        }
        self.offset = end;
        Ok(Some(head))
    }

    fn head(&mut self, offset: u64, limit: u64) -> io::Result<Option<Head>> {
        let (seed, sequence) = (self.segment.seed, self.segment.sequence);
        let length = limit.saturating_sub(offset).min(Head::BYTES_MAX as u64);
        Ok(self.window.bytes(offset, length)?.and_then(|bytes| Head::decode(bytes, seed, sequence)))
    }

    /// Whether the frame's entries are good, and end with it.
    fn read_entries(&mut self, head: &Head, end: u64) -> io::Result<bool> {
        self.entries.clear();
        let mut at = self.offset + head.bytes() as u64;
        self.sums.clear();
        for _ in 0..head.count {
            let prefix = self.window.bytes(at, EntryHead::BYTES as u64)?;
            let Some(entry) = prefix.and_then(EntryHead::decode) else { return Ok(false) };
            let bytes = entry.bytes();
            if at.checked_add(bytes).is_none_or(|entry_end| entry_end > end) {
                return Ok(false);
            }
            let seed = self.segment.seed;
            let is_sound = self.window.bytes(at, bytes)?.is_some_and(|bytes| entry.is_sound(bytes, seed));
            let position = u32::try_from(bytes).ok().and_then(|size| Position::new(at, size));
            let (true, Some(position)) = (is_sound, position) else { return Ok(false) };
            self.sums.put_u32(entry.checksum);
            self.entries.push(Placed { id: entry.id, position });
            at += round_up(bytes, ALIGNMENT as u64);
        }
        Ok(at == end && head.covers(&self.sums))
    }

    /// Looks through what lies behind the last good frame.
    ///
    /// A torn write may have left a later frame whole. That alone proves nothing; what such a frame says to have been
    /// durable when it was written does.
    pub(super) fn remains(&mut self) -> io::Result<Remains> {
        let mut remains = Remains::default();
        let mut at = self.offset;
        while let Some(candidate) = self.next_candidate(at)? {
            remains.end = (candidate + Head::BYTES as u64).min(self.window.size);
            if let Some(head) = self.head(candidate, self.window.size)? {
                remains.durable = remains.durable.max(head.durable);
            }
            at = candidate + ALIGNMENT as u64;
        }
        Ok(remains)
    }

    /// The first place from `at` on where a frame may begin.
    fn next_candidate(&mut self, mut at: u64) -> io::Result<Option<u64>> {
        let sequence = self.segment.sequence;
        while let Some(bytes) = self.window.rest(at, CANDIDATE_BYTES as u64)? {
            let places = (bytes.len() - CANDIDATE_BYTES) / ALIGNMENT + 1;
            let mut offsets = (0..places).map(|place| place * ALIGNMENT);
            if let Some(found) = offsets.find(|&offset| may_be_head(&bytes[offset..], sequence)) {
                return Ok(Some(at + found as u64));
            }
            at += (places * ALIGNMENT) as u64;
        }
        Ok(None)
    }

    /// The bytes from `from` on, up to the last good frame's end.
    pub(super) fn read(&mut self, from: u64) -> io::Result<Vec<u8>> {
        let length = self.offset.saturating_sub(from);
        Ok(self.window.bytes(from, length)?.map(<[u8]>::to_vec).unwrap_or_default())
    }
}

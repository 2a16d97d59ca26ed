//! A frame: what one Ready wants durable, as one unit.
//!
//! ```text
//! head: checksum magic length sequence durable hard-state count entries-checksum flags
//! [mark]
//! entry: checksum data-length index term context-length kind  context data  padding
//! entry: …
//! ```
//!
//! Each entry has a checksum of its own, against which every later read is checked. The head's covers the head and, by
//! way of `entries-checksum`, those of the entries: one pass over the bytes, and one checksum for the whole.

use std::ops::Range;

use super::{
    codec::{Fields, Put, checksum, round_up},
    header::Mark,
};
use crate::consensus::{Context, Entry, EntryId, EntryKind, HardState, Proposal};

/// Where frames and entries may begin.
pub(super) const ALIGNMENT: usize = 8;
const MAGIC: u32 = u32::from_le_bytes(*b"QFRM");

/// What a frame says beside its entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Head {
    /// The bytes of the whole frame.
    pub(super) length: u64,
    /// The segment in which it stands.
    pub(super) sequence: u64,
    /// How much of the segment was durable when the frame was written. So all before that was acknowledged, and if it
    /// cannot be read it was damaged.
    pub(super) durable: u64,
    pub(super) hard_state: HardState,
    pub(super) count: u32,
    entries_checksum: u32,
    pub(super) purpose: Purpose,
}

/// What a frame is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Entries, the hard state, or both.
    Write,
    /// A snapshot is in force, and the log begins later.
    Compact(Mark),
    /// A snapshot takes the place of the whole log; entries may follow it.
    Install(Mark),
    /// The log was closed: nothing was under way.
    Close,
    /// The log goes on in the next segment.
    Seal,
}

impl Purpose {
    const fn code(self) -> u32 {
        match self {
            Self::Write => 0,
            Self::Compact(_) => 1,
            Self::Install(_) => 2,
            Self::Close => 3,
            Self::Seal => 4,
        }
    }

    pub(super) const fn mark(self) -> Option<Mark> {
        match self {
            Self::Compact(mark) | Self::Install(mark) => Some(mark),
            Self::Write | Self::Close | Self::Seal => None,
        }
    }

    fn take(code: u32, fields: &mut Fields<'_>) -> Option<Self> {
        match code {
            0 => Some(Self::Write),
            1 => Some(Self::Compact(Mark::take(fields)?)),
            2 => Some(Self::Install(Mark::take(fields)?)),
            3 => Some(Self::Close),
            4 => Some(Self::Seal),
            _ => None,
        }
    }
}

impl Head {
    /// Without a mark.
    pub(super) const BYTES: usize = 72;
    /// With a mark.
    pub(super) const BYTES_MAX: usize = Self::BYTES + Mark::BYTES;

    /// How many bytes the head has, a mark included.
    pub(super) fn bytes(&self) -> usize {
        head_bytes(self.purpose)
    }

    fn put(&self, seed: u32, buffer: &mut [u8]) {
        let mut head = Vec::with_capacity(Self::BYTES_MAX);
        head.put_u32(0);
        head.put_u32(MAGIC);
        head.put_u64(self.length);
        head.put_u64(self.sequence);
        head.put_u64(self.durable);
        head.put_hard_state(self.hard_state);
        head.put_u32(self.count);
        head.put_u32(self.entries_checksum);
        head.put_u32(self.purpose.code());
        head.put_u32(0);
        if let Some(mark) = self.purpose.mark() {
            mark.put(&mut head);
        }
        let sum = checksum(seed, &head[4..]);
        head[..4].copy_from_slice(&sum.to_le_bytes());
        buffer[..head.len()].copy_from_slice(&head);
    }

    /// Reads a head from `bytes`, which may go on after it. `None` if it is none, or not of segment `sequence`.
    pub(super) fn decode(bytes: &[u8], seed: u32, sequence: u64) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (sum, magic) = (fields.u32()?, fields.u32()?);
        let (length, own) = (fields.u64()?, fields.u64()?);
        // Before the checksum: most candidates in a scan end here.
        if magic != MAGIC || own != sequence {
            return None;
        }
        let (durable, hard_state) = (fields.u64()?, fields.hard_state()?);
        let (count, entries_checksum) = (fields.u32()?, fields.u32()?);
        let (code, _reserved) = (fields.u32()?, fields.u32()?);
        let purpose = Purpose::take(code, &mut fields)?;
        let head = Self { length, sequence, durable, hard_state, count, entries_checksum, purpose };
        let is_sound = bytes.get(4..head.bytes()).is_some_and(|head| checksum(seed, head) == sum)
            && length.is_multiple_of(ALIGNMENT as u64)
            // No more entries than have room, so that nothing is allocated for what cannot be there.
            && u64::from(count).checked_mul(EntryHead::BYTES as u64)?.checked_add(head.bytes() as u64)? <= length;
        is_sound.then_some(head)
    }

    /// Whether these are the checksums of its entries, one after another.
    pub(super) fn covers(&self, entry_checksums: &[u8]) -> bool {
        checksum(0, entry_checksums) == self.entries_checksum
    }
}

/// How many bytes [`may_be_head`] looks at.
pub(super) const CANDIDATE_BYTES: usize = 24;

/// Whether a head of segment `sequence` may begin here. Costs two comparisons.
pub(super) fn may_be_head(bytes: &[u8], sequence: u64) -> bool {
    bytes.get(4..8) == Some(&MAGIC.to_le_bytes()[..])
        && bytes.get(16..24) == Some(&sequence.to_le_bytes()[..])
}

const fn head_bytes(purpose: Purpose) -> usize {
    if purpose.mark().is_some() { Head::BYTES_MAX } else { Head::BYTES }
}

/// What precedes an entry's payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct EntryHead {
    pub(super) checksum: u32,
    data: u32,
    pub(super) id: EntryId,
    context: u32,
    kind: EntryKind,
}

impl EntryHead {
    pub(super) const BYTES: usize = 32;

    /// Without the checksum.
    fn of(entry: &Entry) -> Self {
        // `entry_bytes` has found that they fit.
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let (data, context) = (length(entry.data()), length(entry.context().as_bytes()));
        Self { checksum: 0, data, id: entry.id, context, kind: entry.kind() }
    }

    fn encode(&self) -> [u8; Self::BYTES] {
        let kind: u32 = match self.kind {
            EntryKind::Normal => 0,
            EntryKind::Blank => 1,
            EntryKind::ConfChange => 2,
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..4].copy_from_slice(&self.checksum.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.data.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.id.index.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.id.term.0.to_le_bytes());
        bytes[24..28].copy_from_slice(&self.context.to_le_bytes());
        bytes[28..].copy_from_slice(&kind.to_le_bytes());
        bytes
    }

    /// Reads an entry's head. `None` if no entry begins so; its lengths are still to be bounded by the frame's.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let (checksum, data) = (fields.u32()?, fields.u32()?);
        let (id, context) = (fields.id()?, fields.u32()?);
        let kind = match fields.u32()? {
            0 => EntryKind::Normal,
            1 => EntryKind::Blank,
            2 => EntryKind::ConfChange,
            _ => return None,
        };
        Some(Self { checksum, data, id, context, kind })
    }

    /// The bytes of head and payload, without padding.
    pub(super) const fn bytes(&self) -> u64 {
        Self::BYTES as u64 + self.data as u64 + self.context as u64
    }

    /// Whether `bytes`, head and payload, are as they were written.
    pub(super) fn is_sound(&self, bytes: &[u8], seed: u32) -> bool {
        checksum(seed, &bytes[4..]) == self.checksum
    }

    /// The entry whose head and payload `bytes` are; shares them.
    pub(super) fn entry(&self, bytes: &bytes::Bytes) -> Entry {
        let data = Self::BYTES + self.context as usize;
        let context = Context::new(bytes.slice(Self::BYTES..data));
        Proposal { kind: self.kind, context, data: bytes.slice(data..) }.into_entry(self.id)
    }
}

/// How many bytes an entry takes on disk, without padding. `None` if it is too large for the format.
pub(super) fn entry_bytes(entry: &Entry) -> Option<u32> {
    let payload = entry.data().len().checked_add(entry.context().len())?;
    u32::try_from(payload.checked_add(EntryHead::BYTES)?).ok()
}

/// How many bytes a frame takes. `None` if an entry is too large for the format.
pub(super) fn frame_bytes<'a>(purpose: Purpose, entries: impl Iterator<Item = &'a Entry>) -> Option<u64> {
    let mut bytes = head_bytes(purpose) as u64;
    for entry in entries {
        bytes = bytes.checked_add(round_up(u64::from(entry_bytes(entry)?), ALIGNMENT as u64))?;
    }
    Some(bytes)
}

/// Writes frames of one segment into a buffer.
pub(super) struct FrameWriter<'a> {
    pub(super) buffer: &'a mut Vec<u8>,
    /// Room for the checksums of a frame's entries; what it holds means nothing.
    pub(super) sums: &'a mut Vec<u8>,
    pub(super) seed: u32,
    pub(super) sequence: u64,
    pub(super) durable: u64,
}

impl FrameWriter<'_> {
    /// Appends a frame; tells `on_entry` where in the buffer each entry begins.
    pub(super) fn put<'a>(
        &mut self,
        hard_state: HardState,
        purpose: Purpose,
        entries: impl Iterator<Item = &'a Entry>,
        mut on_entry: impl FnMut(&Entry, usize),
    ) {
        let start = self.buffer.len();
        self.buffer.resize(start + head_bytes(purpose), 0);
        self.sums.clear();
        let mut previous = 0..0;
        for entry in entries {
            on_entry(entry, self.buffer.len());
            let current = self.put_entry(entry);
            // One entry late: the checksum reads wide, and while the narrow writes of an entry's head are still on
            // their way to the cache, such a read waits for all of them.
            self.put_checksum(previous);
            previous = current;
        }
        self.put_checksum(previous);
        let head = Head {
            length: (self.buffer.len() - start) as u64,
            sequence: self.sequence,
            durable: self.durable,
            hard_state,
            count: u32::try_from(self.sums.len() / 4).unwrap_or(u32::MAX),
            entries_checksum: checksum(0, self.sums),
            purpose,
        };
        head.put(self.seed, &mut self.buffer[start..]);
    }

    /// Appends an entry, without its checksum; says where it stands, without padding.
    fn put_entry(&mut self, entry: &Entry) -> Range<usize> {
        let start = self.buffer.len();
        self.buffer.extend_from_slice(&EntryHead::of(entry).encode());
        self.buffer.extend_from_slice(entry.context().as_bytes());
        self.buffer.extend_from_slice(entry.data());
        let end = self.buffer.len();
        self.buffer.resize(end.next_multiple_of(ALIGNMENT), 0);
        start..end
    }

    /// Gives the entry that stands at `place`, if there is one, its checksum.
    fn put_checksum(&mut self, place: Range<usize>) {
        let Some(entry) = self.buffer.get_mut(place).filter(|entry| !entry.is_empty()) else { return };
        let (own, rest) = entry.split_at_mut(4);
        let sum = checksum(self.seed, rest);
        own.copy_from_slice(&sum.to_le_bytes());
        self.sums.put_u32(sum);
    }
}

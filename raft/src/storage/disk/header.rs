//! The head of a segment: whose it is, which one, and what was known when it was begun.
//!
//! It is written and flushed before the file gets the name of a segment, so a segment always has a good one.

use super::codec::{Fields, Put, checksum, round_up};
use crate::consensus::{EntryId, HardState, LogIndex, Membership};

/// The format that this program writes, and the only one it reads.
pub(super) const VERSION: u32 = 1;
/// Opens every segment.
const MAGIC: [u8; 8] = *b"QUORATE\0";
/// Headers fill whole pages, so that writing frames never rewrites one.
const PAGE: u64 = 4096;
/// More members than a cluster will ever have.
pub(super) const LENGTH_MAX: u64 = 1 << 20;

/// The snapshot in force, and where the log begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Mark {
    /// The last entry of the snapshot in force; [`EntryId::ZERO`] if there is none.
    pub(super) snapshot: EntryId,
    /// The entry before the first one that the log holds.
    pub(super) base: EntryId,
    /// The oldest segment that the log needs. Older ones may be gone.
    pub(super) first_segment: u64,
}

/// What stands at the beginning of a segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// The id of the log.
    pub(super) log: u64,
    /// Counts up by one from segment to segment.
    pub(super) sequence: u64,
    /// How large the file is.
    pub(super) size: u64,
    /// Where the segment before this one ends: all of it was durable when this one was begun.
    pub(super) previous_end: u64,
    /// The last entry before this segment.
    pub(super) last: EntryId,
    pub(super) hard_state: HardState,
    pub(super) mark: Mark,
    /// As of the snapshot, or as the cluster was founded.
    pub(super) membership: Membership,
}

/// Why bytes are no header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum HeaderError {
    Version(u32),
    Damaged,
}

impl Mark {
    pub(super) const BYTES: usize = 40;

    pub(super) fn put(self, buffer: &mut Vec<u8>) {
        buffer.put_id(self.snapshot);
        buffer.put_id(self.base);
        buffer.put_u64(self.first_segment);
    }

    pub(super) fn take(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { snapshot: fields.id()?, base: fields.id()?, first_segment: fields.u64()? })
    }

    /// The snapshot in force, if there is one.
    pub(super) fn snapshot(self) -> Option<EntryId> {
        Some(self.snapshot).filter(|last| last.index > LogIndex::ZERO)
    }
}

impl Header {
    /// Magic, version, checksum and length: what [`length`](Self::length) needs.
    pub(super) const PREFIX_BYTES: usize = 24;

    /// The header as whole pages.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut fields = Vec::new();
        fields.put_u64(self.log);
        fields.put_u64(self.sequence);
        fields.put_u64(self.size);
        fields.put_u64(self.previous_end);
        fields.put_id(self.last);
        fields.put_hard_state(self.hard_state);
        self.mark.put(&mut fields);
        fields.put_membership(&self.membership);
        let length = (Self::PREFIX_BYTES + fields.len()) as u64;

        let mut header = MAGIC.to_vec();
        header.put_u32(VERSION);
        header.put_u32(0);
        header.put_u64(length);
        header.extend_from_slice(&fields);
        let sum = Self::checksum(&header);
        header[12..16].copy_from_slice(&sum.to_le_bytes());
        header.resize(usize::try_from(round_up(length, PAGE)).unwrap_or(header.len()), 0);
        header
    }

    /// How many bytes the whole header has, from its first ones. Bounded, whatever they say.
    pub(super) fn length(prefix: &[u8]) -> Result<u64, HeaderError> {
        let mut fields = Fields(prefix.strip_prefix(&MAGIC).ok_or(HeaderError::Damaged)?);
        let version = fields.u32().ok_or(HeaderError::Damaged)?;
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        let length = fields.u32().and(fields.u64()).ok_or(HeaderError::Damaged)?;
        if (Self::PREFIX_BYTES as u64..=LENGTH_MAX).contains(&length) {
            Ok(length)
        } else {
            Err(HeaderError::Damaged)
        }
    }

    /// Reads a header from as many bytes as [`length`](Self::length) says.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderError> {
        let length = Self::length(bytes)?;
        let is_whole = bytes.len() as u64 == length;
        let sum = bytes.get(12..16).and_then(|sum| Fields(sum).u32());
        if !is_whole || sum != Some(Self::checksum(bytes)) {
            return Err(HeaderError::Damaged);
        }
        Self::fields(&mut Fields(&bytes[Self::PREFIX_BYTES..])).ok_or(HeaderError::Damaged)
    }

    fn fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            log: fields.u64()?,
            sequence: fields.u64()?,
            size: fields.u64()?,
            previous_end: fields.u64()?,
            last: fields.id()?,
            hard_state: fields.hard_state()?,
            mark: Mark::take(fields)?,
            membership: fields.membership()?,
        })
    }

    /// Over all but the checksum itself.
    fn checksum(header: &[u8]) -> u32 {
        checksum(checksum(0, &header[..12]), &header[16..])
    }
}

/// Where frames begin, behind a header of `length` bytes.
pub(super) const fn frames_start(length: u64) -> u64 {
    round_up(length, PAGE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{NodeId, Term};

    fn header() -> Header {
        let hard_state = HardState { term: Term(7), vote: Some(NodeId(2)), commit: LogIndex(40) };
        let mark = Mark { snapshot: EntryId::new(6, 30), base: EntryId::new(5, 20), first_segment: 2 };
        let mut membership = Membership::of_voters([NodeId(1), NodeId(2), NodeId(3)]);
        membership.learners = vec![NodeId(9)];
        let last = EntryId::new(7, 41);
        Header { log: 11, sequence: 3, size: 1 << 20, previous_end: 8192, last, hard_state, mark, membership }
    }

    fn decode(page: &[u8]) -> Result<Header, HeaderError> {
        let length = usize::try_from(Header::length(page)?).unwrap();
        Header::decode(page.get(..length).ok_or(HeaderError::Damaged)?)
    }

    #[test]
    fn a_header_is_read_back() {
        let page = header().encode();
        assert_eq!(page.len(), 4096);
        assert_eq!(decode(&page), Ok(header()));
    }

    #[test]
    fn no_flipped_byte_of_a_header_is_believed() {
        let page = header().encode();
        let length = usize::try_from(Header::length(&page).unwrap()).unwrap();
        for offset in 0..length {
            let mut damaged = page.clone();
            damaged[offset] ^= 0x20;
            assert!(decode(&damaged).is_err(), "offset {offset}");
        }
    }

    #[test]
    fn hazard_14_a_header_that_asks_for_too_much_is_refused() {
        let mut page = header().encode();
        page[16..24].copy_from_slice(&u64::MAX.to_le_bytes());
        assert_eq!(Header::length(&page), Err(HeaderError::Damaged));
    }

    #[test]
    fn another_version_is_named() {
        let mut page = header().encode();
        page[8] = 2;
        assert_eq!(decode(&page), Err(HeaderError::Version(2)));
    }
}

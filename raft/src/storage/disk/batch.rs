//! What is staged for the next flush: frames as bytes, and what they will mean when they are durable.

use std::{ops::Range, sync::Arc};

use super::{
    codec::round_up,
    error::{Damage, Naming, OpenError},
    frame::{FrameWriter, Purpose, entry_bytes},
    segment::Segment,
    state::{Contents, LogState, Placed, Position},
};
use crate::consensus::{Entry, EntryId, HardState, LogIndex, Membership, Term};

/// Frames for one segment that are not written yet.
pub(super) struct Batch {
    segment: Arc<Segment>,
    /// Where the segment's durable frames end, and so where these begin.
    end: u64,
    buffer: Vec<u8>,
    /// Of the frame that is being staged: kept for its room.
    sums: Vec<u8>,
    frames: Vec<StagedFrame>,
    entries: Vec<Placed>,
    /// The last entry of the log when these are durable.
    last: EntryId,
    has_new_snapshot: bool,
}

/// What a frame will mean.
struct StagedFrame {
    hard_state: HardState,
    purpose: Purpose,
    /// With a new snapshot.
    membership: Option<Membership>,
    entries: Range<usize>,
}

/// What the kernel keeps in memory as a whole.
const PAGE: u64 = 4096;
/// After a larger batch the buffer is given back.
const BUFFER_BYTES_KEPT: usize = 4 << 20;

impl Batch {
    /// Nothing, behind the frame that ends at `end`.
    pub(super) fn new(segment: Arc<Segment>, end: u64, last: EntryId) -> Self {
        let (buffer, sums, frames, entries) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { segment, end, buffer, sums, frames, entries, last, has_new_snapshot: false }
    }

    pub(super) const fn segment(&self) -> &Arc<Segment> {
        &self.segment
    }

    /// Where the segment's durable frames end.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// The last entry, staged or durable.
    pub(super) const fn last_id(&self) -> EntryId {
        self.last
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// Whether durable frames fill the first half of the segment.
    pub(super) fn is_half_full(&self) -> bool {
        self.end >= self.segment.size / 2
    }

    /// Whether a frame of `bytes` fits, with `reserve` bytes to spare.
    pub(super) fn has_room(&self, bytes: u64, reserve: u64) -> bool {
        let end = self.end + self.buffer.len() as u64;
        end.checked_add(bytes)
            .and_then(|end| end.checked_add(reserve))
            .is_some_and(|end| end <= self.segment.size)
    }

    /// The term of the entry at `index`, if it is staged and will not have been replaced.
    pub(super) fn term(&self, index: LogIndex) -> Option<Term> {
        let installed = self.frames.iter().rposition(|frame| matches!(frame.purpose, Purpose::Install(_)));
        let base = installed.and_then(|at| self.frames[at].purpose.mark()).map(|mark| mark.base);
        if let Some(base) = base.filter(|base| base.index == index) {
            return Some(base.term);
        }
        // From the newest back: the first that stands at the index or before it is the one, or there is none.
        let from = installed.map_or(0, |at| self.frames[at].entries.start);
        let newest = self.entries[from..].iter().rev().find(|placed| placed.id.index <= index);
        newest.filter(|placed| placed.id.index == index).map(|placed| placed.id.term)
    }

    /// Makes room in memory for a frame of `bytes`.
    pub(super) fn reserve(&mut self, bytes: u64) {
        self.buffer.reserve(usize::try_from(bytes).unwrap_or_default());
    }

    /// Stages entries.
    pub(super) fn put_entries<'a>(
        &mut self,
        hard_state: HardState,
        entries: impl Iterator<Item = &'a Entry>,
    ) {
        self.put(hard_state, Purpose::Write, None, entries);
    }

    /// Stages a new snapshot, and the entries that follow it.
    pub(super) fn put_snapshot<'a>(
        &mut self,
        hard_state: HardState,
        purpose: Purpose,
        membership: &Membership,
        entries: impl Iterator<Item = &'a Entry>,
    ) {
        if let Purpose::Install(mark) = purpose {
            self.last = mark.base;
        }
        self.has_new_snapshot = true;
        self.put(hard_state, purpose, Some(membership.clone()), entries);
    }

    /// Stages a hard state alone.
    pub(super) fn put_hard_state(&mut self, hard_state: HardState, purpose: Purpose) {
        self.put(hard_state, purpose, None, std::iter::empty());
    }

    fn put<'a>(
        &mut self,
        hard_state: HardState,
        purpose: Purpose,
        membership: Option<Membership>,
        entries: impl Iterator<Item = &'a Entry>,
    ) {
        let first = self.entries.len();
        let (seed, sequence, durable) = (self.segment.seed, self.segment.sequence, self.end);
        let Self { buffer, sums, entries: placed, last, .. } = self;
        let mut writer = FrameWriter { buffer, sums, seed, sequence, durable };
        writer.put(hard_state, purpose, entries, |entry, offset| {
            let position = entry_bytes(entry).and_then(|size| Position::new(durable + offset as u64, size));
            // Both were checked when room was made for the frame.
            placed.extend(position.map(|position| Placed { id: entry.id, position }));
            *last = entry.id;
        });
        let entries = first..self.entries.len();
        self.frames.push(StagedFrame { hard_state, purpose, membership, entries });
    }

    /// Writes the frames, and flushes them.
    ///
    /// Zeros fill the last page, as far as the segment goes: a page that is written in part must be in memory, and in a
    /// file that was prepared long ago it is not. Then the kernel would read it first.
    pub(super) fn write(&mut self) -> Result<(), OpenError> {
        let frames = self.buffer.len();
        let end = self.end + frames as u64;
        let padding = round_up(end, PAGE).min(self.segment.size).saturating_sub(end);
        self.buffer.resize(frames + usize::try_from(padding).unwrap_or_default(), 0);
        let written = self.segment.file.write_all_at(&self.buffer, self.end);
        self.buffer.truncate(frames);
        written.naming("write to", &self.segment.path)?;
        self.segment.file.sync_data().naming("flush", &self.segment.path)
    }

    /// Takes over what was written into `state`, and begins a new batch behind it.
    pub(super) fn publish(&mut self, state: &mut LogState) -> Result<(), OpenError> {
        for frame in self.frames.drain(..) {
            let entries = self.entries.get(frame.entries).unwrap_or_default();
            let contents = Contents { hard_state: frame.hard_state, purpose: frame.purpose, entries };
            state.apply(&contents).map_err(|what| Damage::new(&self.segment.path, self.end, what))?;
            if let Some(membership) = frame.membership {
                state.membership = membership;
            }
        }
        debug_assert_eq!(state.last_id(), self.last, "what was staged is what is durable now");
        self.end += self.buffer.len() as u64;
        self.forget();
        Ok(())
    }

    /// Whether a snapshot has come into force since the last call.
    pub(super) const fn take_has_new_snapshot(&mut self) -> bool {
        std::mem::replace(&mut self.has_new_snapshot, false)
    }

    /// Drops what is staged.
    pub(super) fn forget(&mut self) {
        self.frames.clear();
        self.entries.clear();
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_BYTES_KEPT);
    }

    /// The next frames go into `segment`.
    pub(super) fn go_on_in(&mut self, segment: Arc<Segment>) {
        debug_assert!(self.is_empty(), "a segment is left when all of it is durable");
        self.end = segment.start;
        self.segment = segment;
    }
}

//! What a directory holds after a crash, and what may be concluded from it.
//!
//! The newest segments that follow one another without a gap are replayed, oldest first. In all but the last, every byte
//! up to the end that the next one's header states must be good. In the last, the first frame that is not good is
//! either a **torn tail**, never acknowledged, or **damage**: it is damage if anything behind it shows that it was
//! durable. Damage is refused; a torn tail is overwritten.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    error::{Damage, Naming, OpenError},
    file_system::{FileSystem, OpenMode},
    frame::Purpose,
    header::Header,
    names::Name,
    scan::{Remains, Scan},
    segment::Segment,
    snapshot_file::SnapshotFile,
    state::{Contents, LogState},
};
use crate::consensus::EntryId;

/// The files in a log's directory.
#[derive(Default)]
pub(super) struct Listing {
    /// Ascending.
    pub(super) segments: Vec<u64>,
    /// Ascending.
    pub(super) spares: Vec<u64>,
    pub(super) snapshots: Vec<EntryId>,
    pub(super) unfinished: Vec<PathBuf>,
}

impl Listing {
    pub(super) fn read(files: &dyn FileSystem, directory: &Path) -> Result<Self, OpenError> {
        let mut listing = Self::default();
        for path in files.list(directory).naming("list", directory)? {
            match Name::of(&path) {
                Some(Name::Segment(sequence)) => listing.segments.push(sequence),
                Some(Name::Spare(number)) => listing.spares.push(number),
                Some(Name::Snapshot(last)) => listing.snapshots.push(last),
                Some(Name::Unfinished) => {
                    listing.unfinished.extend(path.file_name().map(|name| directory.join(name)));
                }
                None => {}
            }
        }
        listing.segments.sort_unstable();
        listing.spares.sort_unstable();
        listing.snapshots.sort_unstable_by_key(|last| last.index);
        Ok(listing)
    }

    /// The newest segments that follow one another without a gap.
    fn run(&self) -> &[u64] {
        let gap = self.segments.windows(2).rposition(|pair| pair[0].checked_add(1) != Some(pair[1]));
        &self.segments[gap.map_or(0, |gap| gap + 1)..]
    }
}

/// A log as it was found.
pub(super) struct Recovered {
    /// The id of the log.
    pub(super) log: u64,
    pub(super) state: LogState,
    /// The one that was being written.
    pub(super) segment: Arc<Segment>,
    pub(super) tail: Tail,
    /// Segments to be removed: those that were already, and one that was not begun.
    pub(super) unneeded: Vec<u64>,
}

/// Where the log goes on.
pub(super) struct Tail {
    /// Where the last good frame ends.
    pub(super) end: u64,
    /// The good bytes before `end` that nothing shows to be durable. A flush before the crash may have failed, and then
    /// the kernel holds them for written: they must be written again.
    pub(super) doubtful: Vec<u8>,
    /// What lies behind `end` must not be taken for frames: overwrite it up to here.
    pub(super) torn_end: u64,
    /// Whether the last frame says that the log was closed.
    pub(super) is_closed: bool,
}

/// Reads the log in `directory`, which holds segments. Changes nothing.
pub(super) fn recover(
    files: &dyn FileSystem,
    directory: &Path,
    listing: &Listing,
    mode: OpenMode,
) -> Result<Recovered, OpenError> {
    let run = listing.run();
    let opened: Result<Vec<_>, _> =
        run.iter().map(|&sequence| Segment::open(files, directory, sequence, mode)).collect();
    let mut opened = opened?;
    let not_begun = if was_going_on(&opened)? { opened.pop() } else { None };
    let Some((_, oldest)) = opened.first() else {
        return Err(Damage::new(directory, 0, "the segments of the log are missing").into());
    };
    let log = oldest.log;
    let mut state = LogState::new(oldest.hard_state, oldest.mark, oldest.membership.clone(), oldest.last);
    let mut tail = None;
    let headers: Vec<Header> = opened.iter().skip(1).map(|(_, header)| header.clone()).collect();
    for (at, (segment, header)) in opened.into_iter().enumerate() {
        if header.log != log {
            return Err(Damage::new(&segment.path, 0, "this is a segment of another log").into());
        }
        let segment = Arc::new(segment);
        state.push_segment(Arc::clone(&segment));
        match headers.get(at) {
            Some(next) => replay_sealed(&mut state, &segment, next)?,
            None => tail = Some((replay_last(&mut state, &segment, directory)?, segment)),
        }
    }
    let mut unneeded = listing.segments.clone();
    unneeded.retain(|sequence| *sequence < state.mark.first_segment);
    unneeded.extend(not_begun.map(|(segment, _)| segment.sequence));
    check_whole(files, directory, &mut state, run, log)?;
    let (tail, segment) =
        tail.ok_or_else(|| Damage::new(directory, 0, "the segments of the log are missing"))?;
    Ok(Recovered { log, state, segment, tail, unneeded })
}

/// Whether the crash came while the log was going on in its last segment: the one before is not sealed, and there is
/// no frame.
///
/// Then nothing says that the new segment's name is durable, however often the directory is flushed from now on: a
/// failed flush may have ended that life of the log. The log goes on in the old segment.
fn was_going_on(opened: &[(Segment, Header)]) -> Result<bool, OpenError> {
    let [.., (old, _), (new, header)] = opened else { return Ok(false) };
    let mut scan = Scan::new(new);
    let has_frames = scan.next(new.size).naming("read", &new.path)?.is_some()
        || scan.remains().naming("read", &new.path)?.durable > new.start;
    Ok(!has_frames && !is_sealed(old, header.previous_end)?)
}

fn is_sealed(segment: &Segment, end: u64) -> Result<bool, OpenError> {
    let head = Scan::from(segment, end).next(segment.size).naming("read", &segment.path)?;
    Ok(head.is_some_and(|head| head.purpose == Purpose::Seal))
}

/// Replays a segment that the log has left behind.
fn replay_sealed(state: &mut LogState, segment: &Segment, next: &Header) -> Result<(), OpenError> {
    let mut scan = Scan::new(segment);
    // No frame of the next segment was written before all of this one was durable.
    let end = next.previous_end;
    while replay_frame(state, segment, &mut scan, end)?.is_some() {}
    if scan.offset() != end {
        let what = format!("what was acknowledged, up to offset {end}, is no longer there");
        return Err(Damage::new(&segment.path, scan.offset(), what).into());
    }
    // The seal may be missing: its flush may have failed, and the next life of the log have found it in memory.
    if state.last_id() != next.last {
        let what =
            format!("the log goes on after {}, but this segment ends with {}", next.last, state.last_id());
        return Err(Damage::new(&segment.path, end, what).into());
    }
    Ok(())
}

/// Replays the segment that was being written.
fn replay_last(state: &mut LogState, segment: &Segment, directory: &Path) -> Result<Tail, OpenError> {
    let mut scan = Scan::new(segment);
    let (mut durable, mut is_closed) = (segment.start, false);
    while let Some((purpose, known)) = replay_frame(state, segment, &mut scan, segment.size)? {
        if purpose == Purpose::Seal {
            let next = Name::Segment(segment.sequence.saturating_add(1)).path(directory);
            return Err(Damage::new(&next, 0, "the last segment is missing").into());
        }
        (durable, is_closed) = (known, purpose == Purpose::Close);
    }
    let end = scan.offset();
    let Remains { durable: shown, end: torn_end } = scan.remains().naming("read", &segment.path)?;
    if shown > end {
        let what = format!("what was acknowledged, up to offset {shown}, is no longer there");
        return Err(Damage::new(&segment.path, end, what).into());
    }
    let doubtful = scan.read(durable.clamp(segment.start, end)).naming("read", &segment.path)?;
    Ok(Tail { end, doubtful, torn_end, is_closed })
}

/// Replays the next frame, if it is good; gives its purpose, and how much it says to have been durable.
fn replay_frame(
    state: &mut LogState,
    segment: &Segment,
    scan: &mut Scan<'_>,
    limit: u64,
) -> Result<Option<(Purpose, u64)>, OpenError> {
    let start = scan.offset();
    let Some(head) = scan.next(limit).naming("read", &segment.path)? else { return Ok(None) };
    let contents = Contents { hard_state: head.hard_state, purpose: head.purpose, entries: scan.entries() };
    state.apply(&contents).map_err(|what| Damage::new(&segment.path, start, what))?;
    Ok(Some((head.purpose, head.durable)))
}

/// Checks what no single file shows: that none is missing, and that they belong together.
fn check_whole(
    files: &dyn FileSystem,
    directory: &Path,
    state: &mut LogState,
    run: &[u64],
    log: u64,
) -> Result<(), OpenError> {
    let mark = state.mark;
    if run.first().is_none_or(|&oldest| oldest > mark.first_segment) {
        let path = Name::Segment(mark.first_segment).path(directory);
        return Err(Damage::new(&path, 0, "this segment, or one after it, is missing").into());
    }
    drop(state.take_unneeded());
    if state.base() != mark.base {
        let what = format!("the log should go on after {}, but goes on after {}", mark.base, state.base());
        return Err(Damage::new(directory, 0, what).into());
    }
    let (commit, last) = (state.hard_state.commit, state.last_id().index);
    if commit > last {
        return Err(Damage::commit_beyond_log(directory, commit, last).into());
    }
    if let Some(last) = mark.snapshot() {
        let path = Name::Snapshot(last).path(directory);
        let file = SnapshotFile::open(files, &path, log, last)?;
        file.check()?;
        state.membership = file.membership;
    }
    Ok(())
}

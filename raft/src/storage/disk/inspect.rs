//! Looking at a log without touching it: also at one that is damaged, or in use.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    error::{Damage, Naming, OpenError},
    file_system::{FileSystem, LocalFileSystem, OpenMode},
    frame::Purpose,
    names::Name,
    recovery::{self, Listing, Recovered},
    scan::Scan,
    segment::Segment,
    snapshot_file::SnapshotFile,
};
use crate::consensus::{EntryId, HardState, LogIndex, Membership};

/// What a log's directory holds.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The segments, oldest first.
    pub segments: Vec<SegmentReport>,
    /// The snapshots, oldest first.
    pub snapshots: Vec<SnapshotReport>,
    /// Files prepared to become segments, and files that were half made.
    pub others: Vec<PathBuf>,
    /// What opening the log would find.
    pub log: Result<LogReport, OpenError>,
}

/// A log that can be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct LogReport {
    /// The id of the log.
    pub incarnation: u64,
    /// Term, vote and commit index.
    pub hard_state: HardState,
    /// The index of the first entry that is held.
    pub first: LogIndex,
    /// The last entry.
    pub last: EntryId,
    /// The snapshot in force.
    pub snapshot: Option<EntryId>,
    /// As of that snapshot, or as the cluster was founded.
    pub membership: Membership,
    /// Whether whoever wrote it last has closed it.
    pub is_closed: bool,
}

/// One segment.
#[derive(Debug)]
#[non_exhaustive]
pub struct SegmentReport {
    /// The file.
    pub path: PathBuf,
    /// How many good frames it holds.
    pub frames: u64,
    /// Where the last of them ends, in bytes from the file's beginning.
    pub end: u64,
    /// The entries, as runs of one term: the first and the last of each. Those that were replaced later are among them.
    pub runs: Vec<(EntryId, EntryId)>,
    /// The hard state that the last frame says, or the header.
    pub hard_state: HardState,
    /// What to think of it.
    pub verdict: SegmentVerdict,
}

/// What to think of a segment, taken by itself.
#[derive(Debug)]
#[non_exhaustive]
pub enum SegmentVerdict {
    /// The log has gone on in the next one.
    Sealed,
    /// The log was closed here.
    Closed,
    /// It ends with a good frame: in use, or left by a crash between two writes.
    Open,
    /// Behind the last good frame stands one that was cut off. If it is the last segment, that is a write which was
    /// under way: nothing of it was acknowledged.
    Torn,
    /// Something is gone that was acknowledged, or the file is none of this log's.
    Damaged(OpenError),
}

/// One snapshot.
#[derive(Debug)]
#[non_exhaustive]
pub struct SnapshotReport {
    /// The file.
    pub path: PathBuf,
    /// The last entry that it contains, by its name.
    pub last: EntryId,
    /// The bytes of the state machine in it, or what is wrong with it.
    pub bytes: Result<u64, OpenError>,
}

/// Inspects the log in `directory`. Reads only, takes no lock, and needs little memory.
///
/// # Errors
/// [`OpenError::Io`] if the directory cannot be listed. What is wrong with the log is part of the answer.
pub fn inspect(directory: &Path) -> Result<Inspection, OpenError> {
    inspect_in(&LocalFileSystem, directory)
}

/// As [`inspect`], in a file system of the caller's.
///
/// # Errors
/// As for [`inspect`].
pub fn inspect_in(files: &dyn FileSystem, directory: &Path) -> Result<Inspection, OpenError> {
    // Whoever writes meanwhile can look like damage: half of what is read is older than the rest. Damage stays.
    const ATTEMPTS: usize = 5;
    let mut inspection = inspect_once(files, directory)?;
    for _ in 1..ATTEMPTS {
        if inspection.log.is_ok() {
            break;
        }
        inspection = inspect_once(files, directory)?;
    }
    Ok(inspection)
}

fn inspect_once(files: &dyn FileSystem, directory: &Path) -> Result<Inspection, OpenError> {
    let listing = Listing::read(files, directory)?;
    let recovered = recovery::recover(files, directory, &listing, OpenMode::Read);
    let log = recovered.map(|found| LogReport::of(&found));
    let id = listing.segments.iter().find_map(|&sequence| {
        Segment::open(files, directory, sequence, OpenMode::Read).ok().map(|(_, header)| header.log)
    });
    let segments =
        listing.segments.iter().map(|&sequence| inspect_segment(files, directory, sequence)).collect();
    let snapshots = listing
        .snapshots
        .iter()
        .map(|&last| {
            let path = Name::Snapshot(last).path(directory);
            let bytes = inspect_snapshot(files, &path, id.unwrap_or_default(), last);
            SnapshotReport { path, last, bytes }
        })
        .collect();
    let spares = listing.spares.iter().map(|&number| Name::Spare(number).path(directory));
    let others = spares.chain(listing.unfinished.iter().cloned()).collect();
    Ok(Inspection { segments, snapshots, others, log })
}

fn inspect_snapshot(files: &dyn FileSystem, path: &Path, log: u64, last: EntryId) -> Result<u64, OpenError> {
    SnapshotFile::open(files, path, log, last)?.check()
}

fn inspect_segment(files: &dyn FileSystem, directory: &Path, sequence: u64) -> SegmentReport {
    let mut report = SegmentReport {
        path: Name::Segment(sequence).path(directory),
        frames: 0,
        end: 0,
        runs: Vec::new(),
        hard_state: HardState::default(),
        verdict: SegmentVerdict::Open,
    };
    let scanned = Segment::open(files, directory, sequence, OpenMode::Read).and_then(|(segment, header)| {
        report.hard_state = header.hard_state;
        report.scan(&segment)
    });
    report.verdict = scanned.unwrap_or_else(SegmentVerdict::Damaged);
    report
}

impl LogReport {
    fn of(found: &Recovered) -> Self {
        let state = &found.state;
        Self {
            incarnation: found.log,
            hard_state: state.hard_state,
            first: state.base().index.next(),
            last: state.last_id(),
            snapshot: state.mark.snapshot(),
            membership: state.membership.clone(),
            is_closed: found.tail.is_closed,
        }
    }
}

impl SegmentReport {
    fn scan(&mut self, segment: &Segment) -> Result<SegmentVerdict, OpenError> {
        let mut scan = Scan::new(segment);
        let mut last = None;
        while let Some(head) = scan.next(segment.size).naming("read", &self.path)? {
            self.frames += 1;
            self.hard_state = head.hard_state;
            for entry in scan.entries() {
                self.note(entry.id);
            }
            last = Some(head.purpose);
        }
        self.end = scan.offset();
        let remains = scan.remains().naming("read", &self.path)?;
        if remains.durable > self.end {
            let what = format!("what was acknowledged, up to offset {}, is no longer there", remains.durable);
            return Err(Damage::new(&self.path, self.end, what).into());
        }
        Ok(match last {
            Some(Purpose::Seal) => SegmentVerdict::Sealed,
            _ if remains.end > 0 => SegmentVerdict::Torn,
            Some(Purpose::Close) => SegmentVerdict::Closed,
            _ => SegmentVerdict::Open,
        })
    }

    fn note(&mut self, id: EntryId) {
        match self.runs.last_mut() {
            Some((_, last)) if last.term == id.term && last.index.next() == id.index => *last = id,
            _ => self.runs.push((id, id)),
        }
    }
}

impl fmt::Display for SegmentVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sealed => f.write_str("sealed"),
            Self::Closed => f.write_str("closed"),
            Self::Open => f.write_str("open"),
            Self::Torn => f.write_str("ends with a write that was cut off"),
            Self::Damaged(error) => write!(f, "DAMAGED: {error}"),
        }
    }
}

//! Opening a log: beginning one, or mending what a crash has left.

use std::{
    collections::VecDeque,
    io,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use rand::{TryRngCore as _, rngs::OsRng};
use slog::{Logger, info};

use super::{
    DiskStorage,
    batch::Batch,
    error::{Naming, OpenError},
    file_system::{FileSystem, LocalFileSystem, OpenMode},
    header::{Header, Mark},
    housekeeping::{Housekeeper, spares_max},
    names::{LOCK, Name, unfinished},
    options::DiskOptions,
    recovery::{self, Listing, Tail},
    segment::{Prepared, Segment, remove_if_there},
    shared::Shared,
};
use crate::consensus::{EntryId, HardState, LogIndex, Membership};

/// The number of a log's first segment.
const FIRST_SEQUENCE: u64 = 1;

impl DiskStorage {
    /// Opens the log in `directory`, or begins one there if it holds none: that of a member of a cluster that was
    /// founded with the membership `founders`. Every founding member is given the same, and so is every node that joins
    /// later: the log tells it only of the changes since. If there is a log already, what it says counts, and `founders`
    /// does not.
    ///
    /// # Errors
    /// [`OpenError`]. After [`OpenError::Damaged`] the node must not start from what is left.
    pub fn open(
        directory: impl Into<PathBuf>,
        founders: Membership,
        options: DiskOptions,
        logger: Logger,
    ) -> Result<Self, OpenError> {
        Self::open_in(Arc::new(LocalFileSystem), directory, founders, options, logger)
    }

    /// As [`open`](Self::open), in a file system of the caller's.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub fn open_in(
        files: Arc<dyn FileSystem>,
        directory: impl Into<PathBuf>,
        founders: Membership,
        options: DiskOptions,
        logger: Logger,
    ) -> Result<Self, OpenError> {
        let (directory, bytes, min) =
            (directory.into(), options.segment_bytes, DiskOptions::SEGMENT_BYTES_MIN);
        if bytes < min {
            return Err(OpenError::SegmentTooSmall { bytes, min });
        }
        files.create_directories(&directory).naming("create", &directory)?;
        let lock = files.lock(&directory.join(LOCK)).map_err(|source| {
            if source.kind() == io::ErrorKind::WouldBlock {
                return OpenError::InUse(directory.clone());
            }
            OpenError::Io { action: "lock", path: directory.join(LOCK), source }
        })?;
        let mut listing = Listing::read(&*files, &directory)?;
        if listing.segments.is_empty() && listing.snapshots.is_empty() {
            sync_directories_above(&*files, &directory)?;
            create(&*files, &directory, founders, options)?;
            listing = Listing::read(&*files, &directory)?;
        }
        Self::recover(files, directory, &listing, options, logger, lock)
    }

    fn recover(
        files: Arc<dyn FileSystem>,
        directory: PathBuf,
        listing: &Listing,
        options: DiskOptions,
        logger: Logger,
        lock: Box<dyn Send + Sync>,
    ) -> Result<Self, OpenError> {
        let found = recovery::recover(&*files, &directory, listing, OpenMode::ReadWrite)?;
        let (state, tail) = (found.state, found.tail);
        let segment = found.segment;
        mend(&segment, &tail)?;
        clear_away(&*files, &directory, listing, &found.unneeded, state.mark.snapshot())?;
        files.sync_directory(&directory).naming("flush directory", &directory)?;
        // Nothing else lies in the directory now: if a crash comes between the two names, a log is begun again.
        if segment.sequence == FIRST_SEQUENCE && tail.end == segment.start {
            name_again(&*files, &segment.path)?;
            files.sync_directory(&directory).naming("flush directory", &directory)?;
        }
        info!(logger, "opened the log"; "directory" => %directory.display(), "first" => %state.base().index.next(),
            "last" => %state.last_id(), "term" => %state.hard_state.term, "commit" => %state.hard_state.commit);

        let (spares, next_number) = reusable_spares(&*files, &directory, listing, options.segment_bytes);
        let hard_state = state.hard_state;
        let batch = Batch::new(segment, tail.end, state.last_id());
        let shared = Shared::new(files, directory, found.log, state, logger);
        let (bytes, background) = (options.segment_bytes, options.background);
        let housekeeper = Housekeeper::new(Arc::clone(&shared), bytes, background, spares, next_number)?;
        if batch.is_half_full() {
            housekeeper.order_spare();
        }
        let (is_hard_state_unsaid, is_closed) = (false, tail.is_closed);
        Ok(Self { shared, housekeeper, batch, hard_state, is_hard_state_unsaid, is_closed, _lock: lock })
    }

    /// The id of this log, drawn by chance when it was begun. Another one means that the disk was lost meanwhile.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.shared.log
    }
}

/// Makes the name of a directory durable, and those of the directories above.
///
/// Whether they were there before says nothing: an earlier process may have created them, and died before they were
/// durable.
fn sync_directories_above(files: &dyn FileSystem, directory: &Path) -> Result<(), OpenError> {
    for above in directory.ancestors().skip(1) {
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        match files.sync_directory(above) {
            // Who may not read a directory has created nothing in it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => break,
            synced => synced.naming("flush directory", above)?,
        }
    }
    Ok(())
}

/// Begins a log.
fn create(
    files: &dyn FileSystem,
    directory: &Path,
    founders: Membership,
    options: DiskOptions,
) -> Result<(), OpenError> {
    let log = match options.seed {
        Some(seed) => seed,
        None => OsRng
            .try_next_u64()
            .map_err(|error| io::Error::other(error.to_string()))
            .naming("draw an id for", directory)?,
    };
    let (hard_state, last) = (HardState::default(), EntryId::ZERO);
    let (sequence, size) = (FIRST_SEQUENCE, options.segment_bytes);
    let mark = Mark { first_segment: sequence, ..Mark::default() };
    let header =
        Header { log, sequence, size, previous_end: 0, last, hard_state, mark, membership: founders };
    let prepared = Prepared::new(files, directory, 0, size, &AtomicBool::new(false))?;
    prepared.put_in_use(files, directory, &header).map(drop)
}

/// Renames a file there and back. If an earlier life could not make the name durable, the next flush of the directory
/// does, and does not only seem to.
fn name_again(files: &dyn FileSystem, path: &Path) -> Result<(), OpenError> {
    // The file holds no frame yet: if a crash leaves it so, it is removed, and the log is begun again.
    let other = unfinished(path);
    files.rename(path, &other).naming("rename", path)?;
    files.rename(&other, path).naming("rename", &other)
}

/// Makes what was found durable, and overwrites what a crash has left behind it.
fn mend(segment: &Segment, tail: &Tail) -> Result<(), OpenError> {
    let (file, path) = (&*segment.file, &*segment.path);
    let start = tail.end.saturating_sub(tail.doubtful.len() as u64);
    file.write_all_at(&tail.doubtful, start).naming("write to", path)?;
    if tail.torn_end > tail.end {
        let zeros = vec![0; usize::try_from(tail.torn_end - tail.end).unwrap_or_default()];
        file.write_all_at(&zeros, tail.end).naming("write zeros to", path)?;
    }
    file.sync_all().naming("flush", path)
}

/// Removes what nothing refers to any more.
fn clear_away(
    files: &dyn FileSystem,
    directory: &Path,
    listing: &Listing,
    unneeded: &[u64],
    snapshot: Option<EntryId>,
) -> Result<(), OpenError> {
    for path in &listing.unfinished {
        remove_if_there(files, path)?;
    }
    for &sequence in unneeded {
        remove_if_there(files, &Name::Segment(sequence).path(directory))?;
    }
    // Saved, and never put in force.
    let index = snapshot.map_or(LogIndex::ZERO, |last| last.index);
    for &last in listing.snapshots.iter().filter(|last| last.index >= index && Some(**last) != snapshot) {
        remove_if_there(files, &Name::Snapshot(last).path(directory))?;
    }
    Ok(())
}

/// The spares that an earlier life has left, as far as they fit, and a number that no file has. The others are removed,
/// or stay if they cannot be.
fn reusable_spares(
    files: &dyn FileSystem,
    directory: &Path,
    listing: &Listing,
    segment_bytes: u64,
) -> (VecDeque<Prepared>, u64) {
    let mut spares = VecDeque::new();
    for &number in &listing.spares {
        let path = Name::Spare(number).path(directory);
        let opened = files.open(&path, OpenMode::ReadWrite).and_then(|file| Ok((file.size()?, file)));
        match opened {
            Ok((size, file)) if size == segment_bytes && spares.len() < spares_max(segment_bytes) => {
                spares.push_back(Prepared { path, file, size });
            }
            _ => drop(files.remove(&path)),
        }
    }
    (spares, listing.spares.last().map_or(1, |number| number.saturating_add(1)))
}

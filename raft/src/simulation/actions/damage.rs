//! What a log with a flipped bit is good for.
//!
//! A log that is damaged at its very end looks as if its last write was torn by a crash, and is taken without it. If
//! that write was acknowledged, the node has forgotten a promise, and no implementation of Raft survives that: such a
//! flip is not made. Everywhere else the log must notice, or not need the bit.

use std::{path::PathBuf, sync::Arc};

use bytes::Bytes;
use slog::{Discard, Logger, o};

use super::super::{disk::SimulatedFileSystem, world::DIRECTORY};
use crate::{
    consensus::{Entries, InitialState, Membership, Storage as _},
    storage::{
        StorageWriter as _,
        disk::{DiskOptions, DiskStorage},
    },
};

/// One bit on a disk.
pub(super) struct Spot {
    path: PathBuf,
    offset: u64,
    bit: u8,
}

/// What came of a flipped bit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The log holds what it held.
    Sound,
    /// It is refused, or a part of it is.
    Refused,
    /// It is taken for one that holds less.
    Forgetful,
}

/// One of the bits of a disk, but for those behind the last byte of a file that is not 0: most of a log's file is not
/// written yet.
pub(super) fn choose(files: &SimulatedFileSystem, choice: u64) -> Option<Spot> {
    let length = |path: &PathBuf| {
        let contents = files.contents(path).ok()?;
        contents.iter().rposition(|byte| *byte != 0).map(|last| last as u64 + 1)
    };
    let all: Vec<(PathBuf, u64)> =
        files.files().into_iter().filter_map(|path| length(&path).map(|length| (path, length))).collect();
    let file = usize::try_from(choice % all.len().max(1) as u64).ok()?;
    let (path, length) = all.into_iter().nth(file)?;
    let choice = choice.rotate_right(16);
    Some(Spot { path, offset: choice % length, bit: u8::try_from((choice >> 40) % 8).ok()? })
}

impl Spot {
    /// Flips it; a second time, back.
    pub(super) fn flip(&self, files: &SimulatedFileSystem) {
        // It was found there, and nobody else uses the disk.
        let _found = files.flip_bit(&self.path, self.offset, self.bit);
    }
}

/// Compares the log on a disk, on which a bit was flipped, with the log before that. Opens copies of both.
pub(super) fn verdict(files: &SimulatedFileSystem, spot: &Spot, options: DiskOptions) -> Verdict {
    let (before, after) = (files.fork(1), files.fork(1));
    spot.flip(&before);
    match (contents(before, options), contents(after, options)) {
        (Some(before), Some(after)) if before == after => Verdict::Sound,
        (Some(_), Some(_)) => Verdict::Forgetful,
        (_, None) => Verdict::Refused,
        // It was refused before: nothing is lost any more.
        (None, Some(_)) => Verdict::Sound,
    }
}

/// Everything that a log holds.
type Log = (InitialState, Entries, Option<Bytes>);

/// Everything that the log on a disk holds; none if any of it is refused.
fn contents(files: SimulatedFileSystem, options: DiskOptions) -> Option<Log> {
    let logger = Logger::root(Discard, o!());
    let storage =
        DiskStorage::open_in(Arc::new(files), DIRECTORY, Membership::default(), options, logger).ok()?;
    let reader = storage.reader();
    let (first, last) = (reader.first_index().ok()?, reader.last_index().ok()?);
    let entries =
        if first <= last { reader.entries(first, last, usize::MAX).ok()? } else { Entries::default() };
    let snapshot = match storage.snapshot().ok()? {
        Some(snapshot) => Some(snapshot.data.to_bytes().ok()?),
        None => None,
    };
    Some((reader.initial_state().ok()?, entries, snapshot))
}

//! The files of a log, as tests look at them and spoil them.

use std::{fs, os::unix::fs::FileExt as _, path::PathBuf};

use super::*;
use crate::storage::disk::{Damage, LocalFileSystem, OpenMode, scan::Scan, segment::Segment};

/// Where the frames of a segment begin; the last of them is where the last good one ends.
pub(super) fn frame_offsets(path: &Path) -> Vec<u64> {
    let directory = path.parent().unwrap();
    let Some(Name::Segment(sequence)) = Name::of(path) else { return Vec::new() };
    let (segment, _) = Segment::open(&LocalFileSystem, directory, sequence, OpenMode::Read).unwrap();
    let mut scan = Scan::new(&segment);
    let mut offsets = vec![scan.offset()];
    while scan.next(segment.size).unwrap().is_some() {
        offsets.push(scan.offset());
    }
    offsets
}

/// Writes over a part of a file.
pub(super) fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

pub(super) fn segment(directory: &Path, sequence: u64) -> PathBuf {
    Name::Segment(sequence).path(directory)
}

pub(super) fn segments_of(directory: &Path) -> Vec<PathBuf> {
    let names = names(directory).into_iter().filter(|name| name.starts_with("segment"));
    names.map(|name| directory.join(name)).collect()
}

/// What opening a damaged log says.
pub(super) fn damage(directory: &Path) -> Damage {
    match try_open(directory) {
        Err(OpenError::Damaged(damage)) => damage,
        Err(other) => panic!("another error: {other}"),
        Ok(storage) => panic!("it was opened: {}", held(&storage)),
    }
}

/// A log of `count` Readys with an entry each, whose process was killed.
pub(super) fn killed_log(directory: &Path, count: u64) {
    let mut storage = open(directory);
    for index in 1..=count {
        storage.write(&ready_of(run(1, index, index))).unwrap();
    }
    kill(storage);
}

/// The names of the files in a directory, sorted, without the lock.
pub(super) fn names(directory: &Path) -> Vec<String> {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> =
        names.map(|name| name.into_string().unwrap()).filter(|name| name != "lock").collect();
    names.sort_unstable();
    names
}

pub(super) fn segments(directory: &Path) -> usize {
    names(directory).iter().filter(|name| name.starts_with("segment")).count()
}

//! The log on disk: files that are damaged or gone, and a log that lies in several.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use quorate::{
    DiskOptions, DiskStorage, Entries, Entry, EntryId, LogIndex, Membership, NodeId, Ready, Snapshot,
    Storage, StorageWriter, storage::disk::OpenError,
};
use slog::{Discard, Logger, o};
use tempfile::TempDir;

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Each file of the log takes about forty of the entries below.
fn open(directory: &Path) -> Result<DiskStorage, OpenError> {
    let mut options = DiskOptions::default();
    (options.segment_bytes, options.background) = (16 << 10, false);
    let founders = Membership::of_voters((1..=3).map(NodeId));
    DiskStorage::open(directory, founders, options, Logger::root(Discard, o!()))
}

fn entries(term: u64, first: u64, last: u64) -> Ready {
    let entry = |index| Entry::command(EntryId::new(term, index), vec![b'x'; 256]);
    let run = Entries::try_from((first..=last).map(entry).collect::<Vec<_>>()).unwrap();
    Ready { entries: vec![run], must_sync: true, ..Ready::default() }
}

fn ids(storage: &DiskStorage) -> Vec<EntryId> {
    let reader = storage.reader();
    let (first, last) = (reader.first_index().unwrap(), reader.last_index().unwrap());
    reader.entries(first, last, usize::MAX).unwrap().iter().map(|entry| entry.id).collect()
}

/// A log of several files, with a snapshot.
fn write_log(directory: &Path) {
    let mut storage = open(directory).unwrap();
    for index in 1..=120 {
        storage.write(&entries(1, index, index)).unwrap();
    }
    let membership = Membership::of_voters((1..=3).map(NodeId));
    let snapshot = Snapshot { last: EntryId::new(1, 30), membership, data: vec![7; 999].into() };
    storage.compact(snapshot, 0).unwrap();
}

/// The segments and snapshots, with their contents.
fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let is_data = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("segment") || name.starts_with("snapshot")
    };
    paths.filter(is_data).map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

/// Elsewhere a file of zeros, or one cut short, was taken for an empty log, and the rest was cleared away.
#[test]
fn c21_damaged_file_is_refused_and_nothing_is_touched() {
    let directory = directory();
    write_log(directory.path());
    let good = contents(directory.path());
    assert!(good.len() >= 4, "several segments and a snapshot");
    for (path, bytes) in &good {
        for damaged in [vec![0; bytes.len()], bytes[..bytes.len() / 2].to_vec(), Vec::new()] {
            fs::write(path, damaged).unwrap();
            let found = contents(directory.path());
            let error = open(directory.path()).err().unwrap();
            let OpenError::Damaged(damage) = &error else { panic!("another error: {error}") };
            assert_eq!(&damage.path, path, "{error}");
            assert!(contents(directory.path()) == found, "nothing was touched");
        }
        fs::write(path, bytes).unwrap();
    }
    assert_eq!(ids(&open(directory.path()).unwrap()).len(), 90, "the good files make a good log");
}

/// Elsewhere a node started without a file that was gone, and voted as if it had never known anything.
#[test]
fn c21_missing_file_is_no_empty_one() {
    let directory = directory();
    write_log(directory.path());
    let good = contents(directory.path());
    for (path, bytes) in &good {
        fs::remove_file(path).unwrap();
        assert!(open(directory.path()).is_err(), "{} is gone", path.display());
        fs::write(path, bytes).unwrap();
    }
    for path in good.keys().filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("segment"))
    {
        fs::remove_file(path).unwrap();
    }
    assert!(open(directory.path()).is_err(), "only the snapshot is left");
}

/// Elsewhere the log was cut within one file, while its end lay in the next; after a restart the old end was back.
#[test]
fn c23_tail_is_replaced_across_files() {
    let directory = directory();
    let mut storage = open(directory.path()).unwrap();
    for index in 1..=120 {
        storage.write(&entries(1, index, index)).unwrap();
    }
    let files = contents(directory.path()).len();
    assert!(files >= 3, "the old tail lies in several files");
    storage.write(&entries(2, 11, 12)).unwrap();
    storage.write(&entries(3, 12, 12)).unwrap();
    let expected: Vec<_> = (1..=10)
        .map(|index| EntryId::new(1, index))
        .chain([EntryId::new(2, 11), EntryId::new(3, 12)])
        .collect();
    assert_eq!(ids(&storage), expected);
    for _ in 0..2 {
        drop(storage);
        storage = open(directory.path()).unwrap();
        assert_eq!(ids(&storage), expected);
    }
    // What comes next goes on after the new tail, not after the old one.
    assert!(storage.stage(&entries(3, 121, 121)).is_err());
    storage.write(&entries(3, 13, 13)).unwrap();
    assert_eq!(storage.last_index().unwrap(), LogIndex(13));
}

/// Elsewhere a full file was closed while writes to it were still under way, and they were lost.
#[test]
fn c23_file_is_left_while_writes_are_under_way() {
    let directory = directory();
    let mut storage = open(directory.path()).unwrap();
    // Many writes are staged for one sync; they fill several files.
    for index in 1..=120 {
        storage.stage(&entries(1, index, index)).unwrap();
    }
    storage.sync().unwrap();
    assert!(contents(directory.path()).len() >= 3);
    let expected: Vec<_> = (1..=120).map(|index| EntryId::new(1, index)).collect();
    assert_eq!(ids(&storage), expected);
    drop(storage);
    assert_eq!(ids(&open(directory.path()).unwrap()), expected);
}

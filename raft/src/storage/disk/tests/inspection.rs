//! Looking at a log from outside.

use std::fs;

use super::{files::*, *};
use crate::storage::disk::{SegmentVerdict, inspect};

/// A log of three segments or more, compacted once.
fn write_log(directory: &Path) -> DiskStorage {
    let mut storage = open(directory);
    for index in 1..=120 {
        storage.write(&ready_of(run_of_bytes(1 + index / 100, index, index, 300))).unwrap();
    }
    storage.write(&vote(hard_state(2, 3, 110))).unwrap();
    storage.compact(snapshot_at(1, 40), 0).unwrap();
    storage
}

#[test]
fn a_log_in_use_is_seen_as_it_is() {
    let directory = directory();
    let storage = write_log(directory.path());
    let before = names(directory.path());
    let seen = inspect(directory.path()).unwrap();
    let log = seen.log.unwrap();
    assert_eq!(
        (log.first, log.last, log.snapshot),
        (LogIndex(41), EntryId::new(2, 120), Some(EntryId::new(1, 40)))
    );
    assert_eq!((log.hard_state, log.incarnation, log.is_closed), (hard_state(2, 3, 110), 7, false));
    assert_eq!(log.membership, founders());
    let (last, sealed) = seen.segments.split_last().unwrap();
    assert!(matches!(last.verdict, SegmentVerdict::Open), "{}", last.verdict);
    assert!(!sealed.is_empty() && sealed.iter().all(|one| matches!(one.verdict, SegmentVerdict::Sealed)));
    assert_eq!(last.runs.last().unwrap().1, EntryId::new(2, 120));
    assert_eq!(*seen.snapshots[0].bytes.as_ref().unwrap(), snapshot_at(1, 40).data.size());
    assert_eq!(names(directory.path()), before, "nothing is touched");

    drop(storage);
    let closed = inspect(directory.path()).unwrap();
    assert!(closed.log.unwrap().is_closed);
    assert!(matches!(closed.segments.last().unwrap().verdict, SegmentVerdict::Closed));
}

#[test]
fn each_damaged_file_is_named_and_the_others_are_still_shown() {
    let directory = directory();
    kill(write_log(directory.path()));
    let segments = segments_of(directory.path());
    overwrite(&segments[1], 20, b"~");
    let snapshot = Name::Snapshot(EntryId::new(1, 40)).path(directory.path());
    fs::write(&snapshot, "no snapshot").unwrap();
    let seen = inspect(directory.path()).unwrap();
    assert!(seen.log.is_err());
    for (at, report) in seen.segments.iter().enumerate() {
        assert_eq!(
            matches!(report.verdict, SegmentVerdict::Damaged(_)),
            at == 1,
            "{}",
            report.path.display()
        );
    }
    assert!(seen.snapshots[0].bytes.is_err());
}

#[test]
fn a_torn_tail_is_told_from_damage() {
    let directory = directory();
    killed_log(directory.path(), 3);
    let path = segments_of(directory.path()).remove(0);
    let offsets = frame_offsets(&path);
    overwrite(&path, offsets[2] + 80, b"~");
    let seen = inspect(directory.path()).unwrap();
    assert!(matches!(seen.segments[0].verdict, SegmentVerdict::Torn), "{}", seen.segments[0].verdict);
    assert_eq!(seen.log.unwrap().last, EntryId::new(1, 2));
    assert_eq!(frame_offsets(&path).len(), offsets.len() - 1, "it was only read");
}

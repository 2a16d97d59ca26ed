//! A log that nothing goes wrong with.

use std::fs;

use super::{files::*, *};

#[test]
fn a_new_log_is_empty_and_has_its_founders() {
    let directory = directory();
    let storage = open(directory.path());
    let state = storage.reader().initial_state().unwrap();
    assert_eq!((state.hard_state, state.membership), (HardState::default(), founders()));
    assert_eq!(held(&storage), "nothing after 0");
    assert!(storage.snapshot().unwrap().is_none());
}

#[test]
fn what_was_synced_is_there_after_reopening() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&Ready { hard_state: Some(hard_state(2, 1, 0)), ..ready_of(run(2, 1, 3)) }).unwrap();
    storage.write(&ready_of(run(2, 4, 4))).unwrap();
    kill(storage);
    for _ in 0..3 {
        let storage = open(directory.path());
        assert_eq!(held(&storage), "1@2 2@2 3@2 4@2");
        assert_eq!(storage.reader().hard_state(), hard_state(2, 1, 0));
    }
}

#[test]
fn what_was_only_staged_is_not_seen() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.stage(&ready_of(run(1, 1, 3))).unwrap();
    assert_eq!(held(&storage), "nothing after 0");
    storage.sync().unwrap();
    assert_eq!(held(&storage), "1@1 2@1 3@1");
}

#[test]
fn several_readys_become_durable_with_one_write_and_one_flush() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    files.take_calls();
    storage.stage(&ready_of(run(1, 1, 3))).unwrap();
    storage.stage(&ready_of(run(2, 2, 5))).unwrap();
    storage.stage(&vote(hard_state(3, 2, 1))).unwrap();
    assert!(files.take_calls().is_empty(), "staging writes nothing");
    storage.sync().unwrap();
    assert_eq!(files.take_calls(), ["write segment-0000000000000001", "sync segment-0000000000000001"]);
    storage.sync().unwrap();
    assert!(files.take_calls().is_empty(), "nothing was staged, so nothing is done");
    kill(storage);
    let storage = open(directory.path());
    assert_eq!(held(&storage), "1@1 2@2 3@2 4@2 5@2");
    assert_eq!(storage.reader().hard_state(), hard_state(3, 2, 1));
}

#[test]
fn a_vote_beside_runs_of_no_entries_is_written() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&Ready { hard_state: Some(hard_state(4, 2, 0)), ..ready_of(Entries::EMPTY) }).unwrap();
    kill(storage);
    assert_eq!(open(directory.path()).reader().hard_state(), hard_state(4, 2, 0));
}

#[test]
fn a_log_goes_on_over_many_segments() {
    let directory = directory();
    let mut storage = open(directory.path());
    let mut expected = Vec::new();
    for index in 1..=200 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
        expected.push(format!("{index}@1"));
    }
    assert!(segments(directory.path()) > 4, "{:?}", names(directory.path()));
    assert_eq!(held(&storage), expected.join(" "));
    kill(storage);
    assert_eq!(held(&open(directory.path())), expected.join(" "));
}

#[test]
fn a_frame_larger_than_a_segment_gets_one_of_its_size() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run_of_bytes(1, 1, 3, 40_000))).unwrap();
    storage.write(&ready_of(run(1, 4, 4))).unwrap();
    assert_eq!(held(&storage), "1@1 2@1 3@1 4@1");
    kill(storage);
    assert_eq!(held(&open(directory.path())), "1@1 2@1 3@1 4@1");
}

#[test]
fn reads_are_bounded_by_weight_and_by_the_last_index() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run_of_bytes(1, 1, 9, 100))).unwrap();
    let reader = storage.reader();
    let ids =
        |first, last, bytes| reader.entries(LogIndex(first), LogIndex(last), bytes).unwrap().to_string();
    let one = Entry::OVERHEAD + 100;
    assert_eq!(ids(3, 9, 0), "[3@1]");
    assert_eq!(ids(3, 9, 2 * one), "[3@1 4@1]");
    assert_eq!(ids(3, 9, 3 * one - 1), "[3@1 4@1]");
    assert_eq!(ids(8, 99, usize::MAX), "[8@1 9@1]");
    assert_eq!(ids(8, 8, usize::MAX), "[8@1]");
    assert!(matches!(reader.entries(LogIndex(10), LogIndex(10), 1), Err(StorageError::Unavailable(_))));
    assert!(matches!(reader.entries(LogIndex(0), LogIndex(1), 1), Err(StorageError::Compacted(_))));
}

#[test]
fn compaction_drops_what_the_snapshot_contains() {
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=150 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    storage.write(&vote(hard_state(1, 1, 150))).unwrap();
    let before = segments(directory.path());
    let snapshot = snapshot_at(1, 140);
    save(&storage, &snapshot).unwrap();
    storage.compact(snapshot.clone(), 5).unwrap();
    for life in 0..3 {
        assert_eq!(held(&storage).split(' ').next(), Some("136@1"), "life {life}");
        assert_eq!(storage.reader().term(LogIndex(135)).unwrap(), Term(1));
        assert!(matches!(storage.reader().term(LogIndex(134)), Err(StorageError::Compacted(_))));
        assert_eq!(snapshot_in(&storage), snapshot);
        assert!(segments(directory.path()) < before, "{:?}", names(directory.path()));
        drop(storage);
        storage = open(directory.path());
    }
}

#[test]
fn a_snapshot_from_the_leader_takes_the_place_of_the_log() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    let install = Ready {
        snapshot: Some(Box::new(snapshot_at(3, 20))),
        hard_state: Some(hard_state(3, 2, 20)),
        ..ready_of(run(3, 21, 22))
    };
    storage.write(&install).unwrap();
    storage.write(&ready_of(run(3, 23, 23))).unwrap();
    kill(storage);
    let storage = open(directory.path());
    assert_eq!(held(&storage), "21@3 22@3 23@3");
    assert_eq!(storage.reader().term(LogIndex(20)).unwrap(), Term(3));
    assert_eq!(snapshot_in(&storage), snapshot_at(3, 20));
}

#[test]
fn a_log_keeps_its_incarnation_and_another_has_another() {
    let (one, other) = (directory(), directory());
    let by_chance = DiskOptions { seed: None, ..options() };
    let incarnation =
        |path: &Path| DiskStorage::open(path, founders(), by_chance, logger()).unwrap().incarnation();
    assert_eq!(incarnation(one.path()), incarnation(one.path()));
    assert_ne!(incarnation(one.path()), incarnation(other.path()));
}

#[test]
fn a_thread_prepares_segments_while_the_log_is_written() {
    let directory = directory();
    let background = DiskOptions { background: true, ..options() };
    let open = || DiskStorage::open(directory.path(), founders(), background, logger()).unwrap();
    let mut storage = open();
    for index in 1..=300 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
        if index % 100 == 0 {
            storage.write(&vote(hard_state(1, 1, index))).unwrap();
            storage.compact(snapshot_at(1, index), 10).unwrap();
        }
    }
    drop(storage);
    assert!(held(&open()).starts_with("291@1 "));
    assert!(segments(directory.path()) <= 2, "{:?}", names(directory.path()));
}

/// A file system that cannot make spares, and says so by a panic, on whatever thread.
#[test]
fn a_log_does_not_wait_for_a_thread_that_has_panicked() {
    let (directory, files) = (directory(), Observed::default());
    drop(open_in(&files, directory.path()).unwrap());
    for name in names(directory.path()).iter().filter(|name| name.starts_with("spare")) {
        fs::remove_file(directory.path().join(name)).unwrap();
    }
    files.panic_once("create spare");
    let background = DiskOptions { background: true, ..options() };
    let mut storage =
        DiskStorage::open_in(Arc::new(files), directory.path(), founders(), background, logger()).unwrap();
    for index in 1..=100 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    assert!(segments(directory.path()) > 2);
}

#[test]
fn zeros_are_written_only_when_no_old_segment_has_come_back() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    let zeros = |storage: &mut DiskStorage, first: u64, last: u64| {
        files.take_calls();
        for index in first..=last {
            storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
        }
        files.take_calls().iter().filter(|call| call.starts_with("create spare")).count()
    };
    // Eleven of these are half a segment, twenty fill one.
    assert_eq!(zeros(&mut storage, 1, 10), 0);
    assert_eq!(zeros(&mut storage, 11, 20), 1);
    assert_eq!(zeros(&mut storage, 21, 105), 4, "one for each of five segments");
    storage.compact(snapshot_at(1, 105), 0).unwrap();
    assert_eq!(zeros(&mut storage, 106, 205), 0, "the five have come back, and are used again");
    assert_eq!(zeros(&mut storage, 206, 215), 1);
}

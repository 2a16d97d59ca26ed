//! Hazards of order: what must be durable before what.

use std::fs;

use super::{files::*, *};

#[test]
fn hazard_09_a_vote_alone_is_durable_and_survives_its_segment() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&vote(hard_state(5, 3, 0))).unwrap();
    kill(storage);
    let mut storage = open(directory.path());
    assert_eq!(storage.reader().hard_state(), hard_state(5, 3, 0));
    for index in 1..=100 {
        storage.write(&ready_of(run_of_bytes(5, index, index, 300))).unwrap();
    }
    storage.compact(snapshot_at(5, 100), 0).unwrap();
    kill(storage);
    assert_eq!(open(directory.path()).reader().hard_state(), hard_state(5, 3, 0));
}

#[test]
fn hazard_09_a_commit_index_alone_is_written_with_what_comes_next() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    storage.write(&Ready { hard_state: Some(hard_state(1, 1, 0)), ..ready_of(run(1, 1, 2)) }).unwrap();
    files.take_calls();
    let commit = Ready { hard_state: Some(hard_state(1, 1, 2)), ..Ready::default() };
    storage.write(&commit).unwrap();
    assert!(files.take_calls().is_empty());
    storage.write(&ready_of(run(1, 3, 3))).unwrap();
    kill(storage);
    assert_eq!(open(directory.path()).reader().hard_state(), hard_state(1, 1, 2));
}

#[test]
fn hazard_10_segments_go_after_the_snapshot_and_its_record_are_durable() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    for index in 1..=100 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    files.take_calls();
    save(&storage, &snapshot_at(1, 100)).unwrap();
    storage.compact(snapshot_at(1, 100), 3).unwrap();
    let calls = files.take_calls();
    let at = |start: &str| calls.iter().position(|call| call.starts_with(start)).unwrap();
    let gone = calls
        .iter()
        .position(|call| call.starts_with("remove segment") || call.starts_with("rename to spare"));
    assert!(at("sync snapshot") < at("rename to snapshot"), "{calls:?}");
    assert!(at("rename to snapshot") < at("sync directory"), "{calls:?}");
    assert!(at("sync directory") < at("write segment"), "{calls:?}");
    assert!(at("write segment") < at("sync segment"), "{calls:?}");
    assert!(at("sync segment") < gone.unwrap(), "{calls:?}");
}

#[test]
fn hazard_10_a_removal_that_a_crash_has_undone_does_no_harm() {
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=150 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    let old: Vec<_> =
        segments_of(directory.path()).into_iter().map(|path| (fs::read(&path).unwrap(), path)).collect();
    storage.compact(snapshot_at(1, 150), 1).unwrap();
    storage.write(&ready_of(run(1, 151, 151))).unwrap();
    kill(storage);
    // All but the second are there again.
    let needed = segments_of(directory.path());
    for (contents, path) in old.iter().enumerate().filter(|(at, _)| *at != 1).map(|(_, old)| old) {
        if !needed.contains(path) {
            fs::write(path, contents).unwrap();
        }
    }
    assert_eq!(held(&open(directory.path())), "150@1 151@1");
    assert_eq!(segments_of(directory.path()), needed, "they are removed again");
}

#[test]
fn hazard_11_a_replaced_tail_stays_replaced() {
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=60 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    // The cut lies in an older segment than the one being written.
    storage.write(&ready_of(run(2, 4, 5))).unwrap();
    assert_eq!(held(&storage), "1@1 2@1 3@1 4@2 5@2");
    kill(storage);
    let mut storage = open(directory.path());
    assert_eq!(held(&storage), "1@1 2@1 3@1 4@2 5@2");
    // And when the segments in which the old tail lay are gone.
    storage.write(&vote(hard_state(2, 1, 4))).unwrap();
    storage.compact(snapshot_at(1, 3), 0).unwrap();
    kill(storage);
    assert_eq!(held(&open(directory.path())), "4@2 5@2");
}

#[test]
fn hazard_11_committed_entries_are_not_replaced() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&Ready { hard_state: Some(hard_state(1, 1, 3)), ..ready_of(run(1, 1, 5)) }).unwrap();
    let error = storage.stage(&ready_of(run(2, 3, 4))).unwrap_err().to_string();
    assert!(error.contains("entry 3@2 would replace a committed one"), "{error}");
    assert!(storage.stage(&ready_of(run(2, 7, 7))).is_err(), "nor is a gap left");
    storage.write(&ready_of(run(2, 4, 4))).unwrap();
    assert_eq!(held(&storage), "1@1 2@1 3@1 4@2", "the refused ones have left no trace");
}

#[test]
fn hazard_12_a_snapshot_counts_when_the_log_says_so() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    save(&storage, &snapshot_at(1, 5)).unwrap();
    kill(storage);
    let storage = open(directory.path());
    assert!(storage.snapshot().unwrap().is_none());
    assert_eq!(held(&storage).split(' ').count(), 9);
    assert!(!names(directory.path()).iter().any(|name| name.starts_with("snapshot")), "it is removed");
}

#[test]
fn hazard_12_one_older_snapshot_is_kept() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    for index in [2, 4, 6, 8] {
        storage.compact(snapshot_at(1, index), 0).unwrap();
    }
    let snapshots: Vec<_> =
        names(directory.path()).into_iter().filter(|name| name.starts_with("snapshot")).collect();
    let expected = [6, 8].map(|index| format!("snapshot-{index:020}-{:020}", 1));
    assert_eq!(snapshots, expected);
}

#[test]
fn hazard_12_a_damaged_snapshot_is_refused() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    storage.compact(snapshot_at(1, 5), 0).unwrap();
    let path = Name::Snapshot(EntryId::new(1, 5)).path(directory.path());
    let good = fs::read(&path).unwrap();
    let reader = storage.reader();
    drop(storage);
    for offset in 0..good.len() {
        let mut bad = good.clone();
        bad[offset] ^= 4;
        fs::write(&path, bad).unwrap();
        assert!(try_open(directory.path()).is_err(), "offset {offset}");
        let read = reader.snapshot().map(|snapshot| snapshot.data.to_bytes());
        assert!(!matches!(read, Ok(Ok(_))), "offset {offset}");
    }
    fs::write(&path, &good[..good.len() - 9]).unwrap();
    assert!(try_open(directory.path()).is_err());
    fs::remove_file(&path).unwrap();
    assert!(try_open(directory.path()).is_err());
    fs::write(&path, good).unwrap();
    assert_eq!(snapshot_in(&open(directory.path())), snapshot_at(1, 5));
}

#[test]
fn hazard_13_no_frame_in_a_new_segment_before_the_old_one_is_durable() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    storage.stage(&ready_of(run_of_bytes(1, 1, 1, 6000))).unwrap();
    files.take_calls();
    storage.stage(&ready_of(run_of_bytes(1, 2, 2, 6000))).unwrap();
    storage.sync().unwrap();
    let calls = files.take_calls();
    let at = |start: &str| calls.iter().position(|call| call.starts_with(start)).unwrap();
    assert!(at("sync segment-0000000000000001") < at("rename to segment-0000000000000002"), "{calls:?}");
    let named = at("rename to segment-0000000000000002");
    assert_eq!(calls[named + 1], "sync directory .");
    assert_eq!(calls[named + 2], "write segment-0000000000000001", "it is sealed");
    assert!(named < at("write segment-0000000000000002"), "{calls:?}");
    kill(storage);
    assert_eq!(held(&open(directory.path())), "1@1 2@1");
}

#[test]
fn hazard_17_a_write_changes_no_size() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    let size = fs::metadata(segment(directory.path(), 1)).unwrap().len();
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    assert_eq!(fs::metadata(segment(directory.path(), 1)).unwrap().len(), size);
    let calls = files.take_calls();
    assert!(!calls.iter().any(|call| call.starts_with("resize")), "{calls:?}");
}

//! Hazards of writing: torn and failed writes, half-made and reused files, a full disk.

use std::{fs, io};

use super::{files::*, *};

#[test]
fn hazard_01_a_torn_write_is_dropped_as_a_whole() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 3))).unwrap();
    storage.write(&ready_of(run_of_bytes(1, 4, 9, 600))).unwrap();
    kill(storage);
    // Of the second write, one page in the middle has not reached the disk.
    let path = segment(directory.path(), 1);
    let torn = frame_offsets(&path)[1];
    overwrite(&path, torn + 2000, &[0; 512]);
    assert_eq!(held(&open(directory.path())), "1@1 2@1 3@1");
}

#[test]
fn hazard_01_parts_of_two_writes_do_not_make_one() {
    let (directory, other) = (directory(), directory());
    // Two logs of the same id, whose second writes differ: as if the first of two writes at one place had come through
    // in parts.
    for (path, votes_for) in [(directory.path(), 1), (other.path(), 2)] {
        let mut storage = open(path);
        storage.write(&ready_of(run(1, 1, 1))).unwrap();
        let hard_state = Some(hard_state(2, votes_for, 0));
        storage.write(&Ready { hard_state, ..ready_of(run_of_bytes(votes_for, 2, 5, 90)) }).unwrap();
        kill(storage);
    }
    let paths = [directory.path(), other.path()].map(|directory| segment(directory, 1));
    let start = usize::try_from(frame_offsets(&paths[0])[1]).unwrap();
    let entry = start + 72..start + 72 + 32 + 90;
    overwrite(&paths[0], entry.start as u64, &fs::read(&paths[1]).unwrap()[entry]);
    assert_eq!(held(&open(directory.path())), "1@1");
}

#[test]
fn hazard_01_nothing_behind_a_hole_is_taken() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 1))).unwrap();
    // Three frames in one write: the first of them is torn, those behind it are whole.
    for index in 2..=4 {
        storage.stage(&ready_of(run(1, index, index))).unwrap();
    }
    storage.sync().unwrap();
    kill(storage);
    let path = segment(directory.path(), 1);
    let offsets = frame_offsets(&path);
    overwrite(&path, offsets[1], &[0; 8]);
    let mut storage = open(directory.path());
    assert_eq!(held(&storage), "1@1");
    // And they do not come back when what is written next ends where they begin.
    storage.write(&ready_of(run(2, 2, 2))).unwrap();
    kill(storage);
    assert_eq!(frame_offsets(&path)[2], offsets[2], "the new frame ends where an old one began");
    assert_eq!(held(&open(directory.path())), "1@1 2@2");
}

#[test]
fn hazard_02_after_a_failed_flush_nothing_is_written_or_promised_any_more() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    storage.write(&ready_of(run(1, 1, 1))).unwrap();
    files.fail_once("sync segment", io::ErrorKind::Other);
    assert!(storage.write(&ready_of(run(1, 2, 2))).is_err());
    files.take_calls();
    let refusals = [
        storage.stage(&ready_of(run(1, 2, 2))),
        storage.sync(),
        storage.compact(snapshot_at(1, 1), 0),
        save(&storage, &snapshot_at(1, 1)).map(|_| ()),
    ];
    for refusal in refusals {
        let error = refusal.unwrap_err().to_string();
        assert!(error.contains("given up when this failed: cannot flush"), "{error}");
    }
    drop(storage);
    assert_eq!(files.take_calls(), Vec::<String>::new(), "nothing is tried again, not even to close the log");
}

#[test]
fn hazard_02_what_a_failed_flush_has_left_is_written_again_before_it_counts() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    files.fail_once("sync segment", io::ErrorKind::Other);
    assert!(storage.write(&ready_of(run(1, 1, 1))).is_err());
    drop(storage);
    files.take_calls();
    let storage = open_in(&files, directory.path()).unwrap();
    assert_eq!(held(&storage), "1@1", "the kernel still has it");
    let calls = files.take_calls();
    let at = |call: &str| calls.iter().position(|made| made == call).unwrap();
    assert!(at("write segment-0000000000000001") < at("sync segment-0000000000000001"), "{calls:?}");
}

#[test]
fn hazard_02_a_failed_flush_of_the_directory_counts_as_well() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    storage.write(&ready_of(run(1, 1, 1))).unwrap();
    files.fail_once("sync directory", io::ErrorKind::Other);
    assert!(save(&storage, &snapshot_at(1, 1)).is_err());
    assert!(storage.write(&ready_of(run(1, 2, 2))).is_err());
}

/// The new segment's name was not made durable, and the directory's next flush may only seem to do so.
#[test]
fn hazard_02_a_segment_whose_name_may_be_lost_is_not_gone_on_in() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    storage.write(&ready_of(run_of_bytes(1, 1, 1, 6000))).unwrap();
    files.fail_once("sync directory", io::ErrorKind::Other);
    assert!(storage.write(&ready_of(run_of_bytes(1, 2, 2, 6000))).is_err());
    drop(storage);
    assert_eq!(segments(directory.path()), 2, "the name is there, for now");
    let mut storage = open_in(&files, directory.path()).unwrap();
    assert_eq!((held(&storage).as_str(), segments(directory.path())), ("1@1", 1));
    storage.write(&ready_of(run_of_bytes(1, 2, 2, 6000))).unwrap();
    assert_eq!((held(&storage).as_str(), segments(directory.path())), ("1@1 2@1", 2));
    kill(storage);
    assert_eq!(held(&open(directory.path())), "1@1 2@1");
}

#[test]
fn hazard_02_a_log_whose_name_may_be_lost_is_named_again() {
    let (directory, files) = (directory(), Observed::default());
    let path = directory.path();
    files.fail_once("rename to segment", io::ErrorKind::Other);
    assert!(open_in(&files, path).is_err(), "half begun");
    kill(open_in(&files, path).unwrap());
    files.take_calls();
    let storage = open_in(&files, path).unwrap();
    assert_eq!(storage.incarnation(), 7);
    let calls = files.take_calls();
    let at = |call: &str| calls.iter().position(|made| made == call).unwrap();
    let named = at("rename to segment-0000000000000001");
    assert_eq!(
        calls[named - 1..=named + 1],
        ["rename to segment-0000000000000001.tmp", &calls[named], "sync directory ."]
    );
}

#[test]
fn hazard_03_readers_see_nothing_before_the_flush() {
    for failing in ["write segment", "sync segment"] {
        let (directory, files) = (directory(), Observed::default());
        let mut storage = open_in(&files, directory.path()).unwrap();
        storage.write(&Ready { hard_state: Some(hard_state(1, 1, 0)), ..ready_of(run(1, 1, 24)) }).unwrap();
        files.fail_once(failing, io::ErrorKind::Other);
        let next = Ready { hard_state: Some(hard_state(2, 2, 24)), ..ready_of(run(2, 25, 28)) };
        assert!(storage.write(&next).is_err());
        let reader = storage.reader();
        assert_eq!(reader.last_index().unwrap(), LogIndex(24), "{failing}");
        assert_eq!(reader.hard_state(), hard_state(1, 1, 0), "{failing}");
    }
}

#[test]
fn hazard_04_a_segment_has_its_name_only_when_it_is_whole() {
    let (directory, files) = (directory(), Observed::default());
    drop(open_in(&files, &directory.path().join("new")).unwrap());
    let calls = files.take_calls();
    let above = calls.iter().take_while(|call| call.starts_with("sync directory")).count();
    assert!(above > 0, "those in which the new directory and those above it have their names");
    let expected = [
        "remove spare-0000000000000000.tmp",
        "create spare-0000000000000000.tmp",
        "write spare-0000000000000000.tmp",
        "sync spare-0000000000000000.tmp",
        "rename to spare-0000000000000000",
        "write spare-0000000000000000", // The header.
        "sync spare-0000000000000000",
        "rename to segment-0000000000000001",
        "sync directory .",
    ];
    assert_eq!(calls[above..above + expected.len()], expected);
}

#[test]
fn hazard_04_what_was_half_made_is_cleared_away() {
    let directory = directory();
    killed_log(directory.path(), 3);
    for name in ["spare-0000000000000009.tmp", "snapshot-00000000000000000002-00000000000000000001.tmp"] {
        fs::write(directory.path().join(name), "half").unwrap();
    }
    let storage = open(directory.path());
    assert_eq!(held(&storage), "1@1 2@1 3@1");
    assert!(names(directory.path()).iter().all(|name| !name.ends_with(".tmp")));
}

#[test]
fn hazard_04_a_crash_before_the_first_frame_of_a_segment_leaves_a_log() {
    let directory = directory();
    drop(open(directory.path()));
    let path = segment(directory.path(), 1);
    overwrite(&path, frame_offsets(&path)[0], &[0; 512]);
    let storage = open(directory.path());
    assert_eq!((held(&storage), storage.incarnation()), ("nothing after 0".to_owned(), 7));
}

#[test]
fn hazard_05_frames_of_an_earlier_life_of_the_file_are_not_taken() {
    let directory = directory();
    let mut storage = open(directory.path());
    let mut tails_before_old_frames = 0;
    for index in 1..=600 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
        if index % 60 == 0 {
            storage.write(&vote(hard_state(1, 1, index))).unwrap();
            storage.compact(snapshot_at(1, index), 0).unwrap();
        }
        if index % 20 == 0 {
            kill(storage);
            let last = segments_of(directory.path()).pop().unwrap();
            let end = usize::try_from(*frame_offsets(&last).last().unwrap()).unwrap();
            let behind = fs::read(&last).unwrap().split_off(end);
            tails_before_old_frames += u32::from(behind.windows(4).any(|bytes| bytes == b"QFRM"));
            storage = open(directory.path());
            assert_eq!(storage.reader().last_index().unwrap(), LogIndex(index));
        }
    }
    assert!(tails_before_old_frames > 0, "segments do come back with whole frames in them");
}

#[test]
fn hazard_05_a_reader_keeps_the_segment_it_reads() {
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=150 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    let held =
        storage.shared.state.read().positions(LogIndex(1)).map(|(segment, _)| Arc::clone(segment)).unwrap();
    let before = fs::read(&held.path).unwrap();
    storage.compact(snapshot_at(1, 150), 0).unwrap();
    for index in 151..=300 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    let mut now = vec![0; before.len()];
    held.file.read_exact_at(&mut now, 0).unwrap();
    assert!(before == now, "it was removed, and not written again");
}

#[test]
fn hazard_06_every_block_of_a_segment_was_written_before_its_first_frame() {
    use std::os::unix::fs::MetadataExt as _;
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=60 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    for path in segments_of(directory.path()) {
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(metadata.len(), options().segment_bytes);
        assert!(metadata.blocks() * 512 >= metadata.len(), "{} has holes", path.display());
    }
}

#[test]
fn hazard_08_a_full_disk_refuses_entries_and_still_takes_votes() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    files.fail_always("create spare", io::ErrorKind::StorageFull);
    // No spare can be made when the segment is half full, nor when it is full.
    let mut index = 0;
    let error = loop {
        match storage.stage(&ready_of(run_of_bytes(1, index + 1, index + 1, 300))) {
            Ok(()) => index += 1,
            Err(error) => break error,
        }
        storage.sync().unwrap();
    };
    let StorageError::Io(error) = error else { panic!("another error: {error}") };
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert!(error.to_string().starts_with("cannot create "), "{error}");
    for term in 2..12 {
        storage.write(&vote(hard_state(term, 2, 1))).unwrap();
    }
    assert_eq!(
        storage.reader().last_index().unwrap(),
        LogIndex(index),
        "nothing of what was refused is there"
    );

    // There is room again: the same entries are taken.
    files.fail_no_more();
    storage.write(&ready_of(run_of_bytes(11, index + 1, index + 1, 300))).unwrap();
    kill(storage);
    let storage = open(directory.path());
    assert_eq!(storage.reader().last_index().unwrap(), LogIndex(index + 1));
    assert_eq!(storage.reader().hard_state(), hard_state(11, 2, 1));
}

#[test]
fn hazard_08_after_half_a_frame_the_log_is_given_up() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    storage.write(&ready_of(run(1, 1, 1))).unwrap();
    files.fail_once("write segment", io::ErrorKind::StorageFull);
    assert!(storage.write(&ready_of(run(1, 2, 2))).is_err());
    assert!(storage.write(&ready_of(run(1, 2, 2))).is_err(), "it does not go on behind it");
    drop(storage);
    assert_eq!(held(&open(directory.path())), "1@1");
}

//! Hazards of writing a log to disk, one after another, over real files.

use std::{fs, io, os::unix::fs::FileExt as _, path::PathBuf};

use super::*;
use crate::storage::disk::{Damage, scan::Scan, segment::Segment};

/// Where the frames of a segment begin; the last of them is where the last good one ends.
fn frame_offsets(path: &Path) -> Vec<u64> {
    let directory = path.parent().unwrap();
    let Some(Name::Segment(sequence)) = Name::of(path) else { return Vec::new() };
    let (segment, _) = Segment::open(
        &crate::storage::disk::LocalFileSystem,
        directory,
        sequence,
        crate::storage::disk::OpenMode::Read,
    )
    .unwrap();
    let mut scan = Scan::new(&segment);
    let mut offsets = vec![scan.offset()];
    while scan.next(segment.size).unwrap().is_some() {
        offsets.push(scan.offset());
    }
    offsets
}

/// Writes over `length` bytes of a file.
fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

fn segment(directory: &Path, sequence: u64) -> PathBuf {
    Name::Segment(sequence).path(directory)
}

/// What opening a damaged log says.
fn damage(directory: &Path) -> Damage {
    match try_open(directory) {
        Err(OpenError::Damaged(damage)) => damage,
        Err(other) => panic!("another error: {other}"),
        Ok(storage) => panic!("it was opened: {}", held(&storage)),
    }
}

/// A log of `count` Readys with an entry each, whose process was killed.
fn killed_log(directory: &Path, count: u64) {
    let mut storage = open(directory);
    for index in 1..=count {
        storage.write(&ready_of(run(1, index, index))).unwrap();
    }
    kill(storage);
}

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
    let saver = storage.snapshot_saver();
    files.fail_once("sync segment", io::ErrorKind::Other);
    assert!(storage.write(&ready_of(run(1, 2, 2))).is_err());
    files.take_calls();
    let refusals = [
        storage.stage(&ready_of(run(1, 2, 2))),
        storage.sync(),
        storage.compact(snapshot_at(1, 1), 0),
        saver.save(&snapshot_at(1, 1)),
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
    assert!(storage.snapshot_saver().save(&snapshot_at(1, 1)).is_err());
    assert!(storage.write(&ready_of(run(1, 2, 2))).is_err());
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
    let expected = [
        "sync directory .", // In which the new directory has its name.
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
    let creation: Vec<_> = calls.iter().take(expected.len()).map(|call| call.replace("new", ".")).collect();
    assert_eq!(creation, expected);
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
    assert!(files(directory.path()).iter().all(|name| !name.ends_with(".tmp")));
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

fn segments_of(directory: &Path) -> Vec<PathBuf> {
    let names = files(directory).into_iter().filter(|name| name.starts_with("segment"));
    names.map(|name| directory.join(name)).collect()
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
fn hazard_07_damage_to_what_was_acknowledged_is_refused() {
    let directory = directory();
    killed_log(directory.path(), 5);
    let path = segment(directory.path(), 1);
    let offsets = frame_offsets(&path);
    overwrite(&path, offsets[2] + 80, b"~");
    let damage = damage(directory.path());
    assert_eq!((&damage.path, damage.offset), (&path, offsets[2]));
    let message = damage.to_string();
    assert!(message.contains("segment-0000000000000001 is damaged at offset"), "{message}");
    assert!(message.contains("remove this node from the cluster"), "it says what to do: {message}");
}

#[test]
fn hazard_07_a_page_of_zeros_is_damage_and_not_the_end() {
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=20 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    kill(storage);
    let path = segment(directory.path(), 1);
    overwrite(&path, 8192, &[0; 2048]);
    assert!(damage(directory.path()).offset <= 8192);
}

#[test]
fn hazard_07_a_closed_log_knows_damage_to_its_last_frame() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 1))).unwrap();
    storage.write(&ready_of(run(1, 2, 2))).unwrap();
    drop(storage);
    let path = segment(directory.path(), 1);
    let offsets = frame_offsets(&path);
    assert_eq!(offsets.len(), 4, "two writes, and the frame that closes the log");
    overwrite(&path, offsets[1] + 80, b"~");
    assert_eq!(damage(directory.path()).offset, offsets[1]);
}

#[test]
fn hazard_07_a_sealed_segment_must_be_whole_up_to_its_end() {
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=60 {
        storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
    }
    kill(storage);
    let path = segment(directory.path(), 1);
    let offsets = frame_offsets(&path);
    // The last frame of entries, before the one that seals the segment.
    let last = offsets[offsets.len() - 3];
    overwrite(&path, last, &[0; 64]);
    assert_eq!(damage(directory.path()).offset, last);
}

#[test]
fn hazard_07_missing_and_shortened_segments_are_missed() {
    let write = |directory: &Path| {
        let mut storage = open(directory);
        for index in 1..=120 {
            storage.write(&ready_of(run_of_bytes(1, index, index, 300))).unwrap();
        }
        kill(storage);
        segments_of(directory)
    };
    let count = write(directory().path()).len();
    assert!(count >= 3);
    for missing in 0..count {
        let directory = directory();
        let path = write(directory.path()).swap_remove(missing);
        fs::remove_file(&path).unwrap();
        assert!(damage(directory.path()).what.contains("missing"), "{}", path.display());
    }
    for shortened in 0..count {
        let directory = directory();
        let path = write(directory.path()).swap_remove(shortened);
        fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(6000).unwrap();
        assert_eq!(damage(directory.path()).what, "the file is cut short", "{}", path.display());
    }
}

#[test]
fn hazard_08_a_full_disk_refuses_entries_and_still_takes_votes() {
    let (directory, files) = (directory(), Observed::default());
    let mut storage = open_in(&files, directory.path()).unwrap();
    files.fail_always("create spare", io::ErrorKind::StorageFull);
    // The spare that was prepared is used up, and then there is none.
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
    storage.snapshot_saver().save(&snapshot_at(1, 100)).unwrap();
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
    storage.snapshot_saver().save(&snapshot_at(1, 5)).unwrap();
    kill(storage);
    let storage = open(directory.path());
    assert!(storage.snapshot().unwrap().is_none());
    assert_eq!(held(&storage).split(' ').count(), 9);
    assert!(!files(directory.path()).iter().any(|name| name.starts_with("snapshot")), "it is removed");
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
        files(directory.path()).into_iter().filter(|name| name.starts_with("snapshot")).collect();
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
        assert!(reader.snapshot().is_err(), "offset {offset}");
    }
    fs::write(&path, &good[..good.len() - 9]).unwrap();
    assert!(try_open(directory.path()).is_err());
    fs::remove_file(&path).unwrap();
    assert!(try_open(directory.path()).is_err());
    fs::write(&path, good).unwrap();
    assert_eq!(open(directory.path()).snapshot().unwrap(), Some(snapshot_at(1, 5)));
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
fn hazard_14_payloads_that_look_like_frames_are_not_taken_for_any() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 1))).unwrap();
    let path = segment(directory.path(), 1);
    let offsets = frame_offsets(&path);
    let bytes = fs::read(&path).unwrap();
    let frame = &bytes[usize::try_from(offsets[0]).unwrap()..usize::try_from(offsets[1]).unwrap()];
    // The same frame as a command; then that write is torn before it.
    let command = Entry::command(EntryId::new(1, 2), frame.to_vec());
    storage.write(&ready_of(Entries::try_from(vec![command]).unwrap())).unwrap();
    kill(storage);
    overwrite(&path, offsets[1], &[0; 16]);
    assert_eq!(held(&open(directory.path())), "1@1");
}

#[test]
fn hazard_15_a_log_has_one_owner() {
    let directory = directory();
    let storage = open(directory.path());
    let error = try_open(directory.path()).err().unwrap();
    assert!(matches!(error, OpenError::InUse(_)), "{error}");
    assert!(error.to_string().contains("stop the other process"), "{error}");
    drop(storage);
    assert!(try_open(directory.path()).is_ok());
}

#[test]
fn hazard_16_every_read_is_checked() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run_of_bytes(1, 1, 5, 100))).unwrap();
    let position = storage.shared.state.read().positions(LogIndex(3)).unwrap().1[0];
    overwrite(&segment(directory.path(), 1), position.offset() + 50, b"~");
    let reader = storage.reader();
    assert_eq!(reader.entries(LogIndex(1), LogIndex(2), usize::MAX).unwrap().len(), 2);
    let error = reader.entries(LogIndex(1), LogIndex(5), usize::MAX).unwrap_err();
    assert!(matches!(error, StorageError::Io(_)), "not an entry that is missing: {error}");
    let place = format!("segment-0000000000000001 is damaged at offset {}: entry 3", position.offset());
    assert!(error.to_string().contains(&place), "{error}");
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

/// Every byte of a small log, flipped in turn: the log is as it was, or has lost only what was never acknowledged, or
/// is refused. Never anything else.
#[test]
fn hazard_18_no_flipped_byte_changes_what_is_read() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&Ready { hard_state: Some(hard_state(1, 1, 0)), ..ready_of(run(1, 1, 2)) }).unwrap();
    storage.write(&ready_of(run(2, 2, 3))).unwrap();
    storage.write(&vote(hard_state(3, 2, 1))).unwrap();
    kill(storage);
    let path = segment(directory.path(), 1);
    let (good, offsets) = (fs::read(&path).unwrap(), frame_offsets(&path));
    let last_write = offsets[offsets.len() - 2];
    let mut refused = 0;
    // What follows the header's fields in its page is of no use to anybody.
    for offset in (0..256).chain(offsets[0]..*offsets.last().unwrap()) {
        let mut bad = good.clone();
        bad[usize::try_from(offset).unwrap()] ^= 0x10;
        fs::write(&path, bad).unwrap();
        match try_open(directory.path()) {
            Err(_) => refused += 1,
            Ok(storage) => {
                assert_eq!(held(&storage), "1@1 2@2 3@2", "offset {offset}");
                let state = storage.reader().hard_state();
                // Nothing shows that the last write of a log that was not closed was durable.
                let is_last = state == hard_state(1, 1, 0) && offset >= last_write;
                assert!(state == hard_state(3, 2, 1) || is_last, "offset {offset}: {state:?}");
                kill(storage);
            }
        }
    }
    assert!(refused > 300, "{refused}");
}

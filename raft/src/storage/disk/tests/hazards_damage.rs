//! Hazards of reading: nothing that a disk returns is believed, and what was acknowledged is missed.

use std::fs;

use rand::{Rng as _, SeedableRng as _};

use super::{files::*, *};
use crate::storage::disk::{
    LocalFileSystem, OpenMode,
    codec::checksum,
    frame::{FrameWriter, Head, Purpose},
    segment::Segment,
};

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
fn hazard_07_a_commit_index_beyond_the_log_is_refused() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 2))).unwrap();
    assert!(storage.stage(&vote(hard_state(1, 1, 3))).is_err(), "nothing writes such a log");
    storage.batch.put_hard_state(hard_state(1, 1, 3), Purpose::Write);
    storage.batch.write().unwrap();
    kill(storage);
    assert_eq!(damage(directory.path()).what, "entry 3 is committed, but the log ends at 2");
}

/// Random bytes over a random part of the log: some of it may be damage, all of it may be a torn tail, but what is read
/// was written.
#[test]
fn hazard_14_noise_is_never_read_as_entries() {
    let directory = directory();
    let mut storage = open(directory.path());
    for index in 1..=8 {
        storage.write(&ready_of(run_of_bytes(1, 3 * index - 2, 3 * index, 60))).unwrap();
    }
    kill(storage);
    let path = segment(directory.path(), 1);
    let (good, offsets) = (fs::read(&path).unwrap(), frame_offsets(&path));
    let (start, end) = (offsets[0], *offsets.last().unwrap());
    let mut refused = 0;
    for seed in 0..200 {
        let mut chance = rand_pcg::Pcg64::seed_from_u64(seed);
        let mut noise = vec![0; chance.random_range(1..200)];
        chance.fill(&mut noise[..]);
        fs::write(&path, &good).unwrap();
        overwrite(&path, chance.random_range(start..end), &noise);
        match try_open(directory.path()) {
            Err(_) => refused += 1,
            Ok(storage) => {
                // Each entry is checked to be its own.
                held(&storage);
                let last = storage.reader().last_index().unwrap();
                // Two frames at most: the last, and the one before if the head of the last is gone too.
                assert!(last >= LogIndex(18), "seed {seed}: more than the last writes are gone: {last}");
                kill(storage);
            }
        }
    }
    assert!((50..200).contains(&refused), "{refused}");
}

/// Lengths and counts that match their checksum, as a defect of ours or a forger would write them.
#[test]
fn hazard_14_lengths_with_a_good_checksum_are_bounded_too() {
    let (seed, sequence) = (5, 1);
    let mut frame = Vec::new();
    let mut sums = Vec::new();
    let mut writer = FrameWriter { buffer: &mut frame, sums: &mut sums, seed, sequence, durable: 0 };
    writer.put(HardState::default(), Purpose::Write, run(1, 1, 2).iter(), |_, _| {});
    assert!(Head::decode(&frame, seed, sequence).is_some());
    let lengths = [0, 8, 64, u64::MAX, u64::MAX - 7].map(|length| (8, length.to_le_bytes().to_vec()));
    let counts = [3, u32::MAX].map(|count| (56, count.to_le_bytes().to_vec()));
    for (offset, forged) in lengths.into_iter().chain(counts) {
        let mut frame = frame.clone();
        frame[offset..offset + forged.len()].copy_from_slice(&forged);
        let sum = checksum(seed, &frame[4..Head::BYTES]);
        frame[..4].copy_from_slice(&sum.to_le_bytes());

        let directory = directory();
        killed_log(directory.path(), 1);
        let path = segment(directory.path(), 1);
        let (opened, _) = Segment::open(&LocalFileSystem, directory.path(), 1, OpenMode::ReadWrite).unwrap();
        let sum = checksum(opened.seed, &frame[4..Head::BYTES]);
        frame[..4].copy_from_slice(&sum.to_le_bytes());
        overwrite(&path, frame_offsets(&path)[1], &frame);
        assert_eq!(held(&open(directory.path())), "1@1", "{forged:?} at {offset}");
    }
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

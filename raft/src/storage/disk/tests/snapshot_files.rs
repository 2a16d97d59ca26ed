//! Snapshots of many pieces: written, read and checked one piece at a time.

use std::{
    fs,
    io::{Read as _, Write as _},
};

use super::*;
use crate::storage::disk::codec::{checksum, seed};

/// More than two pieces, and no two of them alike.
fn large(index: u64) -> Snapshot {
    let words = (0..400_000_u64).flat_map(|word| (word ^ index).to_le_bytes());
    let data: Vec<u8> = words.collect();
    Snapshot { data: data.into(), ..snapshot_at(1, index) }
}

fn data_of(snapshot: &Snapshot) -> bytes::Bytes {
    snapshot.data.to_bytes().unwrap()
}

#[test]
fn many_pieces_come_back_whichever_way_they_came() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    // By a state machine that writes a little at a time.
    let made = large(5);
    let bytes = data_of(&made);
    let write = Box::new(move |output: &mut dyn std::io::Write| {
        bytes.chunks(999).try_for_each(|bytes| output.write_all(bytes))
    });
    let saved = storage.snapshot_saver().save(made.last, made.membership.clone(), write).unwrap();
    storage.compact(saved, 0).unwrap();
    assert_eq!(snapshot_in(&storage), made);
    // From the leader, copied from one log's file to the other's.
    let (elsewhere, installed) = (super::directory(), storage.snapshot().unwrap().unwrap());
    let mut other = open(elsewhere.path());
    other.write(&Ready { snapshot: Some(Box::new(installed)), must_sync: true, ..Ready::default() }).unwrap();
    drop(other);
    assert_eq!(snapshot_in(&open(elsewhere.path())), made);
}

#[test]
fn nothing_and_whole_pieces_come_back_as_well() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    for (index, size) in [(2, 0), (3, 1 << 20), (4, 2 << 20)] {
        let snapshot = Snapshot { data: vec![7; size].into(), ..snapshot_at(1, index) };
        storage.compact(save(&storage, &snapshot).unwrap(), 0).unwrap();
        assert_eq!(snapshot_in(&storage), snapshot, "{size} bytes");
    }
}

#[test]
fn a_snapshot_that_is_being_read_outlives_its_place() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    storage.compact(large(2), 0).unwrap();
    let mut reader = storage.snapshot().unwrap().unwrap().data.open().unwrap();
    let mut read = vec![0; 1000];
    reader.read_exact(&mut read).unwrap();
    for index in 3..6 {
        storage.compact(snapshot_at(1, index), 0).unwrap();
    }
    assert!(!Name::Snapshot(EntryId::new(1, 2)).path(directory.path()).exists(), "it has lost its name");
    reader.read_to_end(&mut read).unwrap();
    assert_eq!(read, data_of(&large(2)));
}

/// The log must not wait for a state machine that takes its time.
#[test]
fn the_leaders_snapshot_comes_in_while_an_own_one_is_being_written() {
    let directory = directory();
    let mut storage = open(directory.path());
    storage.write(&ready_of(run(1, 1, 9))).unwrap();
    let (saver, own) = (storage.snapshot_saver(), snapshot_at(1, 4));
    let install = Ready { snapshot: Some(Box::new(large(20))), must_sync: true, ..Ready::default() };
    let write = Box::new(move |output: &mut dyn std::io::Write| {
        output.write_all(b"begun")?;
        storage.write(&install).unwrap();
        assert_eq!(snapshot_in(&storage).last, EntryId::new(1, 20));
        Ok(())
    });
    saver.save(own.last, own.membership, write).unwrap();
    assert_eq!(snapshot_in(&open(directory.path())), large(20));
}

/// Sets the length and the checksum of the only piece of a snapshot's file, as somebody would who forges it.
fn forge_length(directory: &Path, change: impl Fn(usize) -> usize) {
    let path = Name::Snapshot(EntryId::new(1, 5)).path(directory);
    let mut file = fs::read(&path).unwrap();
    let data = data_of(&snapshot_at(1, 5));
    let at = file.windows(data.len()).position(|bytes| bytes == &*data).unwrap();
    let length = change(data.len());
    let sum = checksum(seed(7, 5), &file[at..at + length]);
    file[at - 8..at - 4].copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
    file[at - 4..at].copy_from_slice(&sum.to_le_bytes());
    fs::File::create(&path).unwrap().write_all(&file).unwrap();
}

#[test]
fn hazard_14_a_piece_of_another_length_is_refused_though_its_checksum_is_right() {
    for (change, what) in [(-3, "is missing"), (3, "is longer than the whole")] {
        let directory = directory();
        let mut storage = open(directory.path());
        storage.write(&ready_of(run(1, 1, 9))).unwrap();
        storage.compact(snapshot_at(1, 5), 0).unwrap();
        let reader = storage.reader();
        drop(storage);
        forge_length(directory.path(), |length| length.checked_add_signed(change).unwrap());
        let error = try_open(directory.path()).err().unwrap().to_string();
        assert!(error.contains(what), "{error}");
        let error = reader.snapshot().unwrap().data.to_bytes().unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
}

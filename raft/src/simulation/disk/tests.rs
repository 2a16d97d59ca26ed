//! What the simulated file system keeps, and what it loses.

use std::collections::BTreeSet;

use super::*;
use crate::storage::disk::{File, FileSystem, OpenMode};

const LOG: &str = "/data/log";

/// A disk with an empty, durable directory `/data`.
fn disk(seed: u64) -> SimulatedFileSystem {
    let disk = SimulatedFileSystem::new(seed);
    disk.create_directories(Path::new("/data")).unwrap();
    disk.sync_directory(Path::new("/")).unwrap();
    disk
}

fn create(disk: &SimulatedFileSystem, path: &str) -> Box<dyn File> {
    disk.open(Path::new(path), OpenMode::CreateNew).unwrap()
}

/// A durable file with this contents.
fn durable(disk: &SimulatedFileSystem, contents: &[u8]) -> Box<dyn File> {
    let file = create(disk, LOG);
    assert_eq!(file.write_at(contents, 0).unwrap(), contents.len());
    file.sync_data().unwrap();
    disk.sync_directory(Path::new("/data")).unwrap();
    file
}

fn contents(disk: &SimulatedFileSystem) -> Vec<u8> {
    disk.contents(Path::new(LOG)).unwrap()
}

fn names(disk: &SimulatedFileSystem) -> Vec<String> {
    disk.files().iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
}

#[test]
fn what_was_synced_survives_every_crash() {
    for seed in 0..50 {
        let disk = disk(seed);
        drop(durable(&disk, b"synced"));
        disk.restart();
        assert_eq!(contents(&disk), b"synced", "seed {seed}");
    }
}

#[test]
fn unsynced_pages_and_size_survive_or_not_each_by_itself() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..400 {
        let disk = disk(seed);
        let file = durable(&disk, &[1; 2 * PAGE_BYTES]);
        file.write_at(&[2; 3 * PAGE_BYTES], 0).unwrap();
        disk.restart();
        let after = contents(&disk);
        let first_bytes: Vec<u8> = after.chunks(PAGE_BYTES).map(|page| page[0]).collect();
        outcomes.insert(first_bytes);
    }
    // Two old pages, each old or new; and a third that is not there, or of which the size alone survived, or all.
    assert_eq!(outcomes.len(), 4 * 3, "{outcomes:?}");
}

#[test]
fn page_is_torn_at_its_sectors_and_nowhere_else() {
    let mut torn = 0;
    for seed in 0..200 {
        let disk = disk(seed);
        let file = durable(&disk, &[1; PAGE_BYTES]);
        file.write_at(&[2; PAGE_BYTES], 0).unwrap();
        disk.restart();
        let after = contents(&disk);
        assert!(after.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])), "seed {seed}");
        torn += u64::from(after.iter().any(|byte| *byte != after[0]));
    }
    assert!(torn > 10, "{torn} of 200 pages were torn");
}

#[test]
fn what_is_lost_and_kept_can_be_said() {
    for (unsynced, expected) in [(Unsynced::Lost, &b"old"[..]), (Unsynced::Kept, b"newer")] {
        let disk = disk(1);
        durable(&disk, b"old").write_at(b"newer", 0).unwrap();
        drop(create(&disk, "/data/other"));
        disk.restart_with(unsynced);
        assert_eq!(contents(&disk), expected);
        assert_eq!(names(&disk).len(), if unsynced == Unsynced::Lost { 1 } else { 2 });
    }
}

#[test]
fn name_is_lost_unless_its_directory_was_synced() {
    let disk = disk(1);
    let file = create(&disk, LOG);
    file.write_at(b"x", 0).unwrap();
    file.sync_all().unwrap();
    disk.restart_with(Unsynced::Lost);
    assert!(disk.files().is_empty(), "syncing a file does not sync its name");
}

#[test]
fn directory_is_lost_with_all_in_it_unless_the_one_above_was_synced() {
    let disk = SimulatedFileSystem::new(1);
    disk.create_directories(Path::new("/a/b")).unwrap();
    drop(create(&disk, "/a/b/file"));
    disk.sync_directory(Path::new("/a/b")).unwrap();
    disk.sync_directory(Path::new("/a")).unwrap();
    disk.restart_with(Unsynced::Lost);
    assert!(disk.list(Path::new("/a")).is_err());
    assert!(disk.list(Path::new("/")).unwrap().is_empty());
}

#[test]
fn renaming_is_done_or_undone_and_never_half() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..50 {
        let disk = disk(seed);
        durable(&disk, b"old");
        let file = create(&disk, "/data/new");
        file.write_at(b"new", 0).unwrap();
        file.sync_data().unwrap();
        disk.sync_directory(Path::new("/data")).unwrap();
        disk.rename(Path::new("/data/new"), Path::new(LOG)).unwrap();
        assert_eq!(contents(&disk), b"new");
        disk.restart();
        outcomes.insert((names(&disk).len(), contents(&disk)));
    }
    assert_eq!(outcomes, BTreeSet::from([(2, b"old".to_vec()), (1, b"new".to_vec())]));
}

#[test]
fn crash_fails_the_operation_with_its_number_and_all_that_follow() {
    let disk = disk(1);
    let file = durable(&disk, b"");
    disk.fail_at(disk.statistics().operations() + 2, Fault::Crash);
    file.write_at(b"x", 0).unwrap();
    assert!(file.sync_data().unwrap_err().to_string().contains("crashed"));
    assert!(file.size().is_err() && disk.list(Path::new("/data")).is_err());
    assert!(disk.is_down());
    disk.restart();
    assert!(file.size().is_err(), "who had the file open is dead");
    assert!(disk.list(Path::new("/data")).is_ok());
}

#[test]
fn failed_sync_drops_pages_and_the_next_reports_success() {
    let (mut lost, mut still_seen) = (0, 0);
    for seed in 0..40 {
        let disk = disk(seed);
        let file = durable(&disk, b"old");
        file.write_at(b"new", 0).unwrap();
        disk.fail_at(disk.statistics().operations() + 1, Fault::Broken);
        assert!(file.sync_data().is_err());
        assert!(file.sync_data().is_ok(), "the pages count as clean");
        let seen = contents(&disk);
        disk.restart_with(Unsynced::Kept);
        lost += u32::from(contents(&disk) == b"old");
        still_seen += u32::from(seen == b"new" && contents(&disk) == b"old");
    }
    assert!(lost > 10, "lost {lost} of 40");
    assert!(still_seen > 3, "lost and yet seen: {still_seen} of 40");
}

#[test]
fn faults_of_a_kind_go_on_until_they_are_stopped() {
    let disk = disk(1);
    let file = durable(&disk, b"");
    disk.fail_each(Operation::Write, Fault::NoSpace);
    assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.stop_failing();
    disk.fail_each(Operation::Write, Fault::Interrupted);
    assert_eq!(file.write_at(b"x", 0).unwrap_err().kind(), io::ErrorKind::Interrupted);
    disk.stop_failing();
    disk.fail_each(Operation::Write, Fault::Short);
    let written = file.write_at(b"some bytes", 0).unwrap();
    assert!((1..10).contains(&written), "{written}");
    assert_eq!(contents(&disk).len(), written);
    assert_eq!(disk.statistics().injected(Fault::NoSpace), 2);
    assert_eq!(disk.statistics().count(Operation::Write), 5);
}

#[test]
fn full_disk_takes_what_fits_and_is_free_again_after_a_removal() {
    let disk = disk(1);
    disk.set_capacity(Some(2 * PAGE_BYTES as u64));
    let file = durable(&disk, b"");
    let pages = vec![1; 3 * PAGE_BYTES];
    assert_eq!(file.write_at(&pages, 0).unwrap(), 2 * PAGE_BYTES);
    assert_eq!(file.write_at(b"x", 2 * PAGE_BYTES as u64).unwrap_err().kind(), io::ErrorKind::StorageFull);
    assert_eq!(file.write_at(b"x", 5).unwrap(), 1, "what is allocated can be written");
    let other = create(&disk, "/data/other");
    disk.remove(Path::new(LOG)).unwrap();
    assert!(other.write_at(b"x", 0).is_err(), "somebody has it open");
    drop(file);
    assert_eq!(other.write_at(b"x", 0).unwrap(), 1);
}

#[test]
fn processes_find_what_was_written_and_a_crash_still_takes_it() {
    let disk = disk(1);
    let file = durable(&disk, b"old");
    file.write_at(b"new", 0).unwrap();
    let lock = disk.lock(Path::new("/data/LOCK")).unwrap();
    assert!(disk.lock(Path::new("/data/LOCK")).is_err());
    disk.restart_processes();
    assert_eq!(contents(&disk), b"new");
    let again = disk.lock(Path::new("/data/LOCK")).unwrap();
    drop(lock);
    assert!(disk.lock(Path::new("/data/LOCK")).is_err(), "the dead process's lock frees nobody else's");
    drop(again);
    disk.restart_with(Unsynced::Lost);
    assert_eq!(contents(&disk), b"old");
}

#[test]
fn same_seed_and_calls_leave_the_same_disk_and_forks_go_their_own_ways() {
    let written = |seed| {
        let disk = disk(seed);
        let file = durable(&disk, &[1; 20 * PAGE_BYTES]);
        file.write_at(&[2; 20 * PAGE_BYTES], 0).unwrap();
        disk
    };
    let after = |disk: &SimulatedFileSystem| {
        disk.restart();
        contents(disk)
    };
    assert_eq!(after(&written(7)), after(&written(7)));
    let disk = written(7);
    assert_ne!(after(&disk.fork(1)), after(&disk.fork(2)));
    assert_eq!(after(&disk.fork(1)), after(&disk.fork(1)));
    assert_eq!(contents(&disk), [2; 20 * PAGE_BYTES], "what happens to a fork happens to nobody else");
}

#[test]
fn damage_is_on_the_disk_and_in_memory() {
    let disk = disk(1);
    drop(durable(&disk, &[1; PAGE_BYTES + 10]));
    disk.flip_bit(Path::new(LOG), 3, 7).unwrap();
    assert_eq!(contents(&disk)[3], 0x81);
    disk.zero_page(Path::new(LOG), PAGE_BYTES as u64 + 5).unwrap();
    disk.restart();
    assert_eq!(contents(&disk)[3], 0x81);
    assert_eq!(contents(&disk)[PAGE_BYTES - 1..], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert!(disk.flip_bit(Path::new(LOG), 1 << 20, 0).is_err());
}

#[test]
fn cut_file_grows_again_with_zeros() {
    let disk = disk(1);
    let file = durable(&disk, &[1; 10]);
    file.set_size(4).unwrap();
    file.set_size(8).unwrap();
    assert_eq!(contents(&disk), [1, 1, 1, 1, 0, 0, 0, 0]);
    file.sync_data().unwrap();
    assert_eq!(disk.durable_contents(Path::new(LOG)).unwrap(), [1, 1, 1, 1, 0, 0, 0, 0]);
}

#[test]
fn slow_operations_are_counted() {
    let disk = disk(1);
    disk.slow_down(Operation::SyncData, Duration::from_millis(5));
    let file = durable(&disk, b"x");
    file.sync_data().unwrap();
    assert_eq!(disk.statistics().waited, Duration::from_millis(10));
}

#[test]
fn crash_while_a_file_is_opened_or_locked_leaves_nobody_waiting() {
    let disk = disk(1);
    let next = || disk.statistics().operations() + 1;
    disk.fail_at(next(), Fault::Crash);
    assert!(disk.open(Path::new(LOG), OpenMode::CreateNew).is_err());
    disk.restart();
    disk.fail_at(next(), Fault::Crash);
    assert!(disk.lock(Path::new("/data/LOCK")).is_err());
    disk.restart();
    assert!(disk.lock(Path::new("/data/LOCK")).is_ok());
}

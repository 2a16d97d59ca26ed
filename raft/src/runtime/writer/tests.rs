//! Group commit, and the end of a storage that has failed.

use std::{io, sync::Arc};

use parking_lot::Mutex;

use super::*;
use crate::{
    consensus::{EntryId, HardState, Membership, NodeId, Snapshot, StorageError, Term},
    storage::{MemStorage, SnapshotSaver},
};

/// Notes what is asked of it, and may fail to sync.
#[derive(Clone)]
struct Disk {
    calls: Arc<Mutex<Vec<&'static str>>>,
    how_it_ends: fn() -> Result<(), StorageError>,
}

impl Disk {
    fn new(how_it_ends: fn() -> Result<(), StorageError>) -> Self {
        Self { calls: Arc::default(), how_it_ends }
    }

    fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock())
    }
}

impl StorageWriter for Disk {
    type Reader = MemStorage;

    fn reader(&self) -> MemStorage {
        MemStorage::with_voters([NodeId(1)])
    }

    fn stage(&mut self, _ready: &Ready) -> Result<(), StorageError> {
        self.calls.lock().push("stage");
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.calls.lock().push("sync");
        (self.how_it_ends)()
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        self.reader().snapshot_saver()
    }

    fn compact(&mut self, _snapshot: Snapshot, _keep: u64) -> Result<(), StorageError> {
        self.calls.lock().push("compact");
        Err(StorageError::SnapshotTemporarilyUnavailable)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        Ok(None)
    }
}

fn write(number: u64, must_sync: bool) -> WriteJob {
    let hard_state = HardState { term: Term(number), ..HardState::default() };
    WriteJob::Write(Box::new(Ready { number, must_sync, hard_state: Some(hard_state), ..Ready::default() }))
}

fn compact() -> WriteJob {
    let membership = Membership::of_voters([NodeId(1)]);
    let snapshot = Snapshot { last: EntryId::new(1, 1), membership, data: "".into() };
    WriteJob::Compact { snapshot, keep: 0 }
}

#[test]
fn all_jobs_of_a_turn_are_made_durable_at_once() {
    let disk = Disk::new(|| Ok(()));
    let mut writer = Writer::new(disk.clone());
    let report = writer.run([write(1, true), write(2, false), write(3, true)]).unwrap();
    assert_eq!(disk.calls(), ["stage", "stage", "stage", "sync"]);
    assert_eq!((report.number, report.readys, report.syncs), (3, 3, 1));
}

#[test]
fn what_need_not_be_durable_costs_no_sync() {
    let disk = Disk::new(|| Ok(()));
    let report = Writer::new(disk.clone()).run([write(1, false)]).unwrap();
    assert_eq!((disk.calls(), report.syncs), (vec!["stage"], 0));
}

#[test]
fn what_need_not_be_durable_hides_no_earlier_write_that_must_be() {
    let disk = Disk::new(|| Ok(()));
    let report = Writer::new(disk.clone()).run([write(1, true), write(2, false)]).unwrap();
    assert_eq!((disk.calls(), report.syncs), (vec!["stage", "stage", "sync"], 1));
}

#[test]
fn the_log_is_cut_after_what_was_written_before_is_durable() {
    let disk = Disk::new(|| Ok(()));
    let report = Writer::new(disk.clone()).run([write(1, true), compact(), write(2, true)]).unwrap();
    assert_eq!(disk.calls(), ["stage", "sync", "compact", "stage", "sync"]);
    assert!(matches!(report.compacted, Some(Err(_))), "and that it is not cut ends nothing");
}

/// Elsewhere a failed sync was tried again, and the kernel had forgotten what it was about.
#[test]
fn a_storage_that_has_failed_is_never_touched_again() {
    let full = || Err(StorageError::Io(io::Error::other("no space left")));
    for (how_it_ends, part) in
        [(full as fn() -> _, "storage failed"), (|| panic!("on fire"), "storage panicked")]
    {
        let disk = Disk::new(how_it_ends);
        let mut writer = Writer::new(disk.clone());
        for _ in 0..3 {
            let reason = writer.run([write(1, true), write(2, true)]).unwrap_err();
            assert!(reason.to_string().contains(part), "{reason}");
        }
        assert_eq!(disk.calls(), ["stage", "stage", "sync"]);
    }
}

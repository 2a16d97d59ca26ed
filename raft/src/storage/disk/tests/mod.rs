//! The log on disk, over real files and over a file system that fails when told.
//!
//! A test whose name begins with `hazard_` and a number plays that hazard of `docs/disk-format.md`.

mod basics;
mod files;
mod hazards;
mod hazards_damage;
mod hazards_durable;
mod inspection;
mod observed;
mod snapshot_files;

use std::{path::Path, sync::Arc};

use slog::{Discard, Logger, o};
use tempfile::TempDir;

use super::{DiskOptions, DiskStorage, OpenError, names::Name};
use crate::{
    consensus::{
        Entries, Entry, EntryId, HardState, LogIndex, Membership, NodeId, Ready, Snapshot, Storage as _,
        StorageError, Term,
    },
    state_machine::SnapshotWriter,
    storage::StorageWriter as _,
};
use observed::Observed;

fn logger() -> Logger {
    Logger::root(Discard, o!())
}

fn founders() -> Membership {
    Membership::of_voters([1, 2, 3].map(NodeId))
}

/// Small segments, no thread, and the same id each time.
fn options() -> DiskOptions {
    DiskOptions { segment_bytes: 16 << 10, background: false, seed: Some(7) }
}

fn try_open(directory: &Path) -> Result<DiskStorage, OpenError> {
    DiskStorage::open(directory, founders(), options(), logger())
}

fn open(directory: &Path) -> DiskStorage {
    try_open(directory).unwrap()
}

fn open_in(files: &Observed, directory: &Path) -> Result<DiskStorage, OpenError> {
    DiskStorage::open_in(Arc::new(files.clone()), directory, founders(), options(), logger())
}

/// A directory for one test, removed at its end.
fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Entries of `term`, from index `first` to index `last`, each with its id as its command.
fn run(term: u64, first: u64, last: u64) -> Entries {
    run_of_bytes(term, first, last, 0)
}

/// As [`run`], each of them with at least `bytes` bytes.
fn run_of_bytes(term: u64, first: u64, last: u64, bytes: usize) -> Entries {
    let entry = |index| {
        let id = EntryId::new(term, index);
        let mut command = id.to_string().into_bytes();
        command.resize(command.len().max(bytes), b'.');
        Entry::command(id, command)
    };
    Entries::try_from((first..=last).map(entry).collect::<Vec<_>>()).unwrap()
}

fn hard_state(term: u64, vote: u64, commit: u64) -> HardState {
    HardState { term: Term(term), vote: Some(NodeId(vote)), commit: LogIndex(commit) }
}

fn ready_of(entries: Entries) -> Ready {
    Ready { entries: vec![entries], must_sync: true, ..Ready::default() }
}

fn vote(hard_state: HardState) -> Ready {
    Ready { hard_state: Some(hard_state), must_sync: true, ..Ready::default() }
}

fn snapshot_at(term: u64, index: u64) -> Snapshot {
    let data = format!("state as of {index}@{term}").into_bytes();
    Snapshot { last: EntryId::new(term, index), membership: founders(), data: data.into() }
}

/// The snapshot in force, with its contents in memory.
fn snapshot_in(storage: &DiskStorage) -> Snapshot {
    let snapshot = storage.snapshot().unwrap().unwrap();
    Snapshot { data: snapshot.data.to_bytes().unwrap().into(), ..snapshot }
}

/// What writes the contents of `snapshot`.
fn contents_of(snapshot: &Snapshot) -> SnapshotWriter {
    let bytes = snapshot.data.to_bytes().unwrap();
    Box::new(move |output| output.write_all(&bytes))
}

/// Saves `snapshot` as if a state machine had made it.
fn save(storage: &DiskStorage, snapshot: &Snapshot) -> Result<Snapshot, StorageError> {
    storage.snapshot_saver().save(snapshot.last, snapshot.membership.clone(), contents_of(snapshot))
}

/// The entries that the log holds, as `index@term`.
fn held(storage: &DiskStorage) -> String {
    let reader = storage.reader();
    let (first, last) = (reader.first_index().unwrap(), reader.last_index().unwrap());
    if first > last {
        return format!("nothing after {}", first.previous());
    }
    let entries = reader.entries(first, last, usize::MAX).unwrap();
    for entry in &*entries {
        assert!(
            entry.data().starts_with(entry.id.to_string().as_bytes()),
            "entry {} has its own bytes",
            entry.id
        );
        assert_eq!(reader.term(entry.id.index).unwrap(), entry.id.term);
    }
    assert_eq!(entries.last_id().unwrap().index, last, "all of them are given");
    entries.iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>().join(" ")
}

/// Ends a storage as a killed process does: nothing more is written.
fn kill(storage: DiskStorage) {
    let _ = storage.shared.fail(OpenError::InUse("killed".into()));
    drop(storage);
}

//! Three nodes in one process, as a client sees them: commits a second, and how long one takes.
//!
//! Not a criterion bench: what counts is a whole cluster under a steady load, and its slowest answers.

#![expect(clippy::print_stdout, reason = "a program that measures prints what it found")]

use std::{thread, time::Duration};

use quorate::{MemStorage, NodeId, Options, Ready, Snapshot, SnapshotSaver, StorageError, StorageWriter};
use quorate_benches::{Failure, in_process::Cluster};

const MEASURED: Duration = Duration::from_secs(3);
const WARM_UP: Duration = Duration::from_millis(500);

/// A disk that takes a millisecond for each sync.
struct SlowDisk(MemStorage);

impl StorageWriter for SlowDisk {
    type Reader = MemStorage;

    fn reader(&self) -> MemStorage {
        self.0.reader()
    }

    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        self.0.stage(ready)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        thread::sleep(Duration::from_millis(1));
        self.0.sync()
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        self.0.snapshot_saver()
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        self.0.compact(snapshot, keep)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        self.0.snapshot()
    }
}

fn main() -> Result<(), Failure> {
    let chosen: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    println!("{:<12} {:>11} {:>11} {:>9} {:>9}", "", "outstanding", "commits/s", "p50", "p99");
    let in_line = Options::default();
    let mut with_applier = in_line.clone();
    with_applier.apply_in_line = false;
    for outstanding in [1, 64, 1_024] {
        if is_chosen("in-line") {
            report("in-line", outstanding, &in_line, MemStorage::with_voters)?;
        }
        if is_chosen("applier") {
            report("applier", outstanding, &with_applier, MemStorage::with_voters)?;
        }
        if is_chosen("slow-disk") {
            report("slow-disk", outstanding, &in_line, |voters| SlowDisk(MemStorage::with_voters(voters)))?;
        }
    }
    Ok(())
}

fn report<W: StorageWriter + 'static>(
    name: &str,
    outstanding: usize,
    options: &Options,
    storage: impl Fn(Vec<NodeId>) -> W,
) -> Result<(), Failure> {
    let cluster = Cluster::start(options, storage)?;
    cluster.load(outstanding, WARM_UP)?;
    let load = cluster.load(outstanding, MEASURED)?;
    let at = |percentile| format!("{:.0} µs", load.microseconds_at(percentile));
    let rate = load.commits_per_second();
    println!("{name:<12} {outstanding:>11} {rate:>11.0} {:>9} {:>9}", at(50.0), at(99.0));
    cluster.stop()
}

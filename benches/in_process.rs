//! Three nodes in one process, as a client sees them: commits a second, and how long one takes.
//!
//! Not a criterion bench: what counts is a whole cluster under a steady load, and its slowest answers.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that measures prints what it found, and ends if it cannot"
)]

use std::{
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate::{
    Config, Handle, MemNetwork, MemStorage, Node, NodeId, Options, Outcome, Ready, RoleKind, Snapshot,
    SnapshotSaver, StorageError, StorageWriter,
};
use quorate_benches::counter::Counter;
use slog::{Discard, Logger, o};

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

fn main() {
    let chosen: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|chosen| chosen == name);
    println!("{:<12} {:>11} {:>11} {:>9} {:>9}", "", "outstanding", "commits/s", "p50", "p99");
    let in_line = Options::default();
    let mut with_applier = in_line.clone();
    with_applier.apply_in_line = false;
    for outstanding in [1, 64, 1_024] {
        if is_chosen("in-line") {
            report("in-line", outstanding, &in_line, MemStorage::with_voters);
        }
        if is_chosen("applier") {
            report("applier", outstanding, &with_applier, MemStorage::with_voters);
        }
        if is_chosen("slow-disk") {
            report("slow-disk", outstanding, &in_line, |voters| SlowDisk(MemStorage::with_voters(voters)));
        }
    }
}

fn report<W: StorageWriter + 'static>(
    name: &str,
    outstanding: usize,
    options: &Options,
    storage: impl Fn(Vec<NodeId>) -> W,
) {
    let nodes = start(options, storage);
    let handle = leader(&nodes);
    load(&handle, outstanding, WARM_UP);
    let mut latencies = load(&handle, outstanding, MEASURED);
    latencies.sort_unstable();
    let at = |share: usize| format!("{} µs", latencies[(latencies.len() - 1) * share / 100].as_micros());
    let rate = latencies.len() as f64 / MEASURED.as_secs_f64();
    println!("{name:<12} {outstanding:>11} {rate:>11.0} {:>9} {:>9}", at(50), at(99));
    nodes.into_iter().for_each(|node| node.stop().expect("it was well"));
}

fn start<W: StorageWriter + 'static>(
    options: &Options,
    storage: impl Fn(Vec<NodeId>) -> W,
) -> Vec<Node<Counter>> {
    let voters: Vec<_> = (1..=3).map(NodeId).collect();
    let network = MemNetwork::new();
    let start = |id: &NodeId| {
        let (storage, logger) = (storage(voters.clone()), Logger::root(Discard, o!()));
        let (config, transport) = (Config::new(*id, id.0), network.transport(*id));
        let node = Node::start(config, options.clone(), Counter::default(), storage, transport, logger);
        let node = node.expect("it can run like this");
        network.attach(*id, node.handle());
        node
    };
    voters.iter().map(start).collect()
}

fn leader(nodes: &[Node<Counter>]) -> Handle<Counter> {
    nodes[0].handle().campaign();
    loop {
        let mut handles = nodes.iter().map(Node::handle);
        if let Some(handle) = handles.find(|handle| handle.status().core.role == RoleKind::Leader) {
            return handle;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Keeps so many commands under way for so long; how long each took.
fn load(handle: &Handle<Counter>, outstanding: usize, time: Duration) -> Vec<Duration> {
    let (told, outcomes) = mpsc::channel();
    let propose = || {
        let (told, begin) = (told.clone(), Instant::now());
        handle.propose_with(Bytes::from_static(&[0; 64]), move |outcome| {
            assert!(matches!(outcome, Outcome::Applied(_)), "{outcome:?}");
            let _ended = told.send(begin.elapsed());
        });
    };
    let begin = Instant::now();
    (0..outstanding).for_each(|_| propose());
    let mut latencies = Vec::new();
    while begin.elapsed() < time {
        latencies.extend(outcomes.recv());
        propose();
    }
    latencies.extend(outcomes.iter().take(outstanding));
    latencies
}

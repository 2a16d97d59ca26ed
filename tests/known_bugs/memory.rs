//! What is kept in memory, and how much at a time.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use harness::Cluster;
use quorate::{
    ChangeStep, ConfChange, Config, Entries, Entry, EntryId, EntryKind, HardState, LogIndex, MemStorage,
    NodeId, ProgressState, Proposal, RawNode, RoleKind, Snapshot, Storage, StorageError, Term,
    consensus::InitialState,
};
use slog::{Discard, Logger, o};

/// A disk that notes how many bytes of entries were read at once, at most.
struct WatchedDisk {
    disk: MemStorage,
    most: Arc<AtomicUsize>,
}

impl Storage for WatchedDisk {
    fn initial_state(&self) -> Result<InitialState, StorageError> {
        self.disk.initial_state()
    }

    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        let entries = self.disk.entries(first, last, max_bytes)?;
        self.most.fetch_max(entries.bytes(), Ordering::Relaxed);
        Ok(entries)
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        self.disk.term(index)
    }

    fn first_index(&self) -> Result<LogIndex, StorageError> {
        self.disk.first_index()
    }

    fn last_index(&self) -> Result<LogIndex, StorageError> {
        self.disk.last_index()
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        Storage::snapshot(&self.disk)
    }
}

/// Elsewhere a node that stood for election read all that it had not applied yet into memory, to look for changes of
/// membership.
#[test]
fn h7_campaign_before_a_long_log_is_applied() {
    const COMMITTED: u64 = 40;
    let (disk, most) = (MemStorage::with_voters([1, 2, 3].map(NodeId)), Arc::new(AtomicUsize::new(0)));
    let large = vec![0; 256 << 10];
    let command = |index| Entry::command(EntryId::new(1, index), large.clone());
    let change = ConfChange::single(ChangeStep::AddLearner(NodeId(4))).to_data();
    // Only because of a change that is not committed does it have to look at all.
    let last = Proposal { kind: EntryKind::ConfChange, ..Proposal::command(change) };
    let last = last.into_entry(EntryId::new(1, COMMITTED + 1));
    let log: Vec<_> = (1..=COMMITTED).map(command).chain([last]).collect();
    disk.append(&Entries::try_from(log).unwrap()).unwrap();
    disk.set_hard_state(HardState { term: Term(1), vote: None, commit: LogIndex(COMMITTED) });

    let storage = WatchedDisk { disk, most: Arc::clone(&most) };
    let mut node = RawNode::new(Config::new(NodeId(1), 1), storage, Logger::root(Discard, o!())).unwrap();
    node.campaign().unwrap();
    assert_eq!(node.role(), RoleKind::PreCandidate);
    let most = most.load(Ordering::Relaxed);
    assert!((1..=1 << 20).contains(&most), "{most} bytes at once");
}

/// Elsewhere the window to a follower was bounded in messages alone, and large entries filled the memory.
#[test]
fn h11_window_of_large_entries() {
    let mut cluster = Cluster::with_config(3, |config| {
        config.max_inflight_bytes = 100_000;
        config.max_message_bytes = 1;
    });
    cluster.elect(1);
    cluster.isolate(3);
    let large = "x".repeat(10_000);
    for _ in 0..100 {
        cluster.propose(1, &large);
        cluster.settle();
    }
    let ProgressState::Replicate { inflight, .. } = cluster.progress(1, 3).state else {
        panic!("nobody has told the leader that n3 is cut off");
    };
    assert!((100_000..=110_100).contains(&inflight.bytes()), "{inflight:?}");
    cluster.heal();
    cluster.pass(4);
    assert_eq!(cluster.applied(3).len(), 100);
}

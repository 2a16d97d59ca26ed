//! However a node ends, nobody goes on waiting.

use std::sync::Arc;

use parking_lot::Mutex;
use quorate::{
    Config, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, Outcome, Ready, Snapshot, SnapshotSaver,
    StorageError, StorageWriter,
    runtime::{Part, RefusalReason, StopReason, UnknownReason},
};
use slog::{Discard, Logger, o};

use crate::cluster::{Cluster, Journal, eventually, options, outcome};

fn is_refused_as_stopped<T>(outcome: &Outcome<T>) -> bool {
    matches!(outcome, Outcome::NotAccepted(refusal) if refusal.reason == RefusalReason::Stopped)
}

#[test]
fn i3_a_node_that_is_stopped_tells_those_who_wait_and_those_who_come() {
    let mut cluster = Cluster::start(3, options());
    let leader = cluster.leader();
    cluster.network.isolate(leader);
    let handle = cluster.handle(leader);
    let pending: Vec<_> = (0..100).map(|_| handle.propose("x")).collect();
    let query = handle.query(());
    cluster.take(leader).stop().unwrap();
    for ticket in pending {
        match outcome(ticket) {
            Outcome::Unknown(UnknownReason::Stopped) => {}
            // It tries to hand over before it stops.
            Outcome::NotAccepted(refusal) => assert!(
                matches!(refusal.reason, RefusalReason::Stopped | RefusalReason::TransferringLeadership),
                "{refusal}"
            ),
            other @ (Outcome::Applied(_) | Outcome::Unknown(_)) => panic!("{other:?}"),
        }
    }
    assert!(is_refused_as_stopped(&outcome(query)));
    assert!(is_refused_as_stopped(&outcome(handle.propose("too late"))));
    assert!(is_refused_as_stopped(&outcome(handle.query(()))));
    assert!(matches!(handle.stop_reason(), Some(StopReason::Requested)));
    // These have nobody to reach, and say nothing.
    handle.campaign();
    handle.report_unreachable(NodeId(2));
    assert!(handle.status().to_string().contains("stopped"));
}

/// One that applies in line, and one whose state machine has a thread of its own.
const ALONE: [NodeId; 2] = [NodeId(1), NodeId(2)];

#[test]
fn i3_a_state_machine_that_panics_stops_its_node_and_leaves_nobody_waiting() {
    for id in ALONE {
        let mut cluster = Cluster::of(&[id], options());
        let handle = cluster.handle(cluster.leader());
        assert_eq!(outcome(handle.propose("before")), Outcome::Applied(1));
        let fatal = handle.propose("panic");
        let behind: Vec<_> = (0..100).map(|_| handle.propose("behind")).collect();
        assert_eq!(outcome(fatal), Outcome::Unknown(UnknownReason::Stopped));
        for ticket in behind {
            let outcome = outcome(ticket);
            assert!(
                outcome == Outcome::Unknown(UnknownReason::Stopped) || is_refused_as_stopped(&outcome),
                "{outcome:?}"
            );
        }
        eventually("it stops", || handle.stop_reason());
        assert!(is_refused_as_stopped(&outcome(handle.propose("too late"))));
        let reason = cluster.take(id).stop().unwrap_err();
        assert!(matches!(reason, StopReason::Panicked { part: Part::StateMachine, .. }), "{reason}");
        let text = reason.to_string();
        assert!(text.contains("the state machine panicked") && text.contains("it was told to"), "{text}");
    }
}

#[test]
fn i3_a_callback_that_panics_or_drops_the_node_harms_nobody_else() {
    for id in ALONE {
        let mut cluster = Cluster::of(&[id], options());
        cluster.handle(cluster.leader()).propose_with("x", |_| panic!("a client's own mistake"));
        assert_eq!(outcome(cluster.handle(id).propose("y")), Outcome::Applied(2));

        let handle = cluster.handle(id);
        let node = cluster.take(id);
        handle.propose_with("z", move |_| drop(node));
        let reason = eventually("it stops", || handle.stop_reason());
        assert!(matches!(reason, StopReason::Requested), "{reason}");
    }
}

/// Fails from its `writes_left`th write on, or panics.
struct FailingStorage {
    inner: MemStorage,
    writes_left: Arc<Mutex<u32>>,
    panics: bool,
}

impl StorageWriter for FailingStorage {
    type Reader = MemStorage;

    fn reader(&self) -> MemStorage {
        self.inner.reader()
    }

    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        let mut left = self.writes_left.lock();
        if *left > 0 {
            *left -= 1;
            return self.inner.stage(ready);
        }
        assert!(!self.panics, "the disk is on fire");
        Err(StorageError::Io(std::io::Error::other("no space left")))
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.inner.sync()
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        self.inner.snapshot_saver()
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        self.inner.compact(snapshot, keep)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        self.inner.snapshot()
    }
}

fn stop_reason_with_storage_that(panics: bool) -> StopReason {
    let id = NodeId(1);
    let writes_left = Arc::new(Mutex::new(u32::MAX));
    let storage = FailingStorage {
        inner: MemStorage::with_voters([id]),
        writes_left: Arc::clone(&writes_left),
        panics,
    };
    let (config, transport) = (Config::new(id, 1), MemNetwork::new().transport(id));
    let logger = Logger::root(Discard, o!());
    let node = Node::start(config, Options::default(), Journal::default(), storage, transport, logger);
    let node = node.expect("it starts: only writes fail");
    let handle = node.handle();
    handle.campaign();
    // And what it writes as such is written.
    eventually("it leads", || (handle.status().core.applied == LogIndex(1)).then_some(()));
    *writes_left.lock() = 0;
    assert_eq!(outcome(handle.propose("x")), Outcome::Unknown(UnknownReason::Stopped));
    assert!(is_refused_as_stopped(&outcome(handle.propose("too late"))));
    node.stop().unwrap_err()
}

#[test]
fn i3_storage_that_fails_stops_its_node_and_leaves_nobody_waiting() {
    let reason = stop_reason_with_storage_that(false);
    assert!(matches!(reason, StopReason::Storage(_)), "{reason}");
    let reason = stop_reason_with_storage_that(true);
    assert!(matches!(reason, StopReason::Panicked { part: Part::Storage, .. }), "{reason}");
}

#[test]
fn i6_a_node_that_is_dropped_is_stopped() {
    let mut cluster = Cluster::start(1, options());
    let leader = cluster.leader();
    let handle = cluster.handle(leader);
    drop(cluster.take(leader));
    assert!(matches!(handle.stop_reason(), Some(StopReason::Requested)));
}

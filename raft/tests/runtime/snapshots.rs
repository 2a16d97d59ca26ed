//! Logs that are cut, and nodes that catch up by snapshot.

use std::io::Read;

use bytes::Bytes;
use crossbeam_channel::{Receiver, Sender, unbounded};
use quorate::{
    Config, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, Outcome, RestoreError, RoleKind,
    SnapshotWriter, StateMachine,
};
use slog::{Discard, Logger, o};

use crate::cluster::{Cluster, eventually, options, outcome};

fn short_log() -> Options {
    let mut options = options();
    options.compact_after_bytes = 400;
    options.keep_entries = 3;
    options
}

fn snapshots_made(cluster: &Cluster, id: NodeId) -> u64 {
    cluster.handle(id).status().counters.snapshots_made
}

/// Applies until the log was cut some times; how many commands that took.
fn apply_until_cut(cluster: &Cluster, id: NodeId) -> usize {
    let before = snapshots_made(cluster, id);
    eventually("the log is cut", || {
        (0..20).for_each(|_| assert!(cluster.apply(id, "x") > 0));
        let count = cluster.journals[&id].lines().len();
        (snapshots_made(cluster, id) > before + 2).then_some(count)
    })
}

#[test]
fn a_node_that_was_cut_off_catches_up_by_snapshot() {
    let cluster = Cluster::start(3, short_log());
    let (leader, behind) = (cluster.leader(), cluster.follower());
    cluster.apply(leader, "first");
    cluster.network.isolate(behind);
    let leader = cluster.leader_other_than(Some(behind));
    let count = apply_until_cut(&cluster, leader);
    cluster.network.heal_all();
    assert_eq!(cluster.agree_with(leader).len(), count);
    let restored = cluster.handle(behind).status().counters.snapshots_restored;
    eventually("it is told in the status", || {
        (cluster.handle(behind).status().counters.snapshots_restored > 0).then_some(())
    });
    assert!(restored <= 2);
}

#[test]
fn a_node_that_starts_again_begins_with_its_snapshot() {
    let mut cluster = Cluster::start(3, short_log());
    let leader = cluster.leader();
    let count = apply_until_cut(&cluster, leader);
    for id in (1..=3).map(NodeId) {
        cluster.take(id).stop().unwrap();
    }
    for id in (1..=3).map(NodeId) {
        cluster.start_node(id);
    }
    let leader = cluster.leader();
    let after = cluster.apply(leader, "after");
    assert_eq!(after, count + 1);
    assert_eq!(cluster.agree_with(leader).len(), count + 1);
}

/// Counts commands; making a snapshot of it takes until it is told to end.
struct Slow {
    count: usize,
    begun: Sender<()>,
    may_end: Receiver<()>,
}

impl StateMachine for Slow {
    type Response = usize;
    type Query = ();
    type Answer = usize;

    fn apply(&mut self, _index: LogIndex, _command: &Bytes) -> usize {
        self.count += 1;
        self.count
    }

    fn query(&self, (): ()) -> usize {
        self.count
    }

    fn snapshot(&self) -> SnapshotWriter {
        let (count, begun, may_end) = (self.count, self.begun.clone(), self.may_end.clone());
        Box::new(move |output| {
            begun.send(()).unwrap();
            may_end.recv().unwrap();
            write!(output, "{count}")
        })
    }

    fn restore(&mut self, _snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        Ok(())
    }
}

/// Elsewhere a large snapshot was made on the thread that also sends heartbeats and answers clients.
#[test]
fn d16_node_works_on_while_it_makes_a_snapshot() {
    let ((begun, has_begun), (end, may_end)) = (unbounded(), unbounded());
    let slow = Slow { count: 0, begun, may_end };
    let (id, logger) = (NodeId(1), Logger::root(Discard, o!()));
    let (storage, transport) = (MemStorage::with_voters([id]), MemNetwork::new().transport(id));
    let node = Node::start(Config::new(id, 1), short_log(), slow, storage, transport, logger).unwrap();
    // Dropped before the node, which waits for its snapshot when it stops.
    let end = end;
    let handle = node.handle();
    eventually("it leads", || (handle.status().core.role == RoleKind::Leader).then_some(()));
    for count in 1..=50 {
        assert_eq!(outcome(handle.propose("x")), Outcome::Applied(count));
    }
    has_begun.recv().unwrap();
    let ticks = handle.status().counters.ticks;
    eventually("its clock goes on", || (handle.status().counters.ticks > ticks + 3).then_some(()));
    assert_eq!(outcome(handle.propose("x")), Outcome::Applied(51));
    assert_eq!(handle.status().counters.snapshots_made, 0);
    end.send(()).unwrap();
    eventually("the snapshot is kept", || (handle.status().counters.snapshots_made == 1).then_some(()));
}

//! §7, Log compaction, and Figure 13, InstallSnapshot RPC.

use harness::{Cluster, envelope, kind};
use quorate::{
    ChangeStep, EntryId, LogIndex, Message, NodeId, ProgressState, RawNode, RoleKind, Storage, StorageError,
};

use crate::messages::snapshot;

/// Three nodes that read old entries from disk; n1 leads and has compacted what n3 has none of.
fn n3_needs_a_snapshot() -> Cluster {
    let mut cluster = Cluster::with_config(3, |config| config.max_log_bytes_in_memory = 0);
    cluster.leave_behind(1, 3);
    cluster
}

fn sent_snapshots(cluster: &mut Cluster) -> Vec<quorate::Snapshot> {
    let sent = cluster.network.take(|m| kind(m) == "snapshot_request");
    sent.into_iter()
        .filter_map(|m| {
            if let Message::SnapshotRequest { snapshot } = m.message { Some(*snapshot) } else { None }
        })
        .collect()
}

/// Each server compacts by itself what it has applied; the others' logs stay as they are.
#[test]
fn each_server_compacts_by_itself() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.compact(2);
    assert_eq!((cluster.terms(1).len(), cluster.terms(2).len(), cluster.terms(3).len()), (2, 0, 2));
    cluster.propose(1, "b");
    cluster.settle();
    cluster.assert_agreement();
}

/// A snapshot holds only what was applied; what is not committed stays in the log.
#[test]
fn uncommitted_entries_are_not_compacted() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("append_request");
    cluster.propose(1, "a");
    cluster.compact(1);
    assert_eq!(cluster.terms(1), [1], "2@1 is not committed");
}

/// A snapshot names the index and term of the last entry that it replaces, for the check of the next append.
#[test]
fn snapshot_knows_its_last_entry() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.compact(2);
    let disk = cluster.node(2).disk().clone();
    assert_eq!(Storage::snapshot(&disk).unwrap().last, EntryId::new(1, 2));
    assert!(matches!(disk.entries(LogIndex(2), LogIndex(2), 0), Err(StorageError::Compacted(_))));
    cluster.propose(1, "b");
    cluster.settle();
    assert_eq!(cluster.terms(2), [1], "what follows the snapshot was found to follow it");
}

/// A snapshot holds the latest membership as of that entry.
#[test]
fn snapshot_holds_the_membership() {
    let mut cluster = Cluster::with_spares(2, 1);
    cluster.elect(1);
    cluster.change_by(1, ChangeStep::AddLearner(NodeId(3)));
    cluster.compact(2);
    cluster.crash(2);
    cluster.restart(2);
    assert_eq!(cluster.membership(2), "voters=[n1 n2] learners=[n3]");
}

/// A server that starts again begins with its snapshot, and applies what follows it.
#[test]
fn restart_begins_with_the_snapshot() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.compact(2);
    cluster.propose(1, "b");
    cluster.settle();
    cluster.crash(2);
    cluster.restart(2);
    cluster.pass(2);
    assert_eq!(cluster.applied(2), ["b"]);
    cluster.assert_agreement();
}

/// The leader sends a snapshot when it has already discarded the next entry that a follower needs.
#[test]
fn follower_far_behind_gets_a_snapshot() {
    let mut cluster = n3_needs_a_snapshot();
    cluster.pass(3);
    cluster.assert_agreement();
    assert_eq!(cluster.applied(3).len(), 0, "it applied no command: it has the state");
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Replicate { .. }));
    assert!(cluster.network.take(|m| kind(m) == "snapshot_request").is_empty());
}

/// In normal operation no snapshot is sent: a follower that keeps up needs none.
#[test]
fn follower_that_keeps_up_gets_no_snapshot() {
    let mut cluster = Cluster::with_config(3, |config| config.max_log_bytes_in_memory = 0);
    cluster.elect(1);
    for text in ["a", "b", "c"] {
        cluster.propose(1, text);
        cluster.settle();
        cluster.compact(1);
        cluster.tick(1, 1);
        assert_eq!(sent_snapshots(&mut cluster), []);
        cluster.settle();
    }
    assert_eq!(cluster.applied(3), ["a", "b", "c"]);
}

/// Also a server that joins with nothing gets one.
#[test]
fn new_member_gets_a_snapshot() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.compact(1);
    cluster.crash(1);
    cluster.restart(1);
    cluster.outwait_leader(&[1, 2, 3]);
    cluster.elect(1);
    cluster.change_by(1, ChangeStep::AddLearner(NodeId(4)));
    cluster.pass(5);
    cluster.assert_agreement();
    assert_eq!(cluster.applied(4), Vec::<String>::new());
}

/// Arguments: what was applied last, by index and term, and the state; here also the membership.
#[test]
fn snapshot_request_names_last_entry_and_membership() {
    let mut cluster = n3_needs_a_snapshot();
    for _ in 0..5 {
        cluster.tick(1, 1);
        cluster.deliver(|m| kind(m) != "snapshot_request");
    }
    let sent = sent_snapshots(&mut cluster);
    assert_eq!(
        (sent[0].last, sent[0].membership.to_string()),
        (EntryId::new(1, 3), "voters=[n1 n2 n3]".into())
    );
}

/// InstallSnapshot 1: one of an older term is refused.
#[test]
fn snapshot_of_an_older_term_is_refused() {
    let mut cluster = Cluster::with_logs(&[&[9], &[], &[]]);
    cluster.step(snapshot(EntryId::new(3, 9)));
    assert_eq!((cluster.terms(1), cluster.term(1)), (vec![9], 9));
    assert!(cluster.take_said().iter().all(|line| !line.contains("Accepted")));
}

/// InstallSnapshot 2 to 4, chunks. Deviation: a snapshot is one message, taken as a whole, and acknowledged when durable.
#[test]
fn snapshot_is_acknowledged_when_it_is_durable() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(snapshot(EntryId::new(3, 9)));
    assert_eq!((cluster.take_said().len(), cluster.last_on_disk(1)), (0, EntryId::ZERO));
    cluster.finish_write(1);
    assert_eq!(cluster.last_on_disk(1), EntryId::new(3, 9));
    assert_eq!(cluster.take_said(), ["n1@5 → n2 AppendAccepted matched=9"]);
}

/// InstallSnapshot 5: one that holds less than what the server has brings nothing.
#[test]
fn snapshot_that_holds_less_is_ignored() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[], &[]]);
    cluster.step(envelope(2, 1, 1, crate::messages::heartbeat(3)));
    cluster.step(snapshot(EntryId::new(1, 2)));
    assert_eq!((cluster.terms(1), cluster.applied(1).len()), (vec![1, 1, 1], 3));
}

/// InstallSnapshot 6: a log that has the snapshot's last entry keeps what follows it.
#[test]
fn snapshot_of_what_the_log_has_changes_nothing_but_the_commit() {
    let mut cluster = Cluster::with_logs(&[&[1, 2, 2], &[], &[]]);
    cluster.step(snapshot(EntryId::new(2, 2)));
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![1, 2, 2], 2));
}

/// InstallSnapshot 7 and 8: any other log is discarded whole, and the state machine reset.
#[test]
fn snapshot_replaces_a_log_that_differs() {
    for last in [EntryId::new(3, 2), EntryId::new(3, 9)] {
        let mut cluster = Cluster::with_logs(&[&[1, 2, 2], &[], &[]]);
        cluster.step(snapshot(last));
        assert_eq!((cluster.terms(1).len(), cluster.last_on_disk(1)), (0, last));
        assert_eq!(cluster.node(1).machine.last(), last);
    }
}

/// InstallSnapshot 8: with the state comes the membership, which replaces the server's own.
#[test]
fn snapshot_brings_its_membership() {
    let mut cluster = Cluster::of(5);
    cluster.step(snapshot(EntryId::new(3, 9)));
    assert_eq!(cluster.membership(1), "voters=[n1 n2 n3]");
}

/// A snapshot comes from a leader, and shows that it is alive, like an append.
#[test]
fn snapshot_shows_the_leader() {
    let mut cluster = Cluster::with_config(3, |config| config.pre_vote = false);
    cluster.restart_with(1, 4, None, 0);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!(cluster.role(1), RoleKind::Candidate);
    cluster.step(snapshot(EntryId::new(3, 9)));
    assert_eq!((cluster.role(1), cluster.status(1).leader), (RoleKind::Follower, Some(NodeId(2))));
}

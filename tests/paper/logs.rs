//! Logs, commitment and snapshots: §5.3, §5.4.2, §7, §8.

use bytes::Bytes;
use harness::{Cluster, envelope, kind, run_after};
use quorate::{
    Entries, EntryId, EntryKind, LogIndex, Membership, Message, NodeId, ProgressState, RawNode, Snapshot,
};

fn append(to: u64, term: u64, previous: EntryId, entries: Entries, commit: u64) -> quorate::Envelope {
    envelope(2, to, term, Message::AppendRequest { previous, entries, commit: LogIndex(commit) })
}

/// §5.3: the leader appends a command, sends it to all, and applies it when it is safely replicated.
#[test]
fn a_command_is_applied_when_a_majority_has_it() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.propose(1, "a");
    for (node, expected) in [(2, 1), (3, 2)] {
        cluster.deliver(|m| m.to == NodeId(node));
        cluster.deliver(|m| m.to == NodeId(1));
        assert_eq!(cluster.committed(1), expected, "after n{node}");
    }
    assert_eq!((cluster.applied(1), cluster.applied(2).len()), (vec!["a".to_owned()], 0));
    cluster.settle();
    cluster.assert_agreement();
}

/// §5.3: the leader sends its appends again, indefinitely, until all followers have all entries.
#[test]
fn appends_are_sent_again_until_they_arrive() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(3);
    for text in ["a", "b", "c"] {
        cluster.propose(1, text);
    }
    cluster.pass(50);
    cluster.heal();
    cluster.pass(5);
    assert_eq!(cluster.applied(3), ["a", "b", "c"]);
}

/// §5.3: a follower that does not find the previous entry in its log refuses the new ones.
#[test]
fn an_append_is_refused_where_the_previous_entry_differs() {
    let cases = [
        (EntryId::ZERO, "AppendAccepted matched=0"),
        (EntryId::new(1, 1), "AppendAccepted matched=1"),
        (EntryId::new(2, 2), "AppendAccepted matched=2"),
        (EntryId::new(1, 2), "AppendRejected rejected=2 hint=1@1"),
        (EntryId::new(3, 2), "AppendRejected rejected=2 hint=2@2"),
        (EntryId::new(3, 3), "AppendRejected rejected=3 hint=2@2"),
    ];
    for (previous, expected) in cases {
        let mut cluster = Cluster::with_logs(&[&[1, 2], &[], &[]]);
        cluster.step(append(1, 4, previous, Entries::EMPTY, 0));
        assert_eq!(cluster.take_said(), [format!("n1@4 → n2 {expected}")]);
    }
}

/// Figure 2, AppendEntries 3 and 4: a conflicting entry is deleted with all that follow it; what is there already stays.
#[test]
fn only_what_conflicts_is_deleted() {
    let cases: [(EntryId, &[u64], &[u64]); 6] = [
        (EntryId::new(2, 2), &[3], &[1, 2, 3]),
        (EntryId::new(1, 1), &[3, 4], &[1, 3, 4]),
        (EntryId::ZERO, &[1], &[1, 2]),
        (EntryId::ZERO, &[3], &[3]),
        (EntryId::new(1, 1), &[2, 3], &[1, 2, 3]),
        (EntryId::new(1, 1), &[], &[1, 2]),
    ];
    for (previous, new, expected) in cases {
        let mut cluster = Cluster::with_logs(&[&[1, 2], &[], &[]]);
        cluster.step(append(1, 4, previous, run_after(previous.index.0, new), 0));
        assert_eq!(cluster.terms(1), expected, "{new:?} after {previous}");
    }
}

/// Figure 2, AppendEntries 5: the commit index becomes the leader's, but not more than the last new entry.
#[test]
fn the_commit_index_stops_at_the_last_new_entry() {
    for (new, commit, expected) in [(&[1, 1][..], 2, 2), (&[1, 1], 9, 3), (&[], 9, 1), (&[1], 1, 1)] {
        let mut cluster = Cluster::with_logs(&[&[1, 1, 1, 1], &[], &[]]);
        cluster.step(append(1, 1, EntryId::new(1, 1), run_after(1, new), commit));
        assert_eq!(cluster.committed(1), expected, "{new:?} and commit {commit}");
    }
}

/// Figure 7: whatever followers have or lack when a leader comes to power, their logs become equal to its own.
#[test]
fn figure_7_all_logs_become_the_leaders() {
    let leader: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let followers: [&[u64]; 6] = [
        &[1, 1, 1, 4, 4, 5, 5, 6, 6],
        &[1, 1, 1, 4],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6],
        &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7],
        &[1, 1, 1, 4, 4, 4, 4],
        &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3],
    ];
    for follower in followers {
        // The third node gives the leader its majority.
        let mut cluster = Cluster::with_logs(&[leader, follower, &[]]);
        cluster.restart_with(1, 7, None, 0);
        cluster.isolate(2);
        cluster.elect(1);
        assert_eq!(cluster.term(1), 8);
        cluster.heal();
        cluster.pass(5);
        let mut expected = leader.to_vec();
        expected.push(8);
        assert_eq!(cluster.terms(2), expected, "{follower:?}");
        cluster.assert_agreement();
    }
}

/// §5.4.2, Figure 8: a leader counts no copies of entries of earlier terms, for even on a majority they may be replaced.
#[test]
fn figure_8_an_old_entry_on_a_majority_may_still_be_replaced() {
    // (b) S1 had led term 2, S5 term 3; neither got further than this.
    let mut cluster = Cluster::with_logs(&[&[1, 2], &[1, 2], &[1], &[1], &[1, 3]]);
    cluster.restart_with(1, 3, None, 0);
    // (c) S1 leads term 4 and brings its old entry to S3, so that a majority has it; its new one goes nowhere.
    cluster.isolate(5);
    cluster.lose("append_request");
    cluster.elect(1);
    for follower in [2, 3] {
        let (previous, entries) = (EntryId::new(1, 1), run_after(1, &[2]));
        let message = Message::AppendRequest { previous, entries, commit: LogIndex::ZERO };
        cluster.step(envelope(1, follower, 4, message));
    }
    cluster.settle();
    assert_eq!((cluster.terms(3), cluster.committed(1)), (vec![1, 2], 0));
    // (d) S1 is gone; S5 is elected and replaces that entry. Nobody had been told that it was committed.
    cluster.crash(1);
    cluster.heal();
    (2..=5).for_each(|id| cluster.tick(id, 10));
    cluster.lose_in_flight();
    // The first attempt only teaches S5 that the others are in term 4.
    cluster.on(5, RawNode::campaign).unwrap();
    cluster.settle();
    cluster.elect(5);
    cluster.restart(1);
    cluster.pass(5);
    for id in 1..=5 {
        assert_eq!(cluster.terms(id), [1, 3, 5], "S{id}");
    }
    cluster.assert_agreement();
}

/// §5.4.2: an entry of its own term on a majority commits, and with it all before it (Figure 8 e).
#[test]
fn an_entry_of_the_own_term_commits_those_before_it() {
    let mut cluster = Cluster::with_logs(&[&[1, 2], &[1, 2], &[1]]);
    cluster.elect(1);
    assert_eq!(cluster.committed(1), 3, "1, 2, and the blank entry of term 3");
    cluster.assert_agreement();
}

/// Figure 3, Leader Completeness: what was committed is in the log of every later leader.
#[test]
fn a_node_without_a_committed_entry_is_not_elected() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.crash(1);
    cluster.heal();
    cluster.pass(100);
    assert_eq!(cluster.leader(), Some(2));
    assert_eq!(cluster.applied(3), ["a"]);
}

/// §8: a leader opens its term with an entry that does nothing, to learn what is committed.
#[test]
fn a_leader_opens_its_term_with_a_blank_entry() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let disk = cluster.node(1).disk().clone();
    let entries = quorate::Storage::entries(&disk, LogIndex(1), LogIndex(1), 0).unwrap();
    assert_eq!((entries[0].kind, entries[0].data.len()), (EntryKind::Blank, 0));
    assert_eq!((cluster.committed(1), cluster.applied(1).len()), (1, 0));
}

fn snapshot(last: EntryId) -> quorate::Envelope {
    let membership = Membership::of_voters((1..=3).map(NodeId));
    let snapshot = Snapshot { last, membership, data: Bytes::copy_from_slice(&[0; 8]) };
    envelope(2, 1, 5, Message::SnapshotRequest { snapshot: Box::new(snapshot) })
}

/// Figure 13, InstallSnapshot 6: a log that has the snapshot's last entry keeps what follows it.
#[test]
fn a_snapshot_of_what_the_log_has_changes_nothing_but_the_commit() {
    let mut cluster = Cluster::with_logs(&[&[1, 2, 2], &[], &[]]);
    cluster.step(snapshot(EntryId::new(2, 2)));
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![1, 2, 2], 2));
}

/// Figure 13, InstallSnapshot 7 and 8: any other log is discarded whole, and the state machine reset.
#[test]
fn a_snapshot_replaces_a_log_that_differs() {
    for last in [EntryId::new(3, 2), EntryId::new(3, 9)] {
        let mut cluster = Cluster::with_logs(&[&[1, 2, 2], &[], &[]]);
        cluster.step(snapshot(last));
        assert_eq!((cluster.terms(1).len(), cluster.last_on_disk(1)), (0, last));
        assert_eq!(cluster.node(1).machine.last(), last);
    }
}

/// §7: the leader sends a snapshot when it has already discarded the next entry that a follower needs.
#[test]
fn a_follower_far_behind_gets_a_snapshot() {
    let mut cluster = Cluster::with_config(3, |config| config.max_log_bytes_in_memory = 0);
    cluster.leave_behind(1, 3);
    cluster.pass(3);
    cluster.assert_agreement();
    assert_eq!(cluster.applied(3).len(), 0, "it applied no command: it has the state");
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Replicate { .. }));
    assert!(cluster.network.take(|m| kind(m) == "snapshot_request").is_empty());
}

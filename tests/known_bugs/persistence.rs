//! Restarts: what a crash leaves, and what a node makes of it.

use harness::{Cluster, envelope, kind, log_of, remove, run_after};
use quorate::{
    Config, EntryId, HardState, LogIndex, MemStorage, Message, NewError, NodeId, RawNode, ReadOutcome,
    StepError, Storage, Term,
};
use slog::{Discard, Logger, o};

fn disk(terms: &[u64], term: u64, commit: u64) -> MemStorage {
    let disk = MemStorage::with_voters((1..=3).map(NodeId));
    disk.append(&log_of(terms)).unwrap();
    disk.set_hard_state(HardState { term: Term(term), vote: None, commit: LogIndex(commit) });
    disk
}

fn start(disk: MemStorage, applied: u64) -> Result<RawNode, NewError> {
    let mut config = Config::new(NodeId(1), 1);
    config.applied = LogIndex(applied);
    RawNode::new(config, disk, Logger::root(Discard, o!()))
}

/// Elsewhere a state machine that was ahead of the hard state's commit index kept a node from starting.
#[test]
fn c11_state_machine_is_ahead_of_the_commit_index() {
    let node = start(disk(&[1, 1, 1], 1, 1), 3).unwrap();
    let status = node.status();
    assert_eq!((status.hard_state.commit, status.applied), (LogIndex(3), LogIndex(3)));
}

/// A snapshot on disk holds only what was committed, whatever the hard state still knows of it.
#[test]
fn c11_snapshot_is_ahead_of_the_commit_index() {
    let disk = disk(&[1, 1, 1], 1, 0);
    disk.create_snapshot(LogIndex(2), b"state".to_vec()).unwrap();
    disk.compact_to(LogIndex(2)).unwrap();
    let status = start(disk, 0).unwrap().status();
    assert_eq!((status.hard_state.commit, status.applied), (LogIndex(2), LogIndex(2)));
}

/// Elsewhere a hard state that was ahead of the log made a node panic; it must be refused, for entries were lost.
#[test]
fn c12_commit_index_is_ahead_of_the_log() {
    let refused = start(disk(&[1, 1, 1], 1, 4), 0);
    assert!(matches!(refused, Err(NewError::CommitBeyondLog { commit: LogIndex(4), last: LogIndex(3) })));
    assert!(matches!(start(disk(&[1, 1], 1, 1), 3), Err(NewError::AppliedBeyondLog { .. })));
    assert!(matches!(start(disk(&[1, 2], 1, 1), 0), Err(NewError::TermBehindLog { .. })));
}

/// Elsewhere the commit index was taken for the applied index, and what lay between was never applied.
#[test]
fn c13_committed_and_not_applied_before_the_restart() {
    let mut node = start(disk(&[1, 1, 1], 1, 3), 1).unwrap();
    let ready = node.ready().unwrap();
    let ids: Vec<_> =
        ready.committed.iter().flat_map(|run| run.iter()).map(|entry| entry.id.index.0).collect();
    assert_eq!(ids, [2, 3]);
}

/// Elsewhere a node that was alone answered a read from before what it had acknowledged in an earlier life.
#[test]
fn c14_read_after_the_commit_index_was_lost() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    cluster.propose(1, "a");
    assert_eq!(cluster.committed(1), 2);
    cluster.crash(1);
    cluster.restart(1);
    assert!(cluster.committed(1) < 2, "the commit index need not be durable");
    cluster.hold_writes(1);
    cluster.on(1, RawNode::campaign).unwrap();
    while !cluster.leads(1) {
        cluster.finish_write(1);
    }
    cluster.read(1);
    assert!(cluster.node(1).reads.is_empty(), "it leads, and does not know yet what is committed");
    cluster.finish_writes(1);
    let read = cluster.node(1).reads.pop().expect("alone, it need not ask");
    assert_eq!(read.outcome, ReadOutcome::At(LogIndex(3)));
    assert_eq!(cluster.applied(1), ["a"]);
}

/// Elsewhere it was computed wrongly whether a write must be durable: votes were lost, or each commit cost a sync.
#[test]
fn c15_only_the_commit_index_need_not_be_durable() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.deliver(|m| m.to == NodeId(1));
    let notice = cluster.network.take(|m| m.to == NodeId(2) && kind(m) == "commit_notice").pop().unwrap();
    cluster.node(2).raw().step(notice).unwrap();
    cluster.node(2).take_ready(|ready| {
        assert!(ready.hard_state.is_some() && !ready.must_sync, "the commit index can be learned again");
    });
    let vote =
        Message::VoteRequest { last: EntryId::new(1, 9), priority: 0, committed: None, transfer: false };
    cluster.tick(3, 10);
    cluster.node(3).raw().step(envelope(2, 3, 2, vote)).unwrap();
    cluster.node(3).take_ready(|ready| assert!(ready.must_sync && ready.entries.is_empty()));
    // Also a vote in a term that is on disk already.
    cluster.restart_with(3, 3, None, 0);
    let vote =
        Message::VoteRequest { last: EntryId::new(1, 9), priority: 0, committed: None, transfer: false };
    cluster.node(3).raw().step(envelope(2, 3, 3, vote)).unwrap();
    cluster.node(3).take_ready(|ready| assert!(ready.must_sync && ready.hard_state.is_some()));
}

/// The commit of a change must be: a node that is left alone, and forgets that it is, asks for the votes of those who are
/// gone.
#[test]
fn c15_commit_of_a_change_is_durable() {
    let mut cluster = Cluster::of(2);
    cluster.elect(1);
    cluster.change(1, [remove(2)]);
    cluster.settle();
    assert_eq!(cluster.membership(1), "voters=[n1]");
    cluster.partition(&[&[1], &[2]]);
    cluster.crash(1);
    cluster.restart(1);
    cluster.pass(40);
    assert!(cluster.leads(1), "nobody else votes");
}

/// Elsewhere killing all nodes at once lost what clients had been told was done.
#[test]
fn c16_all_nodes_die_at_once() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    (1..=3).for_each(|id| cluster.hold_writes(id));
    cluster.propose(1, "never written");
    cluster.settle();
    assert_eq!(cluster.committed(1), 1, "nobody has written it, so nobody was told that it is done");
    cluster.finish_writes(2);
    cluster.finish_writes(3);
    cluster.settle();
    assert_eq!(cluster.committed(1), 2, "on two disks, it is");
    (1..=3).for_each(|id| cluster.crash(id));
    (1..=3).for_each(|id| cluster.restart(id));
    for _ in 0..60 {
        cluster.pass(1);
        (1..=3).for_each(|id| cluster.finish_writes(id));
        cluster.settle();
    }
    assert_eq!(cluster.applied(2), ["never written"]);
    assert!(!cluster.leads(1) || cluster.terms(1).len() > 2);
}

/// Elsewhere a follower that had lost the end of its log panicked when the leader told it what was committed.
#[test]
fn c18_commit_index_is_ahead_of_a_log_that_lost_its_end() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[1], &[1]]);
    let heartbeat = Message::Heartbeat { commit: LogIndex(9), echo: quorate::Echo::default() };
    cluster.step(envelope(2, 1, 1, heartbeat));
    assert!(matches!(cluster.refused[..], [StepError::CommitBeyondLog { .. }]));
    assert_eq!((cluster.committed(1), cluster.terms(1)), (0, vec![1, 1]));
}

/// Elsewhere a node that came back showed clients a state that was older than the one it had shown before.
#[test]
fn c22_read_at_a_node_that_came_back() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.crash(3);
    cluster.restart(3);
    cluster.hold_writes(3);
    cluster.pass(1);
    cluster.read(3);
    cluster.settle();
    assert_eq!(cluster.applied(3), [] as [&str; 0], "its state machine is slow");
    assert_eq!(
        cluster.node(3).reads.pop().unwrap().outcome,
        ReadOutcome::At(LogIndex(2)),
        "and is waited for"
    );
    cluster.finish_writes(3);
    assert_eq!(cluster.applied(3), ["a"]);
}

/// Elsewhere a log in several files was cut wrongly when more than the last of them had to go, or while one of them was
/// still being written.
#[test]
fn c23_tail_is_replaced_over_several_writes_under_way() {
    let append = |from, term, previous, entries| {
        envelope(from, 1, term, Message::AppendRequest { previous, entries, commit: LogIndex::ZERO })
    };
    let on_disk: [&[u64]; 5] = [&[], &[1, 1], &[1, 1, 1], &[1, 1, 1, 1, 1], &[1, 2]];
    for (written, expected) in on_disk.into_iter().enumerate() {
        let mut cluster = Cluster::of(3);
        cluster.hold_writes(1);
        cluster.step(append(2, 1, EntryId::ZERO, run_after(0, &[1, 1])));
        cluster.step(append(2, 1, EntryId::new(1, 2), run_after(2, &[1])));
        cluster.step(append(2, 1, EntryId::new(1, 3), run_after(3, &[1, 1])));
        cluster.step(append(3, 2, EntryId::new(1, 1), run_after(1, &[2])));
        (0..written).for_each(|_| cluster.finish_write(1));
        cluster.crash(1);
        cluster.restart(1);
        assert_eq!(cluster.terms(1), expected, "after {written} writes");
        let entries = cluster.node(1).disk().entries(LogIndex(1), LogIndex(5), usize::MAX);
        assert_eq!(entries.unwrap_or_default(), log_of(expected));
        assert_eq!(cluster.status(1).last_index, cluster.last_on_disk(1).index);
    }
}

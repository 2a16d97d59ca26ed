//! Figure 2, State: what each server keeps, what of it survives a crash, and where it begins.

use harness::{Cluster, envelope, kind, run_after};
use quorate::{EntryId, LogIndex, Message, NodeId, RawNode};

use crate::messages::{accepted, append, heartbeat, no_pre_vote, vote_request};

/// currentTerm: begins at 0, and never goes back.
#[test]
fn term_begins_at_zero_and_only_grows() {
    let mut cluster = Cluster::of(3);
    assert_eq!(cluster.term(1), 0);
    for (said, expected) in [(2, 2), (7, 7), (3, 7)] {
        cluster.step(envelope(2, 1, said, heartbeat(0)));
        assert_eq!(cluster.term(1), expected);
    }
}

/// votedFor: who got the vote in the current term; nobody in a new one.
#[test]
fn vote_belongs_to_its_term() {
    let mut cluster = Cluster::of(3);
    cluster.step(envelope(2, 1, 1, vote_request(EntryId::ZERO)));
    assert_eq!(cluster.status(1).hard_state.vote, Some(NodeId(2)));
    cluster.step(envelope(3, 1, 2, heartbeat(0)));
    assert_eq!(cluster.status(1).hard_state.vote, None);
}

/// Persistent state is written before an answer: a vote leaves when it is durable, with its term.
#[test]
fn vote_is_durable_before_it_leaves() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(envelope(2, 1, 4, vote_request(EntryId::ZERO)));
    assert_eq!(cluster.take_said().len(), 0);
    cluster.finish_write(1);
    let hard_state = cluster.node(1).disk().hard_state();
    assert_eq!((hard_state.term.0, hard_state.vote), (4, Some(NodeId(2))));
    assert_eq!(cluster.take_said(), ["n1@4 → n2 VoteResponse granted=true"]);
}

/// Persistent state is written before an answer: entries are acknowledged when they are durable.
#[test]
fn entries_are_durable_before_they_are_acknowledged() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(append(1, 1, EntryId::ZERO, run_after(0, &[1, 1]), 0));
    assert_eq!((cluster.take_said().len(), cluster.terms(1).len()), (0, 0));
    cluster.finish_write(1);
    assert_eq!(cluster.terms(1), [1, 1]);
    assert_eq!(cluster.take_said(), ["n1@1 → n2 AppendAccepted matched=2"]);
}

/// Persistent state is written before a request too: a candidate's own vote, before it asks for others.
#[test]
fn candidates_own_vote_is_durable_before_it_asks() {
    let mut cluster = no_pre_vote(3);
    cluster.hold_writes(1);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!(cluster.take_said().len(), 0);
    cluster.finish_write(1);
    assert_eq!(cluster.node(1).disk().hard_state().vote, Some(NodeId(1)));
    assert_eq!(cluster.take_said().len(), 2);
}

/// log[]: the first index is 1.
#[test]
fn first_entry_stands_at_index_1() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    assert_eq!(cluster.last_on_disk(1), EntryId::new(1, 1));
}

/// commitIndex: begins at 0, and only grows.
#[test]
fn commit_index_begins_at_zero_and_only_grows() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[], &[]]);
    assert_eq!(cluster.committed(1), 0);
    for (said, expected) in [(1, 1), (3, 3), (2, 3), (0, 3)] {
        cluster.step(envelope(2, 1, 1, heartbeat(said)));
        assert_eq!(cluster.committed(1), expected);
    }
}

/// lastApplied: follows the commit index, and never passes it.
#[test]
fn what_is_applied_never_passes_the_commit_index() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[], &[]]);
    for commit in 0..=3 {
        cluster.step(envelope(2, 1, 1, heartbeat(commit)));
        assert_eq!(
            (cluster.status(1).applied, cluster.node(1).machine.index().0),
            (LogIndex(commit), commit)
        );
    }
}

/// nextIndex[]: begins just after the leader's last entry, so the first append is said to follow that.
#[test]
fn next_index_begins_after_the_leaders_last_entry() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[], &[]]);
    cluster.on(1, RawNode::campaign).unwrap();
    while cluster.deliver(|m| kind(m).contains("vote")) > 0 {}
    let appends = cluster.network.take(|m| kind(m) == "append_request");
    assert_eq!(appends.len(), 2);
    for envelope in appends {
        let Message::AppendRequest { previous, .. } = envelope.message else { continue };
        assert_eq!(previous, EntryId::new(1, 2));
    }
}

/// matchIndex[]: begins at 0, and only grows.
#[test]
fn match_index_begins_at_zero_and_only_grows() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[1, 1], &[1, 1]]);
    cluster.lose("append_accepted");
    cluster.elect(1);
    assert_eq!(cluster.progress(1, 2).matched, LogIndex(0), "although it holds all");
    for (said, expected) in [(2, 2), (3, 3), (1, 3)] {
        cluster.step(envelope(2, 1, 2, accepted(said)));
        assert_eq!(cluster.progress(1, 2).matched, LogIndex(expected));
    }
}

/// What a leader knows of its followers is made anew after each election.
#[test]
fn leaders_knowledge_ends_with_its_office() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    assert_eq!(cluster.progress(1, 2).matched, LogIndex(1));
    cluster.on(1, RawNode::step_down);
    assert_eq!(cluster.status(1).progress, []);
    cluster.outwait_leader(&[1, 2, 3]);
    cluster.lose("append_accepted");
    cluster.elect(1);
    assert_eq!(cluster.progress(1, 2).matched, LogIndex(0));
}

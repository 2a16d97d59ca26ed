//! §8, Client interaction, as far as the library takes part in it. Sessions, which it has not, are the client's.

use harness::{Cluster, command};
use quorate::{
    EntryKind, Forward, ForwardOutcome, LogIndex, ProposeError, RawNode, ReadError, ReadOutcome, Storage,
};

use crate::messages::ELECTION;

/// A server that does not lead refuses a client and names the leader, if it is told not to pass requests on.
#[test]
fn follower_names_the_leader() {
    let mut cluster = Cluster::with_config(3, |config| config.forward_proposals = false);
    cluster.elect(1);
    let refused = cluster.on(2, |raw| raw.propose(command("a")));
    assert_eq!(refused, Err(ProposeError::NotLeader { leader: quorate::NodeId(1) }));
}

/// Who knows no leader says so, and the client tries elsewhere or later.
#[test]
fn server_without_a_leader_refuses() {
    let mut cluster = Cluster::of(3);
    assert_eq!(cluster.on(2, |raw| raw.propose(command("a"))), Err(ProposeError::NoLeader));
    assert_eq!(cluster.on(2, RawNode::read_index), Err(ReadError::NoLeader));
}

/// If the leader crashes, clients find the next one by asking any other server.
#[test]
fn clients_find_the_next_leader() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.crash(1);
    cluster.pass(10 * ELECTION);
    let leader = cluster.leader();
    assert!((2..=3).all(|id| cluster.status(id).leader.map(|id| id.0) == leader));
}

/// A command may be applied twice, if its client tries again: the library offers no sessions that could tell.
#[test]
fn command_that_is_tried_again_is_applied_again() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for _ in 0..2 {
        cluster.propose(1, "a");
        cluster.settle();
    }
    assert_eq!(cluster.applied(2), ["a", "a"]);
}

/// But what a follower passes on once is applied once, however often the network delivers it.
#[test]
fn forwarded_command_is_applied_once() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(2, "a");
    let sent = cluster.network.take(|_| true);
    for envelope in [sent.clone(), sent].concat() {
        cluster.step(envelope);
    }
    cluster.settle();
    assert_eq!(cluster.applied(3), ["a"]);
    assert!(matches!(cluster.node(2).forwards[..], [Forward { outcome: ForwardOutcome::Appended(_), .. }]));
}

/// Reads: the leader commits a blank entry at the start of its term, to learn what is committed.
#[test]
fn leader_opens_its_term_with_a_blank_entry() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let disk = cluster.node(1).disk().clone();
    let entries = disk.entries(LogIndex(1), LogIndex(1), 0).unwrap();
    assert_eq!((entries[0].kind(), entries[0].data().len()), (EntryKind::Blank, 0));
    assert_eq!((cluster.committed(1), cluster.applied(1).len()), (1, 0));
}

/// Reads: until that entry is committed, none is answered.
#[test]
fn read_waits_for_the_first_commit_of_the_term() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[1, 1], &[1, 1]]);
    cluster.lose("append_accepted");
    cluster.elect(1);
    cluster.read(1);
    cluster.pass(3);
    assert_eq!(cluster.node(1).reads, []);
    cluster.heal();
    cluster.pass(5);
    assert_eq!(cluster.node(1).reads.pop().unwrap().outcome, ReadOutcome::At(LogIndex(3)));
}

/// Reads: before it answers, the leader exchanges heartbeats with a majority, since it may have been replaced.
#[test]
fn read_waits_for_a_majority_of_heartbeats() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.read(1);
    for (id, answered) in [(2, 0), (3, 1)] {
        cluster.deliver(|m| m.to.0 == id);
        cluster.deliver(|m| m.to.0 == 1);
        assert_eq!(cluster.node(1).reads.len(), answered);
    }
}

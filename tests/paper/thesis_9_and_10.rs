//! Chapters 9 and 10, in part: pre-votes (9.6), and writes in parallel (10.2.1).

use harness::{Cluster, envelope, kind};
use quorate::{EntryId, LogIndex, Message, NodeId, RawNode, RoleKind};

use crate::messages::ELECTION;

/// 9.6: a candidate increments its term only after a majority has said that it would vote for it.
#[test]
fn pre_vote_changes_no_term_and_no_vote() {
    let mut cluster = Cluster::of(3);
    cluster.isolate(3);
    cluster.tick(3, 20 * ELECTION);
    assert_eq!((cluster.role(3), cluster.term(3)), (RoleKind::PreCandidate, 0));
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.deliver(|m| kind(m) == "pre_vote_request");
    assert_eq!((cluster.term(2), cluster.status(2).hard_state.vote), (0, None));
    assert_eq!(cluster.take_said(), ["n2@1 → n1 PreVoteResponse granted=true"]);
}

/// 9.6: would-be voters refuse while they hear from a leader, so a node that comes back deposes nobody.
#[test]
fn pre_vote_is_refused_while_the_leader_is_alive() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.step(envelope(
        3,
        2,
        2,
        Message::PreVoteRequest { last: EntryId::new(1, 1), priority: 0, committed: None },
    ));
    assert_eq!(cluster.take_said(), ["n2@1 → n3 PreVoteResponse granted=false committed=1@1"]);
}

/// 10.2.1: the leader sends entries to its followers while it writes them itself, and may even commit before it is done.
#[test]
fn leader_writes_while_its_followers_do() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.propose(1, "a");
    assert_eq!(cluster.network.in_flight.iter().filter(|m| kind(m) == "append_request").count(), 2);
    cluster.settle();
    assert_eq!((cluster.committed(1), cluster.status(1).durable), (2, LogIndex(1)));
    // Without it, the others still have what was committed.
    cluster.crash(1);
    cluster.pass(6 * ELECTION);
    assert_eq!(cluster.applied(2), ["a"]);
}

/// 10.2.1: many commands that come close together leave in one message.
#[test]
fn commands_that_come_together_travel_together() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for text in ["a", "b", "c"] {
        cluster.node(1).raw().propose(text).unwrap();
    }
    cluster.process(1);
    assert_eq!(cluster.network.take(|m| m.to == NodeId(2)).len(), 1);
}

//! Chapters of the thesis: 6.2 (CheckQuorum), 6.4 (reads), 9.6 (pre-votes), 10.2.1 (parallel writes).

use harness::{Cluster, envelope, kind};
use quorate::{EntryId, LogIndex, Message, NodeId, RawNode, ReadOutcome, RoleKind};

const ELECTION: u32 = 10;

/// 6.2: a leader steps down if an election timeout passes without a successful round to a majority.
#[test]
fn a_leader_without_a_quorum_steps_down() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tick(1, 2 * ELECTION);
    assert_eq!((cluster.role(1), cluster.status(1).leader), (RoleKind::Follower, None));
}

/// 6.2 again: a minority that is silent does not matter.
#[test]
fn a_leader_with_a_quorum_stays() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.partition(&[&[1, 2, 3], &[4, 5]]);
    cluster.pass(10 * ELECTION);
    assert!(cluster.leads(1) && cluster.term(1) == 1);
}

/// 4.2.3: a server that has heard from a leader within the least election timeout does not vote, and keeps its term.
#[test]
fn nobody_votes_while_the_leader_is_alive() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.tick(2, ELECTION - 1);
    cluster.step(envelope(
        3,
        2,
        9,
        Message::VoteRequest { last: EntryId::new(8, 8), priority: 0, transfer: false },
    ));
    assert_eq!((cluster.term(2), cluster.take_said().len()), (1, 0));
    cluster.tick(2, 1);
    cluster.lose_in_flight();
    cluster.step(envelope(
        3,
        2,
        9,
        Message::VoteRequest { last: EntryId::new(8, 8), priority: 0, transfer: false },
    ));
    assert_eq!(cluster.take_said(), ["n2@9 → n3 VoteResponse granted=true"]);
}

/// 9.6: a candidate increments its term only after a majority has said that it would vote for it.
#[test]
fn a_pre_vote_changes_no_term_and_no_vote() {
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
fn a_pre_vote_is_refused_while_the_leader_is_alive() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.step(envelope(3, 2, 2, Message::PreVoteRequest { last: EntryId::new(1, 1), priority: 0 }));
    assert_eq!(cluster.take_said(), ["n2@1 → n3 PreVoteResponse granted=false"]);
}

/// 6.4: the leader notes its commit index, makes sure by a round of heartbeats that it still leads, and then answers.
#[test]
fn a_read_is_answered_after_a_round_of_heartbeats() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let before = cluster.terms(1).len();
    let id = cluster.read(1);
    assert_eq!(cluster.node(1).reads, []);
    // What is proposed meanwhile need not be seen.
    cluster.propose(1, "a");
    cluster.settle();
    let read = cluster.node(1).reads.pop().unwrap();
    assert_eq!((read.id, read.outcome), (id, ReadOutcome::At(LogIndex(1))));
    assert_eq!(cluster.terms(1).len(), before + 1, "only the proposal was written");
}

/// 6.4: a follower can serve a read by asking the leader for the index.
#[test]
fn a_follower_asks_its_leader() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.read(3);
    cluster.settle();
    assert_eq!(cluster.node(3).reads.pop().unwrap().outcome, ReadOutcome::At(LogIndex(2)));
}

/// 6.4: a leader that was replaced without knowing it answers nothing.
#[test]
fn a_leader_that_was_replaced_answers_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.tick(2, ELECTION);
    cluster.tick(3, ELECTION);
    cluster.lose_in_flight();
    cluster.elect(2);
    cluster.read(1);
    cluster.heal();
    cluster.pass(3);
    assert_eq!(cluster.node(1).reads.pop().unwrap().outcome, ReadOutcome::Lost);
}

/// 10.2.1: the leader sends entries to its followers while it writes them itself, and may even commit before it is done.
#[test]
fn a_leader_writes_while_its_followers_do() {
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

//! Figure 4: the states of a server, and each arrow between them.

use harness::{Cluster, envelope};
use quorate::{Message, RawNode, RoleKind};

use crate::messages::{ELECTION, accepted, empty_append, heartbeat, no_pre_vote, vote};

fn candidate() -> Cluster {
    let mut cluster = no_pre_vote(3);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 1));
    cluster
}

/// Starts up: as a follower, whatever it was before.
#[test]
fn server_starts_as_a_follower() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.crash(1);
    cluster.restart(1);
    assert!((1..=3).all(|id| cluster.role(id) == RoleKind::Follower));
}

/// Follower to candidate: it times out and starts an election.
#[test]
fn follower_that_times_out_stands_for_election() {
    let mut cluster = no_pre_vote(3);
    cluster.tick(1, 2 * ELECTION - 1);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 1));
}

/// Candidate to candidate: it times out and starts a new election.
#[test]
fn candidate_that_times_out_stands_again() {
    let mut cluster = candidate();
    cluster.tick(1, 2 * ELECTION - 1);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 2));
}

/// Candidate to leader: it receives votes from a majority of servers.
#[test]
fn candidate_with_votes_of_a_majority_leads() {
    let mut cluster = candidate();
    cluster.step(envelope(2, 1, 1, vote(true)));
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Leader, 1));
}

/// Candidate to follower: it discovers the current leader.
#[test]
fn candidate_that_discovers_the_leader_follows_it() {
    let mut cluster = candidate();
    cluster.step(envelope(2, 1, 1, empty_append()));
    assert_eq!((cluster.role(1), cluster.status(1).leader.unwrap().0), (RoleKind::Follower, 2));
}

/// Candidate to follower: it discovers a new term.
#[test]
fn candidate_that_discovers_a_newer_term_follows() {
    let mut cluster = candidate();
    cluster.step(envelope(2, 1, 2, vote(false)));
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 2));
}

/// Leader to follower: it discovers a server with a higher term.
#[test]
fn leader_that_discovers_a_newer_term_follows() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.step(envelope(2, 1, 2, heartbeat(0)));
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 2));
}

/// No arrow from leader to candidate: a leader stands for no election.
#[test]
fn leader_does_not_stand() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    assert!(cluster.on(1, RawNode::campaign).is_err());
    cluster.tick(1, 5 * ELECTION);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Leader, 1));
}

/// No arrow from follower to leader: votes and acknowledgements are nothing to one that did not stand.
#[test]
fn follower_does_not_become_leader() {
    let mut cluster = Cluster::of(3);
    for message in [vote(true), Message::PreVoteResponse { granted: true, committed: None }, accepted(0)] {
        cluster.step(envelope(2, 1, 0, message.clone()));
        cluster.step(envelope(3, 1, 0, message));
        assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 0));
    }
}

/// An arrow of the thesis (9.6): a follower that times out asks first, and stands when a majority says yes.
#[test]
fn pre_candidate_with_a_majority_stands() {
    let mut cluster = Cluster::of(3);
    cluster.tick(1, 2 * ELECTION - 1);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::PreCandidate, 0));
    cluster.step(envelope(2, 1, 1, Message::PreVoteResponse { granted: true, committed: None }));
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Candidate, 1));
}

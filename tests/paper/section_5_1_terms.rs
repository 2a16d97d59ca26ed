//! §5.1, Raft basics: terms as a logical clock.

use harness::{Cluster, envelope};
use quorate::{Proposed, RawNode};

use crate::messages::{ELECTION, heartbeat, no_pre_vote, vote};

/// Each term begins with an election, and a new one needs a new term.
#[test]
fn each_election_begins_a_term() {
    let mut cluster = Cluster::of(3);
    for term in 1..=3 {
        cluster.outwait_leader(&[1, 2, 3]);
        let id = term % 3 + 1;
        cluster.elect(id);
        assert_eq!(cluster.term(id), term);
    }
}

/// A term whose vote is split ends without a leader.
#[test]
fn term_may_have_no_leader() {
    let mut cluster = no_pre_vote(2);
    for id in [1, 2] {
        cluster.on(id, RawNode::campaign).unwrap();
    }
    cluster.settle();
    assert_eq!((cluster.leader(), cluster.term(1), cluster.term(2)), (None, 1, 1));
}

/// Servers exchange their terms whenever they talk; one that is behind, follower or not, takes the other's over.
#[test]
fn every_message_carries_the_term() {
    let mut cluster = Cluster::of(3);
    cluster.restart_with(1, 4, None, 0);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.tick(1, 1);
    assert!(cluster.network.in_flight.len() >= 4);
    assert!(cluster.network.in_flight.iter().all(|m| m.term.0 == 5));
    cluster.settle();
    assert!((1..=3).all(|id| cluster.term(id) == 5));
}

/// A leader whose term is out of date goes back to being a follower as soon as it hears of a newer one.
#[test]
fn outdated_leader_follows() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.outwait_leader(&[2, 3]);
    cluster.elect(2);
    assert!(cluster.leads(1) && cluster.leads(2), "of different terms");
    cluster.heal();
    cluster.pass(2);
    assert!(!cluster.leads(1) && cluster.term(1) == 2);
}

/// An answer of an older term is no answer any more.
#[test]
fn answer_of_an_older_term_is_ignored() {
    let mut cluster = no_pre_vote(3);
    cluster.tick(1, 2 * ELECTION - 1);
    cluster.tick(1, 2 * ELECTION - 1);
    assert_eq!(cluster.term(1), 2);
    cluster.step(envelope(2, 1, 1, vote(true)));
    assert!(!cluster.leads(1));
    cluster.step(envelope(2, 1, 2, vote(true)));
    assert!(cluster.leads(1));
}

/// Terms are never taken back, also by a crash.
#[test]
fn term_survives_a_crash() {
    let mut cluster = Cluster::of(3);
    cluster.step(envelope(2, 1, 6, heartbeat(0)));
    cluster.crash(1);
    cluster.restart(1);
    assert_eq!(cluster.term(1), 6);
}

/// The leader takes all requests of clients; a follower that gets one passes it on.
#[test]
fn follower_passes_a_command_on_to_the_leader() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    assert!(matches!(cluster.propose(2, "a"), Proposed::Forwarded(_)));
    assert_eq!(cluster.terms(2).len(), 1);
    cluster.settle();
    assert_eq!(cluster.applied(3), ["a"]);
}

/// Five servers go on with any two of them down.
#[test]
fn five_servers_tolerate_two_failures() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    for id in [4, 5] {
        cluster.crash(id);
    }
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.applied(3), ["a"]);
    cluster.crash(3);
    cluster.propose(1, "b");
    cluster.settle();
    assert_eq!(cluster.applied(1), ["a"], "but not three");
}

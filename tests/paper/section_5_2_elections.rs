//! §5.2, Leader election.

use harness::{Cluster, envelope, kind};
use quorate::{RawNode, RoleKind};

use crate::messages::{ELECTION, empty_append, no_pre_vote, vote};

/// Servers remain followers as long as they hear from a leader.
#[test]
fn follower_that_hears_from_its_leader_stays_one() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.pass(20 * ELECTION);
    assert!(cluster.leads(1));
    assert!((2..=3).all(|id| cluster.role(id) == RoleKind::Follower && cluster.term(id) == 1));
}

/// A follower that hears nothing for its election timeout assumes that there is no leader.
#[test]
fn silence_of_the_leader_brings_a_new_one() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.crash(1);
    cluster.pass(10 * ELECTION);
    assert!(matches!(cluster.leader(), Some(2 | 3)));
}

/// Timeouts are drawn at random from a fixed interval: once to twice the configured one.
#[test]
fn election_timeout_lies_between_once_and_twice_the_configured_one() {
    let mut seen = [0_u32; 20];
    for seed in 0..500 {
        let mut cluster = Cluster::with_config(3, |config| config.seed = seed);
        let waited = (1..=20).find(|_| {
            cluster.tick(1, 1);
            cluster.role(1) == RoleKind::PreCandidate
        });
        seen[waited.unwrap() - 1] += 1;
    }
    assert!(seen[..9].iter().all(|count| *count == 0), "{seen:?}");
    assert!(seen[9..19].iter().all(|count| *count > 20), "every tick from 10 to 19 is as likely: {seen:?}");
}

/// Each candidate draws its timeout anew when it begins an election.
#[test]
fn timeout_is_drawn_anew_for_each_election() {
    let mut cluster = no_pre_vote(3);
    let waits: Vec<_> = (0..20)
        .map(|_| {
            let term = cluster.term(1);
            (1..=20).find(|_| {
                cluster.tick(1, 1);
                cluster.term(1) > term
            })
        })
        .collect();
    assert!(waits.iter().all(Option::is_some) && waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
}

/// A candidate wins with the votes of a majority, loses when it cannot get them, and else waits.
#[test]
fn election_is_won_by_a_majority() {
    let cases: [(u64, u64, u64, RoleKind); 10] = [
        (1, 0, 0, RoleKind::Leader),
        (2, 0, 0, RoleKind::Candidate),
        (2, 1, 0, RoleKind::Leader),
        (3, 0, 1, RoleKind::Candidate),
        (3, 1, 0, RoleKind::Leader),
        (3, 0, 2, RoleKind::Follower),
        (4, 1, 1, RoleKind::Candidate),
        (4, 1, 2, RoleKind::Follower),
        (5, 2, 2, RoleKind::Leader),
        (5, 1, 3, RoleKind::Follower),
    ];
    for (count, granted, refused, expected) in cases {
        let mut cluster = no_pre_vote(count);
        cluster.on(1, RawNode::campaign).unwrap();
        for voter in 2..2 + granted + refused {
            cluster.step(envelope(voter, 1, 1, vote(voter < 2 + granted)));
        }
        assert_eq!(cluster.role(1), expected, "{granted} for and {refused} against, of {count}");
    }
}

/// A majority is one of servers: the same vote twice is one vote.
#[test]
fn vote_that_comes_twice_counts_once() {
    let mut cluster = no_pre_vote(5);
    cluster.on(1, RawNode::campaign).unwrap();
    for _ in 0..3 {
        cluster.step(envelope(2, 1, 1, vote(true)));
    }
    assert_eq!(cluster.role(1), RoleKind::Candidate);
}

/// A candidate that has won sends heartbeats to all others, and so prevents new elections.
#[test]
fn winner_prevents_new_elections() {
    let mut cluster = no_pre_vote(5);
    for id in 2..=5 {
        cluster.tick(id, ELECTION - 1);
    }
    cluster.elect(1);
    for id in 2..=5 {
        cluster.tick(id, ELECTION - 1);
        assert_eq!(cluster.role(id), RoleKind::Follower);
    }
}

/// A candidate that hears from a leader of its term or a newer one recognizes it; from one of an older term, not.
#[test]
fn candidate_recognizes_a_leader_of_its_own_term() {
    for (term, expected) in [(0, RoleKind::Candidate), (1, RoleKind::Follower), (2, RoleKind::Follower)] {
        let mut cluster = no_pre_vote(3);
        cluster.on(1, RawNode::campaign).unwrap();
        cluster.step(envelope(2, 1, term, empty_append()));
        assert_eq!(cluster.role(1), expected, "a leader of term {term}");
    }
}

/// Votes may be split so that nobody wins; then candidates time out, and begin a new election in a later term.
#[test]
fn split_vote_ends_in_a_later_term() {
    let mut cluster = no_pre_vote(4);
    for id in [1, 2] {
        cluster.on(id, RawNode::campaign).unwrap();
    }
    cluster.deliver(|m| (m.from.0, m.to.0) == (1, 3) || (m.from.0, m.to.0) == (2, 4));
    cluster.settle();
    assert_eq!(cluster.leader(), None, "two votes each");
    cluster.pass(10 * ELECTION);
    assert!(cluster.leader().is_some() && cluster.term(1) > 1);
}

/// Split votes are rare, since mostly one server times out before all others.
#[test]
fn split_votes_are_rare() {
    let mut first_try = 0;
    for seed in 0..100 {
        let mut cluster = Cluster::with_config(5, |config| config.seed = seed * 100 + config.id.0);
        cluster.pass(2 * ELECTION);
        first_try += usize::from(cluster.leader().is_some_and(|id| cluster.term(id) == 1));
    }
    assert!(first_try > 50, "{first_try} of 100 elections needed one term");
}

/// Requests are sent to all others at once, and none waits for another's answer.
#[test]
fn votes_are_asked_for_in_parallel() {
    let mut cluster = no_pre_vote(5);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!(cluster.network.take(|m| kind(m) == "vote_request").len(), 4);
}

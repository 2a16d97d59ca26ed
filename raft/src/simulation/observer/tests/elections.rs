//! Votes and leaders.

use super::{
    super::promise::{
        DURABLE_BEFORE_SENT, ELECTED_BY_QUORUM, ELECTION_SAFETY, LEADER_COMPLETENESS, MONOTONIC, ONE_VOTE,
    },
    cluster::{Cluster, entries, found, hard_state, write},
    promise_broken_by,
};
use crate::{
    consensus::{Entries, LogIndex, Message, RoleKind},
    simulation::Count,
};

#[test]
fn elections_and_leaders_are_counted() {
    let mut cluster = Cluster::with_a_leader();
    cluster.elect(2, 2, &[1, 3]).unwrap();
    assert_eq!((cluster.counts.of(Count::Elections), cluster.counts.of(Count::Leaders)), (2, 2));
}

#[test]
fn transfers_are_counted_by_who_is_elected_next() {
    let mut cluster = Cluster::with_a_leader();
    cluster.send(1, 2, 1, Message::TimeoutNow).unwrap();
    cluster.elect(2, 2, &[1, 3]).unwrap();
    cluster.send(2, 1, 2, Message::TimeoutNow).unwrap();
    cluster.elect(3, 3, &[1, 2]).unwrap();
    let counts = &cluster.counts;
    assert_eq!((counts.of(Count::Transfers), counts.of(Count::TransfersFailed)), (1, 1));
}

#[test]
fn election_safety_two_nodes_lead_a_term() {
    let mut cluster = Cluster::with_a_leader();
    let second = cluster.show(3, hard_state(1, None, 0), RoleKind::Leader);
    assert_eq!(promise_broken_by(second), ELECTION_SAFETY);
}

#[test]
fn election_safety_a_node_speaks_as_a_leader_and_is_none() {
    let mut cluster = Cluster::with_a_leader();
    let heartbeat = Message::Heartbeat { commit: LogIndex::ZERO, echo: Default::default() };
    cluster.send(1, 2, 1, heartbeat.clone()).unwrap();
    assert_eq!(promise_broken_by(cluster.send(3, 2, 1, heartbeat)), ELECTION_SAFETY);
}

#[test]
fn one_vote_a_term_also_in_another_life() {
    let mut cluster = Cluster::with_a_leader();
    let voted = hard_state(1, Some(1), 0);
    cluster.restart(2, &found(voted, &[(1, 1), (1, 2)])).unwrap();
    cluster.vote(2, 1, 1).unwrap();
    let other = Message::VoteResponse { granted: true, committed: None };
    assert_eq!(promise_broken_by(cluster.send(2, 3, 1, other)), ONE_VOTE);
}

#[test]
fn one_vote_a_term_taken_back_in_memory() {
    let mut cluster = Cluster::with_a_leader();
    let other = cluster.show(2, hard_state(1, Some(3), 0), RoleKind::Follower);
    assert_eq!(promise_broken_by(other), ONE_VOTE);
}

#[test]
fn durable_before_it_is_sent_a_vote() {
    let mut cluster = Cluster::new();
    cluster.stage(2, write(Entries::EMPTY, Some(hard_state(1, Some(1), 0)))).unwrap();
    let early = cluster.send(2, 1, 1, Message::VoteResponse { granted: true, committed: None });
    assert_eq!(promise_broken_by(early), DURABLE_BEFORE_SENT);
}

#[test]
fn elected_by_a_quorum_one_vote_of_three_is_none() {
    assert_eq!(promise_broken_by(Cluster::new().elect(1, 1, &[])), ELECTED_BY_QUORUM);
}

#[test]
fn elected_by_a_quorum_the_vote_of_a_learner_counts_nowhere() {
    assert_eq!(promise_broken_by(Cluster::new().elect(1, 1, &[4])), ELECTED_BY_QUORUM);
}

#[test]
fn elected_by_a_quorum_a_learner_does_not_stand() {
    let stands = Cluster::new().show(4, hard_state(1, Some(4), 0), RoleKind::Candidate);
    assert_eq!(promise_broken_by(stands), ELECTED_BY_QUORUM);
}

#[test]
fn leader_completeness_what_is_committed_is_missing() {
    let mut cluster = Cluster::new();
    cluster.elect(1, 1, &[3]).unwrap();
    cluster.append(1, &[(1, 1)]).unwrap();
    cluster.append(2, &[(1, 1)]).unwrap();
    cluster.commit(1, 1).unwrap();
    assert_eq!(promise_broken_by(cluster.elect(3, 2, &[2])), LEADER_COMPLETENESS);
}

#[test]
fn monotonic_a_term_goes_back() {
    let mut cluster = Cluster::with_a_leader();
    cluster.show(3, hard_state(4, None, 0), RoleKind::Follower).unwrap();
    let back = cluster.show(3, hard_state(3, None, 0), RoleKind::Follower);
    assert_eq!(promise_broken_by(back), MONOTONIC);
}

#[test]
fn monotonic_a_commit_index_goes_back() {
    let mut cluster = Cluster::with_a_leader();
    cluster.commit(1, 2).unwrap();
    assert_eq!(promise_broken_by(cluster.commit(1, 1)), MONOTONIC);
}

#[test]
fn durable_before_it_is_sent_the_term_of_a_leader() {
    let mut cluster = Cluster::with_a_leader();
    // n2 is elected without having written its vote for itself.
    cluster.vote(3, 2, 2).unwrap();
    cluster.vote(1, 2, 2).unwrap();
    cluster.show(2, hard_state(2, Some(2), 0), RoleKind::Leader).unwrap();
    let run = entries(&[]);
    let append =
        Message::AppendRequest { previous: Default::default(), entries: run, commit: LogIndex::ZERO };
    assert_eq!(promise_broken_by(cluster.send(2, 1, 2, append)), DURABLE_BEFORE_SENT);
}

//! Chapter 3, what it adds to §5: state that persists and restarts (3.8), timing (3.9), leadership transfer (3.10).

use harness::{Cluster, envelope, kind};
use quorate::{EntryId, Message, NodeId, ProposeError, RoleKind, TransferError};

use crate::messages::{ELECTION, no_pre_vote, vote_request};

/// 3.6: a leader's own log counts for the majority only when it is written; the others' may be enough.
#[test]
fn leader_counts_itself_when_its_write_is_done() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to.0 == 2);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.committed(1), 1, "n2 and n1's memory");
    cluster.finish_write(1);
    assert_eq!(cluster.committed(1), 2);
}

/// 3.8: the log survives a restart, so that what was acknowledged stays.
#[test]
fn log_survives_a_restart_of_all() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    (1..=3).for_each(|id| cluster.crash(id));
    (1..=3).for_each(|id| cluster.restart(id));
    cluster.lose_in_flight();
    cluster.elect(3);
    cluster.settle();
    assert_eq!((cluster.applied(1), cluster.applied(3)), (vec!["a".to_owned()], vec!["a".to_owned()]));
}

/// 3.8: the commit index may be lost; it is found again when the next leader commits something.
#[test]
fn commit_index_may_be_forgotten() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    for id in 1..=3 {
        cluster.restart_with(id, 1, None, 0);
        assert_eq!((cluster.committed(id), cluster.applied(id).len()), (0, 0));
    }
    cluster.elect(2);
    assert!((1..=3).all(|id| cluster.committed(id) == 3 && cluster.applied(id) == ["a"]));
}

/// 3.8: a state machine in memory is rebuilt after a restart, by applying the log again.
#[test]
fn state_machine_is_rebuilt_from_the_log() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for text in ["a", "b"] {
        cluster.propose(1, text);
        cluster.settle();
    }
    cluster.crash(3);
    cluster.restart(3);
    cluster.pass(3);
    assert_eq!(cluster.applied(3), ["a", "b"]);
}

/// 3.8: one that persists must know what it has applied, so that nothing is applied twice.
#[test]
fn persistent_state_machine_applies_nothing_twice() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.crash(3);
    cluster.node(3).restart_with_machine();
    cluster.propose(1, "b");
    cluster.pass(3);
    assert_eq!(cluster.applied(3), ["a", "b"], "the machine fails if an entry comes again");
}

/// 3.8: a server restarts as a follower, and waits a whole election timeout.
#[test]
fn restarted_server_waits_an_election_timeout() {
    let mut cluster = no_pre_vote(3);
    cluster.elect(1);
    cluster.crash(1);
    cluster.restart(1);
    cluster.tick(1, ELECTION - 1);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 1));
}

/// 3.9: the timing requirement; a leader whose heartbeats come within the timeout is never challenged.
#[test]
fn heartbeats_within_the_timeout_keep_the_leader() {
    let mut cluster = Cluster::with_config(3, |config| config.heartbeat_ticks = 9);
    cluster.elect(1);
    cluster.pass(30 * ELECTION);
    assert_eq!((cluster.leader(), cluster.term(1)), (Some(1), 1));
}

/// 3.10, whole: the target leads at once, in the next term, and nobody waits for a timeout.
#[test]
fn transfer_makes_the_target_leader() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.on(1, |raw| raw.transfer_leader(NodeId(3))).unwrap();
    cluster.settle();
    assert_eq!((cluster.leader(), cluster.term(3)), (Some(3), 2));
}

/// 3.10, step 1: the prior leader takes no new requests of clients meanwhile.
#[test]
fn transfer_holds_proposals_back() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.on(1, |raw| raw.transfer_leader(NodeId(3))).unwrap();
    let refused = cluster.on(1, |raw| raw.propose("a"));
    assert_eq!(refused, Err(ProposeError::TransferringLeadership { to: NodeId(3) }));
}

/// 3.10, step 1. Deviation: while the target still lacks much, clients go on.
#[test]
fn transfer_to_a_target_far_behind_lets_clients_go_on() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("append_request");
    cluster.propose(1, "a");
    cluster.on(1, |raw| raw.transfer_leader(NodeId(3))).unwrap();
    assert!(cluster.on(1, |raw| raw.propose("b")).is_ok());
}

/// 3.10, step 2: the target's log is made equal to the leader's first.
#[test]
fn transfer_brings_the_target_up_to_date_first() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.heal();
    cluster.on(1, |raw| raw.transfer_leader(NodeId(3))).unwrap();
    assert!(cluster.network.take(|m| kind(m) == "timeout_now").is_empty(), "n3 lacks 2@1");
    cluster.pass(5);
    assert!(cluster.leads(3) && cluster.terms(3) == [1, 1, 2]);
}

/// 3.10, step 3: the target then stands as if its timer had run out: a new term, and no pre-vote.
#[test]
fn target_stands_at_once() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.step(envelope(1, 3, 1, Message::TimeoutNow));
    assert_eq!((cluster.role(3), cluster.term(3)), (RoleKind::Candidate, 2));
    assert_eq!(cluster.network.take(|m| kind(m) == "vote_request").len(), 2);
}

/// 3.10, and 4.2.3: voters believe the leader to be alive, and grant this request all the same.
#[test]
fn request_of_a_transfer_is_heard_although_the_leader_lives() {
    for transfer in [true, false] {
        let mut cluster = Cluster::of(3);
        cluster.elect(1);
        let message =
            Message::VoteRequest { last: EntryId::new(1, 1), priority: 0, committed: None, transfer };
        cluster.step(envelope(3, 2, 2, message));
        let granted = cluster.take_said().iter().any(|line| line.ends_with("granted=true"));
        assert_eq!(granted, transfer);
    }
}

/// 3.10: if the target does not lead after about an election timeout, the prior leader goes on with its clients.
#[test]
fn transfer_that_fails_is_given_up() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("timeout_now");
    cluster.on(1, |raw| raw.transfer_leader(NodeId(3))).unwrap();
    cluster.pass(ELECTION);
    assert!(cluster.leads(1));
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.applied(3), ["a"]);
}

/// 3.10: the target must be able to lead; one transfer at a time.
#[test]
fn transfer_that_makes_no_sense_is_refused() {
    let mut cluster = Cluster::with_learners(2, 1);
    cluster.elect(1);
    let mut transfer = |to| cluster.on(1, |raw| raw.transfer_leader(NodeId(to)));
    assert_eq!(transfer(1), Err(TransferError::AlreadyLeader));
    assert_eq!(transfer(3), Err(TransferError::NotVoter { to: NodeId(3) }));
    assert_eq!(transfer(2), Ok(()));
    assert_eq!(transfer(2), Err(TransferError::InProgress { to: NodeId(2) }));
}

/// 3.10: a leadership that is handed over loses nothing that was committed.
#[test]
fn transfers_in_turn_lose_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for (from, to) in [(1, 2), (2, 3), (3, 1)] {
        cluster.propose(from, &from.to_string());
        cluster.on(from, |raw| raw.transfer_leader(NodeId(to))).unwrap();
        cluster.pass(3);
        assert_eq!(cluster.leader(), Some(to));
    }
    assert_eq!(cluster.applied(2), ["1", "2", "3"]);
    cluster.assert_agreement();
}

/// 3.8: who was down while others voted votes on from what it had written.
#[test]
fn restarted_voter_votes_in_newer_terms_only() {
    let mut cluster = Cluster::of(3);
    cluster.restart_with(1, 4, Some(2), 0);
    for (term, granted) in [(4, false), (5, true)] {
        cluster.step(envelope(3, 1, term, vote_request(EntryId::ZERO)));
        assert_eq!(cluster.take_said(), [format!("n1@{term} → n3 VoteResponse granted={granted}")]);
    }
}

//! §5.5, crashes of followers and candidates; §5.6, timing and availability.

use harness::{Cluster, envelope, kind, run_after};
use quorate::{Config, ConfigError, EntryId, NodeId, RawNode};

use crate::messages::{ELECTION, append, no_pre_vote, vote_request};

/// §5.5: requests to a server that has crashed are sent again until it is back.
#[test]
fn crashed_follower_gets_its_entries_when_it_is_back() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, "a");
    cluster.pass(5);
    cluster.restart(3);
    cluster.pass(5);
    assert_eq!(cluster.applied(3), ["a"]);
}

/// §5.5: one that crashed after it wrote and before it answered gets the same append again, and it does no harm.
#[test]
fn crash_between_write_and_answer_does_no_harm() {
    let mut cluster = Cluster::of(2);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| kind(m) == "append_request");
    cluster.lose_in_flight();
    cluster.crash(2);
    cluster.restart(2);
    assert_eq!((cluster.terms(2).len(), cluster.committed(1)), (2, 1));
    cluster.pass(5);
    assert_eq!((cluster.terms(2).len(), cluster.committed(1)), (2, 2));
    cluster.assert_agreement();
}

/// §5.5: an append that comes twice leaves the log as it was after the first time.
#[test]
fn append_is_idempotent() {
    let mut cluster = Cluster::of(3);
    for _ in 0..3 {
        cluster.step(append(1, 1, EntryId::ZERO, run_after(0, &[1, 1]), 0));
        assert_eq!(cluster.terms(1), [1, 1]);
        assert_eq!(cluster.take_said(), ["n1@1 → n2 AppendAccepted matched=2"]);
    }
}

/// §5.5: a request for a vote that comes after a crash, again, gets the same answer.
#[test]
fn request_for_a_vote_is_idempotent_over_a_crash() {
    let mut cluster = Cluster::of(3);
    for _ in 0..2 {
        cluster.step(envelope(2, 1, 1, vote_request(EntryId::ZERO)));
        assert_eq!(cluster.take_said(), ["n1@1 → n2 VoteResponse granted=true"]);
        cluster.crash(1);
        cluster.restart(1);
    }
}

/// §5.5: a candidate that crashes is no trouble: others time out and stand.
#[test]
fn crashed_candidate_is_replaced() {
    let mut cluster = no_pre_vote(3);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.deliver(|m| kind(m) == "vote_request");
    cluster.crash(1);
    cluster.pass(10 * ELECTION);
    assert!(matches!(cluster.leader(), Some(2 | 3)));
}

/// §5.6: safety does not depend on timing: whatever comes late, in whatever order, the logs agree.
#[test]
fn late_and_reordered_messages_do_no_harm() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for text in ["a", "b", "c"] {
        cluster.propose(1, text);
    }
    while !cluster.network.in_flight.is_empty() {
        // Newest first, and each of them twice.
        let newest = cluster.network.in_flight.pop_back().unwrap();
        cluster.step(newest.clone());
        cluster.step(newest);
    }
    cluster.pass(5);
    assert_eq!(cluster.applied(3), ["a", "b", "c"]);
    cluster.assert_agreement();
}

/// §5.6: availability does depend on it: where messages take longer than an election timeout, nobody leads for long.
#[test]
fn no_leader_without_timely_messages() {
    let mut cluster = no_pre_vote(3);
    for _ in 0..10 {
        for id in 1..=3 {
            cluster.tick(id, 2 * ELECTION);
        }
        // What was said is older than the term of whoever hears it.
        cluster.deliver(|_| true);
        assert_eq!(cluster.leader(), None);
    }
    cluster.pass(10 * ELECTION);
    assert!(cluster.leader().is_some(), "with timely ones, somebody does");
}

/// §5.6: the time of a broadcast must be well below the election timeout; a configuration that cannot be is refused.
#[test]
fn election_timeout_below_the_heartbeat_is_refused() {
    for (election_ticks, heartbeat_ticks) in [(1, 1), (3, 5)] {
        let mut config = Config::new(NodeId(1), 1);
        (config.election_ticks, config.heartbeat_ticks) = (election_ticks, heartbeat_ticks);
        assert!(matches!(config.validate(), Err(ConfigError::ElectionNotAfterHeartbeat { .. })));
    }
}

/// §5.6: when the leader fails, the cluster is without one for about an election timeout.
#[test]
fn cluster_is_without_a_leader_for_a_few_timeouts_at_most() {
    for seed in 0..20 {
        let mut cluster = Cluster::with_config(5, |config| config.seed = seed * 100 + config.id.0);
        cluster.elect(1);
        cluster.crash(1);
        cluster.pass(6 * ELECTION);
        assert!(cluster.leader().is_some(), "seed {seed}");
    }
}

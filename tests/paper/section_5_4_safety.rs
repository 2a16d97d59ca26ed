//! §5.4, Safety: who may be elected, and what may be counted; and the argument of §5.4.3, played.

use harness::{Cluster, envelope, kind};
use quorate::{EntryId, Message, RawNode};

use crate::messages::{accepted, vote_request};

/// §5.4.1: a voter refuses whoever has an older log: the later last term wins, then the longer log.
#[test]
fn vote_is_refused_to_a_log_that_is_behind() {
    let cases: [(&[u64], EntryId, bool); 7] = [
        (&[1], EntryId::new(1, 1), true),
        (&[1], EntryId::new(1, 2), true),
        (&[1, 1], EntryId::new(1, 1), false),
        (&[1], EntryId::new(2, 1), true),
        (&[1, 1], EntryId::new(2, 1), true),
        (&[2], EntryId::new(1, 1), false),
        (&[2], EntryId::new(1, 9), false),
    ];
    for (log, last, granted) in cases {
        let mut cluster = Cluster::with_logs(&[log, &[], &[]]);
        cluster.step(envelope(2, 1, 3, vote_request(last)));
        assert_eq!(
            cluster.take_said(),
            [format!("n1@3 → n2 VoteResponse granted={granted}")],
            "{log:?} {last}"
        );
        cluster.step(envelope(2, 1, 4, Message::PreVoteRequest { last, priority: 0, committed: None }));
        let said = cluster.take_said();
        assert!(said[0].ends_with(&format!("PreVoteResponse granted={granted}")), "{said:?}");
    }
}

/// §5.4.1: entries flow from leaders to followers only; a new leader fetches nothing.
#[test]
fn entries_flow_from_the_leader_only() {
    let mut cluster = Cluster::with_logs(&[&[1], &[1, 1], &[1]]);
    cluster.isolate(2);
    cluster.elect(1);
    cluster.heal();
    cluster.pass(3);
    assert_eq!(cluster.terms(1), [1, 2]);
    assert_eq!(cluster.terms(2), [1, 2]);
}

/// §5.4.1: the comparison is with the voter's log as it is, whether committed or not.
#[test]
fn uncommitted_entries_count_in_the_comparison() {
    let mut cluster = Cluster::with_logs(&[&[1], &[1, 1], &[1, 1]]);
    assert_eq!(cluster.committed(2), 0);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.settle();
    assert!(!cluster.leads(1));
}

/// §5.4.2: a leader counts no copies of entries of earlier terms.
#[test]
fn copies_of_older_entries_are_not_counted() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[1, 1], &[1, 1]]);
    cluster.lose("append_request");
    cluster.elect(1);
    for follower in [2, 3] {
        cluster.step(envelope(follower, 1, 2, accepted(2)));
    }
    assert_eq!(cluster.committed(1), 0, "all three hold 2@1");
    cluster.step(envelope(2, 1, 2, accepted(3)));
    assert_eq!(cluster.committed(1), 3);
}

/// §5.4.2: entries keep their terms when a later leader replicates them.
#[test]
fn older_entries_keep_their_terms() {
    let mut cluster = Cluster::with_logs(&[&[1, 2, 2], &[1], &[1]]);
    cluster.elect(1);
    cluster.settle();
    assert_eq!(cluster.terms(3), [1, 2, 2, 3]);
}

/// §5.4.3: of the majority that accepted an entry and the majority that elects, one server is in both, and refuses.
#[test]
fn voter_in_both_majorities_refuses_whoever_lacks_the_entry() {
    for holder in 2..=5 {
        // n1 and two others hold what n1 has committed; the candidate lacks it.
        let mut cluster = Cluster::of(5);
        cluster.elect(1);
        let holders = [holder, holder % 4 + 2];
        let candidate = (2..=5).find(|id| !holders.contains(id)).unwrap();
        cluster.propose(1, "a");
        cluster.deliver(|m| holders.contains(&m.to.0));
        cluster.deliver(|m| m.to.0 == 1);
        assert_eq!(cluster.committed(1), 2);
        cluster.crash(1);
        cluster.outwait_leader(&[2, 3, 4, 5]);
        cluster.on(candidate, RawNode::campaign).unwrap();
        cluster.settle();
        assert!(!cluster.leads(candidate), "held by 1 and {holders:?}");
        cluster.outwait_leader(&[2, 3, 4, 5]);
        cluster.elect(holder);
        assert_eq!(cluster.applied(candidate), ["a"]);
    }
}

/// §5.4.3: an entry is acknowledged in the term of the vote at the latest: a voter that has moved on accepts no more.
#[test]
fn voter_that_has_voted_in_a_newer_term_accepts_no_older_append() {
    let mut cluster =
        Cluster::with_config(3, |config| (config.pre_vote, config.check_quorum) = (false, false));
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.on(2, RawNode::campaign).unwrap();
    cluster.deliver(|m| kind(m) == "vote_request" && m.to.0 == 3);
    cluster.deliver(|m| kind(m) == "append_request" && m.to.0 == 3);
    assert_eq!((cluster.term(3), cluster.terms(3)), (2, vec![1]));
    assert!(cluster.take_said().iter().all(|line| !line.contains("matched=2")));
}

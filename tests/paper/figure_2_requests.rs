//! Figure 2, RequestVote RPC and AppendEntries RPC: what is asked, and what is answered.

use harness::{Cluster, envelope, run_after};
use quorate::{Entries, EntryId, Message, RawNode, RoleKind};

use crate::messages::{append, empty_append, no_pre_vote, vote_request};

/// Either RPC, 1: a request with a stale term is refused; the answer carries the newer one.
/// Deviation: an append is refused by the answer to a heartbeat.
#[test]
fn request_of_an_older_term_is_refused() {
    for request in [
        empty_append(),
        vote_request(EntryId::new(9, 9)),
        Message::PreVoteRequest { last: EntryId::ZERO, priority: 0, committed: None },
    ] {
        let mut cluster = Cluster::with_logs(&[&[1, 5], &[1], &[1]]);
        cluster.step(envelope(2, 1, 3, request));
        let said = cluster.take_said();
        assert!(said.len() == 1 && said[0].starts_with("n1@5 → n2"), "{said:?}");
        assert!(!said[0].contains("Accepted") && !said[0].contains("granted=true"), "{said:?}");
        assert_eq!((cluster.term(1), cluster.terms(1)), (5, vec![1, 5]));
    }
}

/// RequestVote, arguments: the candidate's term and itself, and the index and term of its last entry.
#[test]
fn vote_request_names_term_candidate_and_last_entry() {
    let mut cluster = Cluster::with_logs_and_config(&[&[1, 3], &[]], |config| config.pre_vote = false);
    cluster.on(1, RawNode::campaign).unwrap();
    assert_eq!(cluster.take_said(), ["n1@4 → n2 VoteRequest last=2@3"]);
}

/// RequestVote, results: the term, from which a candidate that is behind learns that it is.
#[test]
fn candidate_learns_a_newer_term_from_a_refusal() {
    let mut cluster = no_pre_vote(3);
    cluster.restart_with(2, 6, None, 0);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.deliver(|m| m.to.0 == 2);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 6));
}

/// RequestVote 2: whoever got the vote gets it again when it asks again.
#[test]
fn vote_is_given_again_to_the_same_candidate() {
    let mut cluster = Cluster::of(3);
    for _ in 0..2 {
        cluster.step(envelope(2, 1, 1, vote_request(EntryId::ZERO)));
        assert_eq!(cluster.take_said(), ["n1@1 → n2 VoteResponse granted=true"]);
    }
}

/// RequestVote 2: a vote is free or it is not, whatever the second candidate's log.
#[test]
fn vote_goes_to_the_first_who_asks() {
    let mut cluster = Cluster::of(3);
    cluster.step(envelope(2, 1, 1, vote_request(EntryId::ZERO)));
    cluster.step(envelope(3, 1, 1, vote_request(EntryId::new(1, 9))));
    cluster.step(envelope(3, 1, 2, vote_request(EntryId::new(1, 9))));
    let expected = [
        "n1@1 → n2 VoteResponse granted=true",
        "n1@1 → n3 VoteResponse granted=false",
        "n1@2 → n3 VoteResponse granted=true",
    ];
    assert_eq!(cluster.take_said(), expected);
}

/// AppendEntries, arguments: the entry before the new ones, the new ones, and the leader's commit index.
#[test]
fn append_names_previous_entries_and_commit() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    let said = cluster.take_said();
    assert!(said[0].starts_with("n1@1 → n2 AppendRequest previous=1@1 entries="), "{said:?}");
    assert!(said[0].contains("2@1") && said[0].ends_with("commit=1"), "{said:?}");
}

/// AppendEntries, results: the term, from which a leader that was replaced learns that it was.
#[test]
fn leader_learns_a_newer_term_from_a_refusal() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.restart_with(2, 6, None, 0);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleKind::Follower, 6));
}

/// AppendEntries 2: a follower that does not hold the previous entry refuses.
#[test]
fn append_is_refused_where_the_previous_entry_differs() {
    let cases = [
        (EntryId::ZERO, "AppendAccepted matched=0"),
        (EntryId::new(1, 1), "AppendAccepted matched=1"),
        (EntryId::new(2, 2), "AppendAccepted matched=2"),
        (EntryId::new(1, 2), "AppendRejected rejected=2 hint=1@1"),
        (EntryId::new(3, 2), "AppendRejected rejected=2 hint=2@2"),
        (EntryId::new(3, 3), "AppendRejected rejected=3 hint=2@2"),
    ];
    for (previous, expected) in cases {
        let mut cluster = Cluster::with_logs(&[&[1, 2], &[], &[]]);
        cluster.step(append(1, 4, previous, Entries::EMPTY, 0));
        assert_eq!(cluster.take_said(), [format!("n1@4 → n2 {expected}")]);
    }
}

/// AppendEntries 2: a refused append changes neither the log nor the commit index.
#[test]
fn refused_append_changes_nothing() {
    let mut cluster = Cluster::with_logs(&[&[1, 2], &[], &[]]);
    cluster.step(append(1, 4, EntryId::new(3, 3), run_after(3, &[4]), 4));
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![1, 2], 0));
}

/// AppendEntries 3 and 4: a conflicting entry is deleted with all that follow it; what is there already stays.
#[test]
fn only_what_conflicts_is_deleted() {
    let cases: [(EntryId, &[u64], &[u64]); 6] = [
        (EntryId::new(2, 2), &[3], &[1, 2, 3]),
        (EntryId::new(1, 1), &[3, 4], &[1, 3, 4]),
        (EntryId::ZERO, &[1], &[1, 2]),
        (EntryId::ZERO, &[3], &[3]),
        (EntryId::new(1, 1), &[2, 3], &[1, 2, 3]),
        (EntryId::new(1, 1), &[], &[1, 2]),
    ];
    for (previous, new, expected) in cases {
        let mut cluster = Cluster::with_logs(&[&[1, 2], &[], &[]]);
        cluster.step(append(1, 4, previous, run_after(previous.index.0, new), 0));
        assert_eq!(cluster.terms(1), expected, "{new:?} after {previous}");
    }
}

/// AppendEntries 4: what is acknowledged ends with the request's last entry, not with the follower's.
#[test]
fn acknowledgement_names_the_last_new_entry() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1, 1], &[], &[]]);
    cluster.step(append(1, 1, EntryId::new(1, 1), run_after(1, &[1]), 0));
    assert_eq!(cluster.take_said(), ["n1@1 → n2 AppendAccepted matched=2"]);
}

/// AppendEntries 5: the commit index becomes the leader's, but not more than the last new entry.
#[test]
fn commit_index_stops_at_the_last_new_entry() {
    for (new, commit, expected) in [(&[1, 1][..], 2, 2), (&[1, 1], 9, 3), (&[], 9, 1), (&[1], 1, 1)] {
        let mut cluster = Cluster::with_logs(&[&[1, 1, 1, 1], &[], &[]]);
        cluster.step(append(1, 1, EntryId::new(1, 1), run_after(1, new), commit));
        assert_eq!(cluster.committed(1), expected, "{new:?} and commit {commit}");
    }
}

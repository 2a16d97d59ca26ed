//! Figure 3: the five properties that hold at any time.

use harness::{Cluster, kind, run_after};
use quorate::{EntryId, RawNode};

use crate::messages::{append, no_pre_vote};

/// Election Safety: at most one leader is elected in a term, also when all stand at once.
#[test]
fn at_most_one_leads_a_term_when_all_stand_at_once() {
    let mut cluster = no_pre_vote(5);
    for _ in 0..20 {
        for id in 1..=5 {
            drop(cluster.on(id, RawNode::campaign));
        }
        cluster.settle();
        let mut terms: Vec<_> =
            cluster.ids().filter(|id| cluster.leads(*id)).map(|id| cluster.term(id)).collect();
        terms.dedup();
        assert_eq!(terms.len(), cluster.ids().filter(|id| cluster.leads(*id)).count());
        cluster.take_said();
    }
    assert!(cluster.network.take(|m| kind(m) == "vote_request").is_empty());
}

/// Election Safety: a second leader of the same term would be no correct node, and is refused.
#[test]
fn second_leader_of_a_term_is_refused() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.step(append(1, 1, EntryId::new(1, 1), run_after(1, &[1]), 0));
    assert_eq!(cluster.refused.len(), 1);
    assert!(cluster.leads(1) && cluster.terms(1) == [1]);
}

/// Election Safety: a crash does not make a server forget its vote, and vote twice.
#[test]
fn vote_survives_a_crash() {
    let mut cluster = no_pre_vote(3);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.deliver(|m| m.to.0 == 3);
    cluster.crash(3);
    cluster.restart(3);
    cluster.lose_in_flight();
    cluster.on(2, RawNode::campaign).unwrap();
    cluster.deliver(|m| m.to.0 == 3);
    assert_eq!(cluster.take_said().last().unwrap(), "n3@1 → n2 VoteResponse granted=false");
}

/// Leader Append-Only: a new leader keeps all that it had, also what nobody else has.
#[test]
fn leader_only_appends() {
    let mut cluster = Cluster::with_logs(&[&[1, 2, 2, 3], &[1], &[1, 2]]);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.terms(1), [1, 2, 2, 3, 4, 4]);
}

/// Log Matching: one term's leader puts one entry at an index, and it stays there under that name.
#[test]
fn entries_of_equal_index_and_term_hold_the_same_command() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for text in ["a", "b"] {
        cluster.propose(1, text);
        cluster.settle();
    }
    assert_eq!(cluster.last_on_disk(2), cluster.last_on_disk(3));
    assert_eq!((cluster.applied(2), cluster.applied(3)), (cluster.applied(1), cluster.applied(1)));
}

/// Log Matching: logs that hold the same entry are equal up to there, since an append checks the one before.
#[test]
fn append_never_leaves_a_gap_or_a_seam() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[], &[]]);
    cluster.step(append(1, 3, EntryId::new(1, 4), run_after(4, &[3]), 0));
    assert_eq!(cluster.terms(1), [1, 1], "no gap");
    cluster.step(append(1, 3, EntryId::new(2, 2), run_after(2, &[3]), 0));
    assert_eq!(cluster.terms(1), [1, 1], "no seam between 2@1 and what follows 2@2");
    cluster.step(append(1, 3, EntryId::new(1, 1), run_after(1, &[2, 3]), 0));
    assert_eq!(cluster.terms(1), [1, 2, 3]);
}

/// Leader Completeness: what was committed is in the log of every later leader.
#[test]
fn node_without_a_committed_entry_is_not_elected() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.crash(1);
    cluster.heal();
    cluster.pass(100);
    assert_eq!(cluster.leader(), Some(2));
    assert_eq!(cluster.applied(3), ["a"]);
}

/// Leader Completeness: through many leaders, one after another, nothing that was committed is lost.
#[test]
fn every_leader_in_turn_has_what_was_committed() {
    let mut cluster = Cluster::of(5);
    for id in 1..=5 {
        cluster.outwait_leader(&[1, 2, 3, 4, 5]);
        drop(cluster.on(id, RawNode::campaign));
        cluster.settle();
        cluster.propose(cluster.leader().unwrap(), &id.to_string());
        cluster.settle();
    }
    assert_eq!(cluster.applied(3), ["1", "2", "3", "4", "5"]);
    cluster.assert_agreement();
}

/// State Machine Safety: no other entry is ever applied at an index where a server has applied one.
#[test]
fn what_one_has_applied_all_others_apply() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to.0 == 2);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.applied(1), ["a"]);
    cluster.crash(1);
    cluster.lose_in_flight();
    cluster.outwait_leader(&[2, 3]);
    // n3, which lacks it, cannot put another in its place.
    cluster.on(3, RawNode::campaign).unwrap();
    cluster.settle();
    assert!(!cluster.leads(3));
    cluster.pass(60);
    cluster.propose(2, "b");
    cluster.settle();
    assert_eq!(cluster.applied(3), ["a", "b"]);
}

//! Figure 7: followers whose logs differ from a new leader's. Figure 8: why old entries are not counted.

use harness::{Cluster, envelope, kind, run_after};
use quorate::{EntryId, LogIndex, Message, RawNode};

const LEADER: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
const A: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6];
const B: &[u64] = &[1, 1, 1, 4];
const C: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6];
const D: &[u64] = &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7];
const E: &[u64] = &[1, 1, 1, 4, 4, 4, 4];
const F: &[u64] = &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3];

/// The leader comes to power in term 8 without this follower's help, and then reaches it.
fn becomes_equal(follower: &[u64]) {
    let mut cluster = Cluster::with_logs(&[LEADER, follower, &[]]);
    cluster.restart_with(1, 7, None, 0);
    cluster.isolate(2);
    cluster.elect(1);
    assert_eq!(cluster.term(1), 8);
    cluster.heal();
    cluster.pass(5);
    assert_eq!(cluster.terms(2), [LEADER, &[8]].concat());
    cluster.assert_agreement();
}

/// (a): it lacks the last entry.
#[test]
fn figure_7_a_follower_that_lacks_one_entry_gets_it() {
    becomes_equal(A);
}

/// (b): it lacks many entries, of several terms.
#[test]
fn figure_7_b_follower_that_lacks_many_gets_them() {
    becomes_equal(B);
}

/// (c): it has one entry more of the leader's last term, which was not committed.
#[test]
fn figure_7_c_follower_with_one_too_many_loses_it() {
    becomes_equal(C);
}

/// (d): it has two entries of a term of which the leader knows nothing.
#[test]
fn figure_7_d_follower_with_a_later_term_loses_it() {
    becomes_equal(D);
}

/// (e): it both lacks entries, and has others in their place.
#[test]
fn figure_7_e_follower_that_lacks_and_has_others_is_put_right() {
    becomes_equal(E);
}

/// (f): it led two terms, and committed nothing in either.
#[test]
fn figure_7_f_former_leader_of_two_terms_is_put_right() {
    becomes_equal(F);
}

/// All six at once: those whose logs are not ahead elect the leader; (c) and (d) refuse it.
#[test]
fn figure_7_leader_is_elected_by_those_not_ahead_of_it() {
    let logs = [LEADER, A, B, C, D, E, F];
    let mut cluster = Cluster::with_logs_and_config(&logs, |config| config.pre_vote = false);
    cluster.restart_with(1, 7, None, 0);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.deliver(|m| kind(m) == "vote_request");
    let refused: Vec<_> = cluster
        .network
        .in_flight
        .iter()
        .filter(|m| m.to_string().ends_with("=false"))
        .map(|m| m.from.0)
        .collect();
    assert_eq!(refused, [4, 5]);
    cluster.settle();
    assert!(cluster.leads(1));
    cluster.assert_agreement();
}

/// (a): S1 leads term 2, and its entry has come as far as S2. The entry is the blank one that opens the term.
fn frame_a() -> Cluster {
    let mut cluster = Cluster::with_logs_and_config(&[&[1], &[1], &[1], &[1], &[1]], |config| {
        (config.pre_vote, config.check_quorum) = (false, false);
    });
    stand(&mut cluster, 1);
    cluster.deliver(|m| m.to.0 == 2);
    cluster.lose_in_flight();
    cluster
}

/// (b): S1 is gone; S5 leads term 3, and its entry stays alone.
fn frame_b() -> Cluster {
    let mut cluster = frame_a();
    cluster.crash(1);
    stand(&mut cluster, 5);
    cluster.lose_in_flight();
    cluster
}

/// (c): S5 is gone; S1 is back, leads term 4, and brings its old entry to S3, and its new one nowhere.
fn frame_c() -> Cluster {
    let mut cluster = frame_b();
    cluster.crash(5);
    cluster.restart_with(1, 3, None, 0);
    stand(&mut cluster, 1);
    cluster.lose_in_flight();
    for follower in [2, 3] {
        let (previous, entries) = (EntryId::new(1, 1), run_after(1, &[2]));
        let message = Message::AppendRequest { previous, entries, commit: LogIndex::ZERO };
        cluster.step(envelope(1, follower, 4, message));
    }
    cluster.deliver(|m| kind(m) == "append_accepted");
    cluster.lose_in_flight();
    cluster
}

/// Stands, and is elected; what it then sends is on the network.
fn stand(cluster: &mut Cluster, id: u64) {
    cluster.on(id, RawNode::campaign).unwrap();
    cluster.deliver(|m| kind(m) == "vote_request");
    cluster.deliver(|m| kind(m) == "vote_response");
    assert!(cluster.leads(id));
}

/// (a): the leader's entry on two of five servers is not committed.
#[test]
fn figure_8_a_entry_on_a_minority_is_not_committed() {
    let cluster = frame_a();
    assert_eq!((cluster.terms(1), cluster.terms(2), cluster.terms(3)), (vec![1, 2], vec![1, 2], vec![1]));
    assert_eq!((cluster.term(1), cluster.committed(1)), (2, 0));
}

/// (b): a server that lacks that entry is elected by those who lack it too.
#[test]
fn figure_8_b_server_without_the_entry_is_elected() {
    let cluster = frame_b();
    assert_eq!((cluster.terms(5), cluster.term(5)), (vec![1, 3], 3));
    assert!(cluster.leads(5));
}

/// (c): the old entry is on a majority now, and the leader of a later term does not count that as committed.
#[test]
fn figure_8_c_old_entry_on_a_majority_is_not_committed() {
    let cluster = frame_c();
    assert_eq!(
        (cluster.terms(1), cluster.terms(2), cluster.terms(3)),
        (vec![1, 2, 4], vec![1, 2], vec![1, 2])
    );
    assert_eq!((cluster.term(1), cluster.committed(1)), (4, 0));
}

/// (d): for S5 may still be elected, and replace it everywhere.
#[test]
fn figure_8_d_old_entry_on_a_majority_may_be_replaced() {
    let mut cluster = frame_c();
    cluster.crash(1);
    cluster.restart_with(5, 4, None, 0);
    cluster.elect(5);
    cluster.restart(1);
    cluster.pass(5);
    for id in 1..=5 {
        assert_eq!(cluster.terms(id), [1, 3, 5], "S{id}");
    }
    cluster.assert_agreement();
}

/// (e): but with an entry of its own term on a majority both are committed, and S5 cannot be elected.
#[test]
fn figure_8_e_entry_of_the_own_term_protects_the_old_one() {
    let mut cluster = frame_c();
    cluster.isolate(4);
    cluster.pass(5);
    assert_eq!((cluster.terms(3), cluster.committed(1)), (vec![1, 2, 4], 3));
    cluster.crash(1);
    cluster.heal();
    cluster.restart_with(5, 4, None, 0);
    cluster.on(5, RawNode::campaign).unwrap();
    cluster.settle();
    assert!(!cluster.leads(5));
    assert_eq!(cluster.terms(3), [1, 2, 4]);
}

//! Chapter 4.1: membership changes of one server at a time.

use harness::{Cluster, envelope, run_after};
use quorate::{
    ChangeStep::{AddLearner, AddVoter, Remove},
    ConfChange, ConfChangeError, EntryId, LogIndex, Message, NodeId, RawNode, RoleKind,
};

use crate::messages::{ELECTION, append, vote_request};

/// 4.1: a change of one server needs no joint configuration, since old and new majorities overlap.
#[test]
fn change_of_one_voter_is_made_at_once() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    for (step, expected) in [
        (AddVoter(NodeId(4)), "voters=[n1 n2 n3 n4]"),
        (Remove(NodeId(2)), "voters=[n1 n3 n4]"),
        (AddLearner(NodeId(2)), "voters=[n1 n3 n4] learners=[n2]"),
    ] {
        cluster.change_by(1, step);
        assert_eq!(cluster.membership(1), expected);
    }
}

/// 4.1: with the fourth voter a majority is three.
#[test]
fn added_voter_counts() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.change_by(1, AddVoter(NodeId(4)));
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to.0 == 2);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.applied(1).len(), 0, "two of four");
    cluster.deliver(|m| m.to.0 == 4);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.applied(1), ["a"]);
}

/// 4.1: a removed voter counts no more, and gets no more entries.
#[test]
fn removed_voter_neither_counts_nor_receives() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_by(1, Remove(NodeId(3)));
    cluster.refused.clear();
    cluster.propose(1, "a");
    assert!(cluster.network.in_flight.iter().all(|m| m.to.0 == 2));
    cluster.step(envelope(3, 1, 1, Message::AppendAccepted { matched: LogIndex(3) }));
    assert_eq!((cluster.applied(1).len(), cluster.refused.len()), (0, 1));
}

/// 4.1: one change at a time: another is refused until the one before is committed, and here also applied.
#[test]
fn second_change_waits_for_the_first() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.try_change(1, &ConfChange::single(AddVoter(NodeId(4)))).unwrap();
    let second = ConfChange::single(AddVoter(NodeId(5)));
    assert!(matches!(cluster.try_change(1, &second), Err(ConfChangeError::InFlight { .. })));
    cluster.settle();
    assert!(cluster.try_change(1, &second).is_ok());
}

/// 4.1, as mended after publication: no change before the leader has committed an entry of its own term.
#[test]
fn change_waits_for_a_commit_in_the_own_term() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.lose("append_accepted");
    cluster.elect(1);
    let change = ConfChange::single(AddVoter(NodeId(4)));
    assert_eq!(cluster.try_change(1, &change), Err(ConfChangeError::TermNotCommitted));
    cluster.heal();
    cluster.pass(5);
    assert!(cluster.try_change(1, &change).is_ok());
}

/// 4.1: so two leaders, one after another, cannot make two changes from the same configuration.
#[test]
fn change_of_a_deposed_leader_is_replaced() {
    let mut cluster = Cluster::with_spares(4, 1);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.try_change(1, &ConfChange::single(AddVoter(NodeId(5)))).unwrap();
    cluster.outwait_leader(&[2, 3, 4]);
    cluster.elect(2);
    cluster.change_by(2, Remove(NodeId(1)));
    assert_eq!(cluster.membership(2), "voters=[n2 n3 n4]");
    cluster.heal();
    cluster.pass(5);
    assert_eq!(cluster.membership(1), "voters=[n1 n2 n3 n4]", "its own change never came into force");
}

/// 4.1: only a leader changes the membership.
#[test]
fn follower_refuses_a_change() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let refused = cluster.try_change(2, &ConfChange::single(Remove(NodeId(3))));
    assert_eq!(refused, Err(ConfChangeError::NotLeader { leader: Some(NodeId(1)) }));
}

/// 4.1: a server accepts appends from a leader that is not in its configuration; else none could ever be added.
#[test]
fn append_of_an_unknown_leader_is_accepted() {
    let mut cluster = Cluster::of(1);
    cluster.step(append(1, 3, EntryId::ZERO, run_after(0, &[3]), 0));
    assert_eq!((cluster.terms(1), cluster.status(1).leader), (vec![3], Some(NodeId(2))));
}

/// 4.1: and votes for a candidate that is not in its configuration, whose change it may not have seen.
#[test]
fn unknown_candidate_gets_a_vote() {
    let mut cluster = Cluster::of(3);
    cluster.step(envelope(9, 1, 1, vote_request(EntryId::ZERO)));
    assert_eq!(cluster.take_said(), ["n1@1 → n9 VoteResponse granted=true"]);
}

/// 4.1: a server that is told votes, also if it does not think itself a voter.
#[test]
fn server_outside_its_configuration_votes_when_asked() {
    let mut cluster = Cluster::with_learners(2, 1);
    cluster.step(envelope(2, 3, 1, vote_request(EntryId::ZERO)));
    assert_eq!(cluster.take_said(), ["n3@1 → n2 VoteResponse granted=true"]);
}

/// 4.1: but it stands in no election by itself.
#[test]
fn server_outside_its_configuration_does_not_stand() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_by(1, Remove(NodeId(3)));
    // The removed one learns of it from a copy of the log.
    let notice = Message::CommitNotice { commit: LogIndex(2) };
    cluster.step(envelope(1, 3, 1, notice));
    assert_eq!(cluster.membership(3), "voters=[n1 n2]");
    cluster.tick(3, 10 * ELECTION);
    assert_eq!((cluster.role(3), cluster.take_said().len()), (RoleKind::Follower, 0));
}

/// 4.1: deviation, for a change is in force when applied: who has a committed one to apply does not stand before.
#[test]
fn nobody_stands_with_a_change_to_apply() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.hold_writes(2);
    cluster.try_change(1, &ConfChange::single(AddVoter(NodeId(4)))).unwrap();
    cluster.settle();
    cluster.finish_write(2);
    cluster.settle();
    cluster.finish_write(2);
    assert_eq!((cluster.committed(2), cluster.status(2).applied), (2, LogIndex(1)));
    let refused = cluster.on(2, RawNode::campaign);
    assert!(matches!(refused, Err(quorate::CampaignError::UnappliedChange)), "{refused:?}");
}

/// 4.1: the membership is found again after a restart of all, in the log.
#[test]
fn membership_survives_a_restart_of_all() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.change_by(1, AddVoter(NodeId(4)));
    (1..=4).for_each(|id| cluster.crash(id));
    (1..=4).for_each(|id| cluster.restart(id));
    cluster.lose_in_flight();
    // Each applies the change, which it knows to be committed, before it stands.
    cluster.settle();
    cluster.elect(1);
    assert!((1..=4).all(|id| cluster.membership(id) == "voters=[n1 n2 n3 n4]"));
}

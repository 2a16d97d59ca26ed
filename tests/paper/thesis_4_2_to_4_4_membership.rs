//! Chapter 4.2 to 4.4: what keeps the cluster available while its membership changes, and arbitrary changes.

use harness::{Cluster, envelope, kind};
use quorate::{
    ChangeError,
    ChangeStep::{AddLearner, AddVoter, Remove},
    ConfChange, ConfChangeError, EntryId, NodeId, RoleKind, Transition,
};

use crate::messages::{ELECTION, vote_request};

/// 4.2.1: a server that was added with an empty log leaves the cluster unable to commit if another fails; a learner does not.
#[test]
fn learner_that_catches_up_costs_no_availability() {
    for (step, committed) in [(AddLearner(NodeId(4)), true), (AddVoter(NodeId(4)), false)] {
        let mut cluster = Cluster::with_spares(3, 1);
        cluster.elect(1);
        cluster.isolate(4);
        cluster.change_by(1, step);
        cluster.crash(3);
        cluster.propose(1, "a");
        cluster.settle();
        assert_eq!(cluster.applied(1).len() == 1, committed, "{step:?}");
    }
}

/// 4.2.2: a leader that is removed steps down when that is committed, and another is elected without it.
#[test]
fn removed_leader_steps_down() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_by(1, Remove(NodeId(1)));
    assert_eq!(cluster.role(1), RoleKind::Follower);
    cluster.pass(10 * ELECTION);
    assert!(matches!(cluster.leader(), Some(2 | 3)));
    assert_eq!(cluster.status(2).membership, cluster.status(3).membership);
}

/// 4.2.2: the leader replicates the entry that removes it, and leads until a majority has it.
#[test]
fn removed_leader_leads_until_the_change_is_committed() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.try_change(1, &ConfChange::single(Remove(NodeId(1)))).unwrap();
    cluster.propose(1, "a");
    assert!(cluster.leads(1) && cluster.committed(1) == 1);
    cluster.deliver(|m| m.to.0 == 3);
    cluster.deliver(|m| m.to.0 == 1);
    assert!(!cluster.leads(1) && cluster.committed(1) >= 2);
}

/// 4.2.2: or leadership is transferred first, and then the former leader is removed like any other.
#[test]
fn leader_may_hand_over_before_it_is_removed() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.on(1, |raw| raw.transfer_leader(NodeId(2))).unwrap();
    cluster.settle();
    cluster.change_by(2, Remove(NodeId(1)));
    assert_eq!((cluster.leader(), cluster.term(2)), (Some(2), 2));
}

/// 4.2.2: a leader that was demoted does not vote either, and goes.
#[test]
fn demoted_leader_steps_down() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_by(1, AddLearner(NodeId(1)));
    assert_eq!(
        (cluster.role(1), cluster.membership(1)),
        (RoleKind::Follower, "voters=[n2 n3] learners=[n1]".into())
    );
}

/// 4.2.3: who has heard from a leader within the least election timeout does not vote, and keeps its term.
#[test]
fn nobody_votes_while_the_leader_is_alive() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.step(envelope(3, 2, 9, vote_request(EntryId::new(8, 8))));
    assert_eq!((cluster.term(2), cluster.take_said().len()), (1, 0));
}

/// 4.2.3: the leader itself is not moved by such a request, as long as it has a majority.
#[test]
fn leader_is_not_moved_by_a_disruptive_server() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.step(envelope(3, 1, 9, vote_request(EntryId::new(8, 8))));
    assert!(cluster.leads(1) && cluster.term(1) == 1 && cluster.take_said().is_empty());
}

/// 4.2.3: a pre-vote alone does not help: a removed server's log may be good enough; so a live leader refuses it too.
#[test]
fn pre_vote_of_a_removed_server_is_refused() {
    let mut cluster = Cluster::of(4);
    cluster.elect(1);
    cluster.try_change(1, &ConfChange::single(Remove(NodeId(4)))).unwrap();
    cluster.deliver(|m| m.to.0 != 4);
    cluster.lose_in_flight();
    cluster.tick(4, 2 * ELECTION);
    cluster.deliver(|m| kind(m) == "pre_vote_request");
    let said = cluster.take_said();
    assert!(said.iter().any(|line| line.contains("PreVoteResponse")), "{said:?}");
    assert!(said.iter().all(|line| !line.contains("granted=true")), "{said:?}");
}

/// 4.2.4: a leader can always make a change, with a majority of the old configuration and of the new.
#[test]
fn change_can_be_made_while_a_minority_is_down() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.crash(3);
    cluster.change_by(1, AddVoter(NodeId(4)));
    cluster.change_by(1, Remove(NodeId(3)));
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(
        (cluster.membership(1), cluster.applied(4)),
        ("voters=[n1 n2 n4]".into(), vec!["a".to_owned()])
    );
}

/// 4.3: any change can be made by way of a joint configuration, also one that replaces everybody.
#[test]
fn whole_cluster_can_be_replaced() {
    let mut cluster = Cluster::with_spares(2, 2);
    cluster.elect(1);
    let steps = [AddVoter(NodeId(3)), AddVoter(NodeId(4)), Remove(NodeId(1)), Remove(NodeId(2))];
    cluster.try_change(1, &ConfChange::of(steps, Transition::Auto)).unwrap();
    cluster.pass(10 * ELECTION);
    assert!(matches!(cluster.leader(), Some(3 | 4)));
    assert_eq!(cluster.membership(3), "voters=[n3 n4]");
}

/// 4.3: several steps at once are always joint; a single one only if that is wanted.
#[test]
fn several_steps_make_a_joint_configuration() {
    for (steps, transition, joint) in [
        (vec![AddVoter(NodeId(3))], Transition::Auto, false),
        (vec![AddVoter(NodeId(3))], Transition::Explicit, true),
        (vec![AddVoter(NodeId(3)), Remove(NodeId(2))], Transition::Auto, true),
    ] {
        let membership = quorate::Membership::of_voters([NodeId(1), NodeId(2)]);
        let next = membership.after(&ConfChange::of(steps, transition)).unwrap();
        assert_eq!(next.voters.is_joint(), joint);
    }
}

/// 4.4: a change that would leave nobody is refused, so that an operator cannot end the cluster by mistake.
#[test]
fn last_voter_cannot_be_removed() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    let refused = cluster.try_change(1, &ConfChange::single(Remove(NodeId(1))));
    assert_eq!(refused, Err(ConfChangeError::Change(ChangeError::NoVoters)));
}

//! §6, Cluster membership changes, by joint consensus: from n1, n2, n3 to n1, n4, n5.

use harness::{Cluster, envelope, kind};
use quorate::{
    ChangeStep::{AddLearner, AddVoter, Remove},
    ConfChange, ConfChangeError, EntryId, EntryKind, LogIndex, NodeId, RawNode, RoleKind, Storage,
    Transition,
};

use crate::messages::{ELECTION, vote_request};

fn old_to_new(transition: Transition) -> ConfChange {
    ConfChange::of(
        [AddVoter(NodeId(4)), AddVoter(NodeId(5)), Remove(NodeId(2)), Remove(NodeId(3))],
        transition,
    )
}

/// n1 leads, and the joint configuration is in force, until it is told to leave it.
fn joint() -> Cluster {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.try_change(1, &old_to_new(Transition::Explicit)).unwrap();
    cluster.settle();
    cluster
}

fn leave(cluster: &mut Cluster) {
    cluster.try_change(1, &ConfChange::leave_joint()).unwrap();
    cluster.settle();
}

/// A change is an entry of the log, in a special form, and replicated like any other.
#[test]
fn configuration_is_an_entry_of_the_log() {
    let cluster = &mut joint();
    for id in 1..=5 {
        let disk = cluster.node(id).disk().clone();
        let entries = disk.entries(LogIndex(2), LogIndex(2), 0).unwrap();
        assert_eq!(entries[0].kind(), EntryKind::ConfChange);
        assert_eq!(cluster.membership(id), "voters=[n1 n4 n5] outgoing=[n1 n2 n3]", "n{id}");
    }
}

/// Deviation: the paper puts a configuration in force as soon as it is in the log; here, when it is applied.
#[test]
fn change_is_in_force_when_it_is_applied() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.try_change(1, &old_to_new(Transition::Explicit)).unwrap();
    cluster.deliver(|m| m.to.0 == 2);
    assert_eq!((cluster.membership(1), cluster.terms(2).len()), ("voters=[n1 n2 n3]".into(), 2));
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.membership(1), "voters=[n1 n4 n5] outgoing=[n1 n2 n3]");
    assert_eq!(cluster.membership(2), "voters=[n1 n2 n3]", "it does not know that it is committed");
}

/// C_old,new: entries go to the servers of both configurations.
#[test]
fn joint_entries_go_to_both_configurations() {
    let mut cluster = joint();
    cluster.propose(1, "a");
    cluster.settle();
    assert!((1..=5).all(|id| cluster.applied(id) == ["a"]));
}

/// C_old,new: a server of either configuration may lead.
#[test]
fn joint_leader_may_be_of_either_configuration() {
    for id in [2, 4] {
        let mut cluster = joint();
        cluster.outwait_leader(&[1, 2, 3, 4, 5]);
        cluster.elect(id);
    }
}

/// C_old,new: agreement takes a majority of the old and a majority of the new.
#[test]
fn joint_commit_needs_both_majorities() {
    let cases: [(&[u64], bool); 5] =
        [(&[2, 3], false), (&[4, 5], false), (&[2], false), (&[2, 4], true), (&[3, 5], true)];
    for (with, committed) in cases {
        let mut cluster = joint();
        cluster.propose(1, "a");
        cluster.deliver(|m| with.contains(&m.to.0));
        cluster.deliver(|m| m.to.0 == 1);
        assert_eq!(cluster.applied(1).len() == 1, committed, "n1 and {with:?}");
    }
}

/// C_old,new: an election takes a majority of the old and a majority of the new, too.
#[test]
fn joint_election_needs_both_majorities() {
    let cases: [(&[u64], bool); 4] = [(&[2, 3], false), (&[4, 5], false), (&[2, 4], true), (&[3, 5], true)];
    for (with, elected) in cases {
        let mut cluster = joint();
        cluster.on(1, RawNode::step_down);
        cluster.outwait_leader(&[1, 2, 3, 4, 5]);
        (2..=5).filter(|id| !with.contains(id)).for_each(|id| cluster.isolate(id));
        cluster.on(1, RawNode::campaign).unwrap();
        cluster.settle();
        assert_eq!(cluster.leads(1), elected, "n1 and {with:?}");
    }
}

/// The cluster serves its clients all through the change.
#[test]
fn clients_are_served_throughout() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.try_change(1, &old_to_new(Transition::Auto)).unwrap();
    for text in ["a", "b", "c"] {
        cluster.propose(1, text);
        cluster.deliver(|_| true);
    }
    cluster.settle();
    assert_eq!(cluster.membership(1), "voters=[n1 n4 n5]");
    assert_eq!(cluster.applied(4), ["a", "b", "c"]);
}

/// Once C_old,new is committed, the leader may create the entry of C_new; by itself, unless told otherwise.
#[test]
fn leader_leaves_the_joint_configuration() {
    for transition in [Transition::Auto, Transition::Implicit] {
        let mut cluster = Cluster::with_spares(3, 2);
        cluster.elect(1);
        cluster.try_change(1, &old_to_new(transition)).unwrap();
        cluster.settle();
        assert_eq!(
            (cluster.membership(1), cluster.membership(5)),
            ("voters=[n1 n4 n5]".into(), "voters=[n1 n4 n5]".into())
        );
    }
}

/// C_new is itself committed by both, since it too is in force only when applied.
#[test]
fn leaving_needs_both_majorities() {
    let mut cluster = joint();
    cluster.isolate(2);
    cluster.isolate(3);
    leave(&mut cluster);
    assert_eq!(cluster.membership(1), "voters=[n1 n4 n5] outgoing=[n1 n2 n3]");
    cluster.heal();
    cluster.pass(5);
    assert_eq!(cluster.membership(1), "voters=[n1 n4 n5]");
}

/// C_new: when it is committed the old configuration does not matter, and its servers can be shut down.
#[test]
fn old_servers_may_go_once_the_new_configuration_is_committed() {
    let mut cluster = joint();
    leave(&mut cluster);
    cluster.crash(2);
    cluster.crash(3);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.applied(5), ["a"]);
}

/// If the leader crashes in between, its successor finds the joint configuration, and leaves it.
#[test]
fn change_outlives_its_leader() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.try_change(1, &old_to_new(Transition::Implicit)).unwrap();
    while cluster.membership(2) == "voters=[n1 n2 n3]" {
        assert!(cluster.deliver(|_| true) > 0);
    }
    cluster.crash(1);
    cluster.pass(10 * ELECTION);
    let leader = cluster.leader().unwrap();
    assert_eq!(cluster.membership(leader), "voters=[n1 n4 n5]");
}

/// First issue: new servers join as members that do not vote, and are brought up to date so.
#[test]
fn learner_receives_the_log_and_does_not_count() {
    let mut cluster = Cluster::with_learners(3, 2);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to.0 > 3);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.committed(1), 1, "n1 and two learners are no majority");
    cluster.settle();
    assert_eq!(cluster.applied(5), ["a"]);
}

/// First issue: those that do not vote are not asked to, and do not stand.
#[test]
fn learner_is_not_asked_and_does_not_stand() {
    let mut cluster = Cluster::with_learners(3, 1);
    cluster.on(1, RawNode::campaign).unwrap();
    assert!(cluster.network.in_flight.iter().all(|m| m.to.0 != 4));
    cluster.tick(4, 5 * ELECTION);
    assert_eq!((cluster.role(4), cluster.term(4)), (RoleKind::Follower, 0));
}

/// First issue: once it has caught up, it becomes a voter.
#[test]
fn learner_becomes_a_voter() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.change_by(1, AddLearner(NodeId(4)));
    assert_eq!(cluster.membership(4), "voters=[n1 n2 n3] learners=[n4]");
    cluster.change_by(1, AddVoter(NodeId(4)));
    assert_eq!(cluster.membership(4), "voters=[n1 n2 n3 n4]");
}

/// Second issue: a leader that is not part of C_new leads until C_new is committed, and then steps down.
#[test]
fn leader_outside_the_new_configuration_steps_down() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster
        .try_change(1, &ConfChange::of([AddVoter(NodeId(4)), Remove(NodeId(1))], Transition::Explicit))
        .unwrap();
    cluster.settle();
    assert!(cluster.leads(1), "it may lead the joint configuration");
    leave(&mut cluster);
    assert_eq!(cluster.role(1), RoleKind::Follower);
    cluster.pass(10 * ELECTION);
    assert!(matches!(cluster.leader(), Some(2..=4)));
    assert_eq!(cluster.membership(4), "voters=[n2 n3 n4]");
}

/// Second issue: the outgoing leader tells those who are known to hold C_new that it is committed, before it goes.
#[test]
fn outgoing_leader_tells_the_others() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.try_change(1, &ConfChange::single(Remove(NodeId(1)))).unwrap();
    cluster.deliver(|m| m.to.0 == 2);
    cluster.deliver(|m| m.to.0 == 1);
    assert_eq!(cluster.network.take(|m| kind(m) == "commit_notice" && m.to.0 == 2).len(), 1);
    assert!(cluster.on(1, RawNode::campaign).is_err(), "and does not come back");
}

/// Third issue: a removed server hears no heartbeats and stands; who hears from a leader ignores it, term and all.
#[test]
fn removed_server_does_not_disrupt() {
    let mut cluster = Cluster::with_config(3, |config| config.pre_vote = false);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.change_by(1, Remove(NodeId(3)));
    assert_eq!(cluster.membership(3), "voters=[n1 n2 n3]", "it was never told");
    cluster.heal();
    for _ in 0..10 * ELECTION {
        cluster.pass(1);
    }
    assert!(cluster.term(3) > 1, "it stood");
    assert_eq!((cluster.leader(), cluster.term(1), cluster.term(2)), (Some(1), 1, 1));
}

/// Third issue: normal elections are not affected, since each server waits for an election timeout anyway.
#[test]
fn request_after_a_timeout_of_silence_is_heard() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for (ticks, said) in [(ELECTION - 1, 0), (1, 1)] {
        cluster.tick(2, ticks);
        cluster.lose_in_flight();
        cluster.step(envelope(3, 2, 2, vote_request(EntryId::new(1, 1))));
        assert_eq!(cluster.network.take(|m| kind(m) == "vote_response").len(), said);
    }
}

/// A second change has to wait until the first is over.
#[test]
fn joint_configuration_admits_no_other_change() {
    let mut cluster = joint();
    let refused = cluster.try_change(1, &ConfChange::single(AddVoter(NodeId(2))));
    assert!(matches!(refused, Err(ConfChangeError::Change(_))), "{refused:?}");
}

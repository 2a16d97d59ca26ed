//! Changes of membership through a joint configuration.

use harness::{Cluster, add_learner, add_voter, kind, remove};
use quorate::{LogIndex, NodeId, RawNode, ReadOutcome};

/// Elsewhere nobody left the joint configuration when the leader that had made it was lost, or several did.
#[test]
fn e5_successor_leaves_the_joint_configuration_once() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.change(1, [add_voter(4), remove(3)]);
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.deliver(|m| m.to == NodeId(1));
    assert_eq!(cluster.changes(1), [2, 3], "n1 begins to leave it, and nobody hears of that");
    cluster.succeed(1, 2);
    cluster.heal();
    cluster.pass(5);
    for id in [1, 2, 4] {
        assert_eq!(
            (cluster.membership(id), cluster.changes(id)),
            ("voters=[n1 n2 n4]".to_owned(), vec![2, 4])
        );
    }
}

/// The same, when the leader loses its office after the change is committed and before it has applied it.
#[test]
fn e5_leader_that_steps_down_before_it_could_leave() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.change(1, [add_voter(4), remove(3)]);
    cluster.settle();
    cluster.finish_write(1);
    assert_eq!(cluster.committed(1), 2);
    cluster.on(1, RawNode::step_down);
    cluster.finish_writes(1);
    assert_eq!(cluster.membership(1), "voters=[n1 n2 n4] outgoing=[n1 n2 n3] auto_leave");
    for _ in 0..40 {
        cluster.pass(1);
        cluster.finish_writes(1);
    }
    for id in [1, 2, 4] {
        assert_eq!((cluster.membership(id), cluster.changes(id).len()), ("voters=[n1 n2 n4]".to_owned(), 2));
    }
}

/// Elsewhere a leader that was about to leave counted itself among those who stay.
#[test]
fn e6_leader_on_its_way_out_counts_only_among_the_outgoing() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.enter_joint(1, [add_learner(1)]);
    cluster.settle();
    assert_eq!(cluster.membership(1), "voters=[n2 n3] outgoing=[n1 n2 n3] learners_next=[n1]");
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.deliver(|m| m.to == NodeId(1));
    assert_eq!(cluster.committed(1), 2, "of n2 and n3 only one has it");
    cluster.settle();
    assert_eq!(cluster.committed(1), 3);
}

/// Elsewhere a leader that a joint change demotes did not vote for itself any more, and nobody else could be elected.
#[test]
fn e7_demoted_leader_votes_for_itself_while_it_is_joint() {
    let mut cluster = Cluster::with_spares(1, 1);
    cluster.elect(1);
    cluster.isolate(2);
    cluster.change(1, [add_voter(2), remove(1)]);
    cluster.settle();
    assert_eq!(cluster.membership(1), "voters=[n2] outgoing=[n1] auto_leave");
    cluster.tick(1, 20);
    assert!(!cluster.leads(1), "it cannot reach n2");
    cluster.lose_in_flight();
    cluster.heal();
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.settle();
    assert_eq!(cluster.membership(2), "voters=[n2]");
    cluster.pass(40);
    assert_eq!(cluster.leader(), Some(2));
}

/// Elsewhere a read was answered without a majority of the voters that were on their way out.
#[test]
fn e8_read_needs_both_majorities() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.enter_joint(1, [add_voter(4), add_voter(5), remove(2), remove(3)]);
    cluster.settle();
    assert_eq!(cluster.membership(1), "voters=[n1 n4 n5] outgoing=[n1 n2 n3]");
    cluster.read(1);
    for (answering, outcomes) in [(4, vec![]), (5, vec![]), (2, vec![ReadOutcome::At(LogIndex(2))])] {
        cluster.deliver(|m| m.to == NodeId(answering));
        cluster.deliver(|m| m.to == NodeId(1));
        let ended: Vec<_> = cluster.node(1).reads.iter().map(|read| read.outcome).collect();
        assert_eq!(ended, outcomes, "n{answering} has answered");
    }
}

/// Elsewhere a group of one that was to move to another node was left without a leader, when the old one crashed right
/// after it had appended the last step.
#[test]
fn e9_leader_crashes_with_the_last_step_in_its_log() {
    let mut cluster = Cluster::with_spares(1, 1);
    cluster.elect(1);
    cluster.change(1, [add_voter(2), remove(1)]);
    assert_eq!(cluster.changes(1), [2, 3]);
    cluster.lose_in_flight();
    cluster.crash(1);
    cluster.restart(1);
    cluster.pass(60);
    assert_eq!((cluster.leader(), cluster.membership(2)), (Some(2), "voters=[n2]".to_owned()));
}

/// The same, when the old leader is done, and its successor was not told.
#[test]
fn e9_removed_leader_helps_to_elect_its_successor() {
    let mut cluster = Cluster::with_spares(1, 1);
    cluster.elect(1);
    cluster.lose("commit_notice");
    cluster.change(1, [add_voter(2), remove(1)]);
    cluster.settle();
    assert!(!cluster.leads(1));
    assert_eq!(cluster.membership(1), "voters=[n2]");
    assert_eq!(cluster.membership(2), "voters=[n2] outgoing=[n1] auto_leave", "n1 has a vote there");
    cluster.pass(40);
    assert_eq!((cluster.leader(), cluster.membership(2)), (Some(2), "voters=[n2]".to_owned()));
}

/// Elsewhere a node that started in a joint configuration knew only the voters on their way in.
#[test]
fn e19_nodes_start_again_in_a_joint_configuration() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.enter_joint(1, [add_voter(4), add_voter(5), remove(2), remove(3)]);
    cluster.settle();
    for id in 1..=5 {
        cluster.crash(id);
        cluster.node(id).restart_with_machine();
        assert_eq!(cluster.membership(id), "voters=[n1 n4 n5] outgoing=[n1 n2 n3]");
    }
    cluster.partition(&[&[1, 4, 5], &[2, 3]]);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.settle();
    assert!(!cluster.leads(1), "of n1, n2 and n3 only one has voted for it");
    cluster.heal();
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to != NodeId(2) && m.to != NodeId(3));
    cluster.deliver(|m| kind(m) == "append_accepted");
    assert_eq!(cluster.committed(1), 3, "nor has any of them the command");
    cluster.settle();
    assert_eq!(cluster.committed(1), 4);
}

/// Here, until random schedules found it: a leader that had removed itself, and whose log went on beyond that, kept
/// the only voter left from being elected, which lacked its entry and did not know that the removal was committed.
#[test]
fn e9_removed_leader_has_more_than_its_successor() {
    let mut cluster = Cluster::of(2);
    cluster.elect(1);
    cluster.change(1, [remove(1)]);
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.lose("append_request");
    cluster.lose("commit_notice");
    cluster.propose(1, "in n1's log only");
    cluster.settle();
    cluster.heal();
    cluster.pass(50);
    assert_eq!(cluster.leader(), Some(2));
}

/// The other half of it: a new voter that was not told that it is one has the longer log, and so the only voter that
/// knows cannot be elected without it.
#[test]
fn e9_new_voter_learns_of_it_from_a_candidate() {
    let mut cluster = Cluster::with_spares(1, 1);
    cluster.elect(1);
    cluster.change_by(1, add_learner(2));
    cluster.hold_writes(1);
    cluster.change(1, [add_voter(2)]);
    cluster.propose(1, "on n2's disk only");
    cluster.settle();
    cluster.lose("append_request");
    cluster.lose("commit_notice");
    cluster.finish_write(1);
    cluster.finish_applies(1);
    assert_eq!(cluster.membership(1), "voters=[n1 n2]", "n1 was a majority by itself");
    assert_eq!(cluster.membership(2), "voters=[n1] learners=[n2]");
    cluster.crash(1);
    cluster.heal();
    // Its state machine keeps what it has applied.
    cluster.node(1).restart_with_machine();
    for _ in 0..100 {
        cluster.finish_writes(1);
        cluster.pass(1);
    }
    assert_eq!(cluster.leader(), Some(2));
    assert_eq!(cluster.applied(2), ["on n2's disk only"]);
}

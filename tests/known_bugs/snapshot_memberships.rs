//! The membership that a snapshot brings along.

use harness::{Cluster, add_learner, add_voter, envelope, remove};
use quorate::{
    CampaignError, Config, EntryId, Membership, Message, NodeId, RawNode, RoleKind, Snapshot, Storage,
};

/// Three voters and some who are none yet, all of whom read old entries from disk, so that what is compacted is gone.
fn forgetful(spares: u64) -> Cluster {
    let forget = |config: &mut Config| (config.snapshot_ticks, config.max_log_bytes_in_memory) = (20, 0);
    Cluster::with_spares_and_config(3, spares, forget)
}

fn propose(cluster: &mut Cluster, leader: u64, text: &str) {
    cluster.propose(leader, text);
    cluster.settle();
}

/// Elsewhere a second snapshot, with no change between the two, held no membership, or an older one.
#[test]
fn d7_membership_outlives_two_snapshots() {
    let mut cluster = forgetful(1);
    cluster.elect(1);
    cluster.isolate(4);
    cluster.change(1, [add_voter(4)]);
    cluster.settle();
    for text in ["a", "b"] {
        propose(&mut cluster, 1, text);
        cluster.compact(1);
    }
    cluster.crash(1);
    cluster.restart(1);
    assert_eq!(cluster.membership(1), "voters=[n1 n2 n3 n4]");
    cluster.heal();
    cluster.pass(40);
    assert_eq!(cluster.membership(4), "voters=[n1 n2 n3 n4]");
}

/// Elsewhere a change that was in the log and not committed was still in force after a snapshot had replaced the log.
#[test]
fn d7_change_that_was_never_committed_ends_with_the_log() {
    let mut cluster = forgetful(1);
    cluster.elect(1);
    cluster.isolate(1);
    for text in ["x", "y", "z"] {
        cluster.propose(1, text);
    }
    cluster.change(1, [add_voter(4)]);
    assert_eq!(cluster.changes(1), [5]);
    cluster.succeed(1, 2);
    propose(&mut cluster, 2, "a");
    cluster.compact(2);
    cluster.heal();
    cluster.pass(5);
    assert_eq!(cluster.node(1).disk().snapshot().unwrap().last, EntryId::new(2, 3), "it was installed");
    assert_eq!((cluster.changes(1), cluster.membership(1)), (vec![], "voters=[n1 n2 n3]".to_owned()));
    // Nor does it bar an election, when the log is as long again.
    ["b", "c"].into_iter().for_each(|text| propose(&mut cluster, 2, text));
    cluster.pass(1);
    cluster.succeed(2, 1);
    assert_eq!(cluster.applied(1), ["b", "c"]);
}

/// Elsewhere a snapshot from before a change took the membership back.
#[test]
fn d7_older_snapshot_takes_no_change_back() {
    let mut cluster = Cluster::with_spares(3, 1);
    cluster.elect(1);
    cluster.change(1, [add_voter(4)]);
    cluster.settle();
    let membership = Membership::of_voters((1..=3).map(NodeId));
    let snapshot =
        Snapshot { last: EntryId::new(1, 1), membership, data: 0_u64.to_be_bytes().to_vec().into() };
    cluster.step(envelope(1, 3, 1, Message::SnapshotRequest { snapshot: Box::new(snapshot) }));
    cluster.settle();
    assert_eq!(cluster.membership(3), "voters=[n1 n2 n3 n4]");
}

/// Elsewhere a node that applied a change only after a later snapshot had come kept the snapshot's membership with its
/// older state machine, and a crash left the two together.
#[test]
fn d7_change_that_is_applied_after_a_snapshot_has_come() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.hold_writes(3);
    cluster.change(1, [add_voter(4)]);
    cluster.settle();
    cluster.finish_write(3);
    cluster.settle();
    let membership = Membership::of_voters([1, 2, 3, 5].map(NodeId));
    let snapshot =
        Snapshot { last: EntryId::new(1, 9), membership, data: 0_u64.to_be_bytes().to_vec().into() };
    cluster.step(envelope(1, 3, 1, Message::SnapshotRequest { snapshot: Box::new(snapshot) }));
    cluster.node(3).finish_apply();
    assert_eq!(cluster.membership(3), "voters=[n1 n2 n3 n5]");
    // The state machine has applied the change, and the snapshot was never written.
    cluster.crash(3);
    cluster.node(3).restart_with_machine();
    assert_eq!((cluster.status(3).applied.0, cluster.membership(3)), (2, "voters=[n1 n2 n3 n4]".to_owned()));
}

/// Elsewhere only the incoming voters of a joint configuration came back out of a snapshot.
#[test]
fn d11_snapshot_that_was_taken_in_a_joint_configuration() {
    let mut cluster = forgetful(1);
    cluster.elect(1);
    cluster.isolate(4);
    cluster.enter_joint(1, [add_voter(4), remove(3)]);
    cluster.settle();
    cluster.compact(1);
    cluster.heal();
    cluster.pass(3);
    assert_eq!(cluster.membership(4), "voters=[n1 n2 n4] outgoing=[n1 n2 n3]");
    cluster.crash(4);
    cluster.restart(4);
    assert_eq!(cluster.membership(4), "voters=[n1 n2 n4] outgoing=[n1 n2 n3]");
    // n1 and n4 are enough of the incoming voters, and not of the outgoing ones.
    cluster.partition(&[&[1, 4], &[2, 3]]);
    cluster.on(1, RawNode::step_down);
    cluster.on(4, RawNode::campaign).unwrap();
    cluster.settle();
    assert!(!cluster.leads(4));
}

/// Elsewhere a learner that was brought up to date by a snapshot became a voter, because another one had.
#[test]
fn d12_learner_stays_one_when_a_snapshot_tells_of_another_promotion() {
    let mut cluster = forgetful(2);
    cluster.elect(1);
    for step in [add_learner(4), add_learner(5)] {
        cluster.change(1, [step]);
        cluster.settle();
    }
    cluster.isolate(5);
    cluster.change(1, [add_voter(4)]);
    cluster.settle();
    cluster.compact(1);
    cluster.heal();
    cluster.pass(3);
    assert_eq!(cluster.node(5).disk().snapshot().unwrap().last, EntryId::new(1, 4), "it was installed");
    assert_eq!(cluster.membership(5), "voters=[n1 n2 n3 n4] learners=[n5]");
    cluster.isolate(5);
    cluster.tick(5, 50);
    assert!(matches!(cluster.on(5, RawNode::campaign), Err(CampaignError::NotVoter)));
    assert_eq!(cluster.role(5), RoleKind::Follower);
}

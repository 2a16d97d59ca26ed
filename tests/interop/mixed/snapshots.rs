//! Snapshots both ways, with every kind of membership in them.

use interop::Cluster;
use quorate::{ChangeStep, ConfChange, NodeId, Transition};

use super::each_pair;

/// A follower of the other kind that lacks what the leader has compacted gets a snapshot, and goes on after it.
#[test]
fn snapshot_to_the_other_kind() {
    for (mut cluster, leader, other) in each_pair() {
        cluster.elect(leader);
        cluster.isolate(other);
        for text in ["a", "b", "c"] {
            cluster.propose(leader, text);
        }
        cluster.on(leader, |node| node.compact(0));
        cluster.propose(leader, "d");
        cluster.network.heal();
        cluster.pass(5);
        cluster.propose(leader, "e");
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
        assert_eq!(cluster.machine(other).commands(), ["a", "b", "c", "d", "e"]);
        assert!(cluster.node(other).log().len() < 4, "it was a snapshot");
    }
}

/// What a snapshot has brought outlives a crash, and its receiver can lead.
#[test]
fn snapshot_receiver_leads_after_a_crash() {
    for (mut cluster, leader, other) in each_pair() {
        cluster.elect(leader);
        cluster.isolate(other);
        cluster.propose(leader, "a");
        cluster.on(leader, |node| node.compact(0));
        cluster.network.heal();
        cluster.pass(5);
        cluster.crash(other);
        cluster.restart(other);
        cluster.pass(2);
        cluster.crash(leader);
        let third = 6 - leader - other;
        cluster.pass(12);
        cluster.crash(third);
        cluster.restart(third);
        cluster.elect(other);
        cluster.restart(leader);
        cluster.pass(5);
        cluster.propose(other, "b");
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A snapshot is lost: its sender is told, and sends another one.
#[test]
fn snapshot_lost_is_sent_again() {
    for (mut cluster, leader, other) in each_pair() {
        cluster.elect(leader);
        cluster.isolate(other);
        cluster.propose(leader, "a");
        cluster.on(leader, |node| node.compact(0));
        cluster.network.heal();
        cluster.tick(leader);
        // The heartbeat, its answer, and so on, until the snapshot is on its way.
        for _ in 0..20 {
            if let Some(packet) = cluster.network.in_flight.pop_front() {
                if packet.kind() == raft::eraftpb::MessageType::MsgSnapshot {
                    cluster.lose(&packet);
                } else {
                    cluster.deliver(&packet);
                }
            }
        }
        cluster.pass(10);
        cluster.assert_agreement(cluster.ids());
    }
}

fn steps(transition: Transition) -> ConfChange {
    use ChangeStep::{AddLearner, AddVoter, Remove};
    let steps = [AddVoter(NodeId(4)), AddLearner(NodeId(3)), Remove(NodeId(2)), AddLearner(NodeId(5))];
    ConfChange::of(steps, transition)
}

/// A snapshot taken within a joint configuration brings all of it: both sets, learners, and learners to be.
#[test]
fn snapshot_with_joint_membership() {
    for mixture in ["otott", "totoo"] {
        let mut cluster = Cluster::with_spares(mixture, &[1, 2, 3]);
        cluster.elect(1);
        cluster.isolate(2);
        cluster.change(1, &steps(Transition::Explicit));
        cluster.on(1, |node| node.compact(0));
        let members = cluster.view(1).members;
        assert_eq!((&members.voters[..], &members.outgoing[..]), (&[1, 4][..], &[1, 2, 3][..]));
        assert_eq!((&members.learners[..], &members.learners_next[..]), (&[5][..], &[3][..]));
        cluster.network.heal();
        cluster.pass(5);
        cluster.assert_agreement(cluster.ids());
        cluster.crash(2);
        cluster.restart(2);
        assert_eq!(cluster.view(2).members, members);
        cluster.change(1, &ConfChange::leave_joint());
        cluster.pass(3);
        cluster.assert_agreement([1, 3, 4, 5]);
        let members = cluster.view(1).members;
        assert_eq!((&members.voters[..], &members.learners[..]), (&[1, 4][..], &[3, 5][..]));
    }
}

/// A snapshot taken while the leader is about to leave a joint configuration by itself says so.
#[test]
fn snapshot_with_auto_leave() {
    for mixture in ["otott", "toott", "ottoo", "totoo"] {
        let mut cluster = Cluster::with_spares(mixture, &[1, 2, 3]);
        cluster.elect(1);
        cluster.isolate(2);
        // n4 and n1 are a quorum of the incoming voters, so that nobody leaves while n4 is away.
        cluster.isolate(4);
        cluster.change(1, &steps(Transition::Implicit));
        assert!(cluster.view(1).members.auto_leave);
        cluster.on(1, |node| node.compact(0));
        cluster.network.heal();
        cluster.isolate(4);
        cluster.pass(5);
        assert_eq!(cluster.view(2).members, cluster.view(1).members);
        cluster.network.heal();
        cluster.pass(5);
        cluster.assert_agreement([1, 3, 4, 5]);
        assert!(cluster.view(1).members.outgoing.is_empty());
    }
}

/// A node that joins after the log was compacted gets in by a snapshot that was made after it was added.
#[test]
fn snapshot_for_a_new_member() {
    for mixture in ["otot", "toto"] {
        let mut cluster = Cluster::with_spares(mixture, &[1, 2, 3]);
        cluster.elect(1);
        cluster.propose(1, "a");
        cluster.isolate(4);
        cluster.change(1, &ConfChange::single(ChangeStep::AddVoter(NodeId(4))));
        cluster.on(1, |node| node.compact(0));
        cluster.network.heal();
        cluster.pass(5);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A node of theirs throws a snapshot away that does not name it; it gets in as soon as a later one does.
#[test]
fn snapshot_from_before_it_joined_is_useless_to_theirs() {
    let mut cluster = Cluster::with_spares("otot", &[1, 2, 3]);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.on(1, |node| node.compact(0));
    cluster.change(1, &ConfChange::single(ChangeStep::AddVoter(NodeId(4))));
    cluster.pass(5);
    assert_eq!(cluster.machine(4).index(), 0);
    cluster.on(1, |node| node.compact(0));
    cluster.pass(35);
    cluster.assert_agreement(cluster.ids());
}

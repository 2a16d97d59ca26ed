//! Proposals that followers of either kind pass on to leaders of either kind.

use interop::{Cluster, Kind};

use super::{each_leader, one_of};

/// A proposal made at any node is applied on all of them, once.
#[test]
fn proposal_at_any_node() {
    for (mixture, leader) in each_leader(3) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        for id in cluster.ids() {
            cluster.propose(id, &format!("from n{id}"));
        }
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
        let machine = cluster.machine(leader);
        let mut commands = machine.commands();
        commands.sort_unstable();
        assert_eq!(commands, ["from n1", "from n2", "from n3"], "{mixture} under n{leader}");
    }
}

/// A follower of ours recognizes its proposal in the log of a leader of theirs.
#[test]
fn forward_is_recognized_in_their_log() {
    let mut cluster = Cluster::of("oto");
    cluster.elect(2);
    cluster.on(1, |node| ["a", "b", ""].iter().for_each(|text| assert!(node.propose(text))));
    cluster.settle();
    assert_eq!(cluster.node(1).known_forwards(), 3);
    cluster.pass(2);
    cluster.assert_agreement(cluster.ids());
}

/// What the network doubles is appended once by a leader of ours; one of theirs does not look at the id.
#[test]
fn doubled_forward_is_appended_once_by_ours() {
    for (mixture, times) in [("oot", 1), ("too", 2)] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        cluster.on(2, |node| node.propose("a"));
        let packet = cluster.network.in_flight.front().cloned().unwrap();
        cluster.deliver(&packet);
        cluster.settle();
        assert_eq!(cluster.machine(1).commands().len(), times);
        assert_eq!(cluster.node(2).known_forwards(), 1);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A forward that comes when its leader has been deposed is dropped by either kind, also a kind that passes on itself.
#[test]
fn late_forward_is_dropped() {
    for mixture in ["oto", "tot", "oot", "tto"] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        let proposer = one_of(&cluster, Kind::Ours);
        let first = if proposer == 1 { 2 } else { 1 };
        cluster.on(first, |node| node.campaign());
        cluster.on(1, |node| node.transfer(first));
        cluster.pass(20);
        let old = cluster.leader().unwrap();
        if old == proposer {
            continue;
        }
        cluster.on(proposer, |node| node.propose("late"));
        let packet = cluster.network.in_flight.pop_back().unwrap();
        let next = 6 - old - proposer;
        cluster.on(old, |node| node.transfer(next));
        cluster.pass(3);
        assert_eq!(cluster.leader(), Some(next));
        cluster.deliver(&packet);
        cluster.settle();
        assert!(cluster.machine(next).commands().is_empty());
    }
}

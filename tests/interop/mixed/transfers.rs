//! Leadership that goes from one kind to the other, and back.

use interop::Cluster;

use super::each_leader;

/// Handed over by the leader: the other is told to stand, and is elected though a leader lives.
#[test]
fn transfer_by_the_leader() {
    for (mixture, leader) in each_leader(3).chain(each_leader(5)) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        for to in cluster.ids().rev() {
            let from = cluster.leader().unwrap();
            cluster.on(from, |node| node.transfer(to));
            cluster.pass(2);
            assert_eq!(cluster.leader(), Some(to), "{mixture}: n{from} hands over to n{to}");
            cluster.propose(to, "a");
        }
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}

/// Asked for by the one that is to lead.
#[test]
fn transfer_asked_for_by_its_target() {
    for (mixture, leader) in each_leader(3) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        for to in cluster.ids().rev() {
            cluster.on(to, |node| node.transfer(to));
            cluster.pass(2);
            assert_eq!(cluster.leader(), Some(to), "{mixture}: n{to} asks for leadership");
        }
    }
}

/// A target that lacks entries gets them first.
#[test]
fn transfer_to_a_node_that_is_behind() {
    for mixture in ["oto", "tot"] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        cluster.isolate(2);
        for text in ["a", "b", "c"] {
            cluster.propose(1, text);
        }
        cluster.network.heal();
        cluster.on(1, |node| node.transfer(2));
        cluster.pass(5);
        assert_eq!(cluster.leader(), Some(2), "{mixture}");
        cluster.pass(2);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A target that is down: after an election timeout the leader takes proposals again.
#[test]
fn transfer_to_a_dead_node_ends() {
    for mixture in ["oto", "tot"] {
        let mut cluster = Cluster::of(mixture);
        cluster.elect(1);
        cluster.crash(2);
        cluster.on(1, |node| node.transfer(2));
        cluster.pass(25);
        assert_eq!(cluster.leader(), Some(1));
        cluster.propose(1, "a");
        cluster.restart(2);
        cluster.pass(5);
        cluster.assert_agreement(cluster.ids());
    }
}

/// A follower of theirs can ask in another's name, which a leader of ours takes for that one's request.
#[test]
fn transfer_asked_for_by_a_third_node() {
    for to in [2, 4] {
        let mut cluster = Cluster::of("ottot");
        cluster.elect(1);
        cluster.on(3, |node| node.transfer(to));
        cluster.pass(2);
        assert_eq!(cluster.leader(), Some(to));
    }
}

/// Asked to hand over to itself by a follower of theirs, a leader of ours goes on leading.
#[test]
fn transfer_to_the_leader_itself() {
    let mut cluster = Cluster::of("ott");
    cluster.elect(1);
    cluster.on(2, |node| node.transfer(1));
    cluster.settle();
    cluster.propose(1, "a");
    cluster.pass(15);
    assert_eq!(cluster.leader(), Some(1));
    cluster.assert_agreement(cluster.ids());
}

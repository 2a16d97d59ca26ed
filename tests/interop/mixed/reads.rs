//! Linearizable reads that are asked of leaders of either kind. That none is answered with too low an index is checked
//! by the cluster itself.

use interop::Cluster;

use super::{each_leader, each_pair};

/// A read at any node sees what was applied before it began.
#[test]
fn read_at_any_node() {
    for (mixture, leader) in each_leader(3).chain(each_leader(5)) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        for id in cluster.ids() {
            cluster.propose(leader, "a");
            let ticket = cluster.read(id);
            cluster.settle();
            let expected = (ticket, cluster.applied().index());
            assert_eq!(cluster.answered.last(), Some(&expected), "{mixture}: n{id} under n{leader}");
        }
    }
}

/// Reads of several nodes at once share heartbeats, and each gets its own answer.
#[test]
fn reads_of_all_nodes_at_once() {
    for (mixture, leader) in each_leader(3) {
        let mut cluster = Cluster::of(&mixture);
        cluster.elect(leader);
        cluster.propose(leader, "a");
        let readers = [1, 2, 3].repeat(4);
        let tickets: Vec<_> = readers.into_iter().map(|id| cluster.read(id)).collect();
        cluster.settle();
        let mut answered: Vec<_> = cluster.answered.iter().map(|(ticket, _)| *ticket).collect();
        answered.sort_unstable();
        assert_eq!(answered, tickets);
    }
}

/// A leader that was replaced without knowing it answers no read, its own or another's.
#[test]
fn read_at_replaced_leader_is_not_answered() {
    for (mut cluster, leader, other) in each_pair() {
        cluster.elect(leader);
        cluster.isolate(leader);
        // The others hear nothing from it, and elect one of them, while its own clock stands still.
        for _ in 0..60 {
            for id in cluster.ids().filter(|id| *id != leader) {
                cluster.tick(id);
            }
            cluster.settle();
        }
        let next = cluster.leader().unwrap();
        assert_ne!(next, leader);
        cluster.propose(next, "unseen");
        assert!(cluster.view(leader).leads, "it still thinks so");
        cluster.read(leader);
        cluster.network.heal();
        cluster.read(leader);
        cluster.settle();
        cluster.pass(3);
        assert!(cluster.answered.is_empty(), "{:?}", cluster.answered);
        cluster.read(other);
        cluster.settle();
        assert_eq!(cluster.answered.len(), 1);
    }
}

/// Doubled requests and answers do no harm.
#[test]
fn doubled_read_is_answered_once() {
    for (mut cluster, leader, other) in each_pair() {
        cluster.elect(leader);
        cluster.propose(leader, "a");
        cluster.read(other);
        for _ in 0..100 {
            let Some(packet) = cluster.network.in_flight.pop_front() else { break };
            cluster.deliver(&packet);
            cluster.deliver(&packet);
        }
        cluster.settle();
        assert_eq!(cluster.answered.len(), 1);
    }
}

/// A read that begins before the leader has committed anything of its term is answered late, or lost, but not wrong.
#[test]
fn read_before_the_first_commit() {
    for (mixture, leader) in each_leader(3) {
        let mut cluster = Cluster::of(&mixture);
        cluster.on(leader, |node| node.campaign());
        while !cluster.view(leader).leads {
            let packet = cluster.network.in_flight.pop_front().unwrap();
            cluster.deliver(&packet);
        }
        cluster.read(leader);
        cluster.settle();
        cluster.pass(12);
        cluster.read(leader);
        cluster.settle();
        assert!(!cluster.answered.is_empty());
    }
}

//! Logs that are cut, and nodes that catch up by snapshot.

use quorate::{NodeId, Options};

use crate::cluster::{Cluster, eventually, options};

fn short_log() -> Options {
    let mut options = options();
    options.compact_after_bytes = 400;
    options.keep_entries = 3;
    options
}

fn snapshots_made(cluster: &Cluster, id: NodeId) -> u64 {
    cluster.handle(id).status().counters.snapshots_made
}

/// Applies until the log was cut some times; how many commands that took.
fn apply_until_cut(cluster: &Cluster, id: NodeId) -> usize {
    let before = snapshots_made(cluster, id);
    eventually("the log is cut", || {
        (0..20).for_each(|_| assert!(cluster.apply(id, "x") > 0));
        let count = cluster.journals[&id].lines().len();
        (snapshots_made(cluster, id) > before + 2).then_some(count)
    })
}

#[test]
fn a_node_that_was_cut_off_catches_up_by_snapshot() {
    let cluster = Cluster::start(3, short_log());
    let (leader, behind) = (cluster.leader(), cluster.follower());
    cluster.apply(leader, "first");
    cluster.network.isolate(behind);
    let leader = cluster.leader_other_than(Some(behind));
    let count = apply_until_cut(&cluster, leader);
    cluster.network.heal_all();
    assert_eq!(cluster.agree_with(leader).len(), count);
    let restored = cluster.handle(behind).status().counters.snapshots_restored;
    eventually("it is told in the status", || {
        (cluster.handle(behind).status().counters.snapshots_restored > 0).then_some(())
    });
    assert!(restored <= 2);
}

#[test]
fn a_node_that_starts_again_begins_with_its_snapshot() {
    let mut cluster = Cluster::start(3, short_log());
    let leader = cluster.leader();
    let count = apply_until_cut(&cluster, leader);
    for id in (1..=3).map(NodeId) {
        cluster.take(id).stop().unwrap();
    }
    for id in (1..=3).map(NodeId) {
        cluster.start_node(id);
    }
    let leader = cluster.leader();
    let after = cluster.apply(leader, "after");
    assert_eq!(after, count + 1);
    assert_eq!(cluster.agree_with(leader).len(), count + 1);
}

//! Whole clusters.

use bytes::Bytes;
use quorate::TcpOptions;

use crate::cluster::{Cluster, options};

#[test]
fn three_nodes_elect_a_leader_and_replicate() {
    let cluster =
        Cluster::start(&options(), &TcpOptions::default(), |_, _, to| to.local_address().to_string());
    let leader = cluster.leader();
    for size in [0, 1, 100, 10_000, 1_000_000] {
        let command = Bytes::from(vec![7; size]);
        cluster.apply(leader, &command);
        cluster.members.keys().for_each(|id| cluster.wait_for(*id, &command));
    }
}

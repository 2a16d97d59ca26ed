//! Clusters of both kinds of node work as clusters of one kind do.
//!
//! A test that says nothing else holds for every mixture of three nodes, whoever of them leads.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a broken premise must stop it"
)]

mod elections;
mod forwards;
mod lossy;
mod membership;
mod reads;
mod replication;
mod schedules;
mod snapshots;
mod transfers;

use interop::{Cluster, Kind, mixtures};

/// Every mixture of so many nodes, with each node once as the one that is to lead.
fn each_leader(nodes: u32) -> impl Iterator<Item = (String, u64)> {
    mixtures(nodes)
        .into_iter()
        .flat_map(move |mixture| (1..=u64::from(nodes)).map(move |id| (mixture.clone(), id)))
}

/// Two nodes of different kinds in a cluster of three that has both: the leader, and the one that this is about.
fn each_pair() -> impl Iterator<Item = (Cluster, u64, u64)> {
    ["oto", "ott", "too", "tot"].into_iter().map(|mixture| {
        let cluster = Cluster::of(mixture);
        let other = cluster.ids().find(|id| cluster.kind(*id) != cluster.kind(1)).unwrap();
        (cluster, 1, other)
    })
}

/// A node of that kind.
fn one_of(cluster: &Cluster, kind: Kind) -> u64 {
    cluster.ids().find(|id| cluster.kind(*id) == kind).unwrap()
}

//! Whole clusters, with proxies between their nodes.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use quorate::{NodeId, Options, TcpOptions};

use crate::{
    cluster::{Cluster, options},
    proxy::Proxy,
    wait::eventually,
};

/// A cluster, and the proxies between its nodes by who calls and who is called.
struct Proxied {
    cluster: Cluster,
    proxies: BTreeMap<(NodeId, NodeId), Proxy>,
}

impl Proxied {
    fn start(options: &Options, tcp: &TcpOptions) -> Self {
        let mut proxies = BTreeMap::new();
        let cluster = Cluster::start(options, tcp, |from, to, transport| {
            let proxy = Proxy::new(transport.local_address());
            proxies.entry((from, to)).or_insert(proxy).address.to_string()
        });
        Self { cluster, proxies }
    }

    /// The proxies of one node, in both directions.
    fn around(&self, node: NodeId) -> impl Iterator<Item = &Proxy> {
        let is_of = move |(from, to): &(NodeId, NodeId)| *from == node || *to == node;
        self.proxies.iter().filter(move |(link, _)| is_of(link)).map(|(_, proxy)| proxy)
    }

    /// Waits until everything sent reaches everybody.
    fn agree_on(&self, command: &'static [u8]) {
        let command = Bytes::from_static(command);
        eventually("all nodes agree", || {
            let leader = self.cluster.leader();
            self.cluster.try_apply(leader, &command).then_some(())
        });
        self.cluster.members.keys().for_each(|id| self.cluster.wait_for(*id, &command));
    }
}

/// Connections that break are noticed soon.
fn quick() -> TcpOptions {
    let mut tcp = TcpOptions::default();
    tcp.idle_timeout = Duration::from_millis(600);
    tcp.max_back_off = Duration::from_millis(200);
    tcp
}

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
    let statistics = cluster.members[&leader].transport.statistics();
    assert!(statistics.peers().iter().all(|peer| peer.is_connected && peer.messages_sent > 0));
}

#[test]
fn a_leader_that_is_cut_off_is_replaced_and_follows_when_it_is_back() {
    let proxied = Proxied::start(&options(), &quick());
    let leader = proxied.cluster.leader();
    proxied.around(leader).for_each(Proxy::cut);
    let successor = proxied.cluster.leader_among(|id| id != leader);
    proxied.cluster.apply(successor, &Bytes::from_static(b"without it"));
    proxied.around(leader).for_each(Proxy::heal);
    proxied.agree_on(b"with it");
}

#[test]
fn a_leader_whose_connections_stand_still_is_replaced() {
    let proxied = Proxied::start(&options(), &quick());
    let leader = proxied.cluster.leader();
    proxied.around(leader).for_each(Proxy::stall);
    proxied.cluster.leader_among(|id| id != leader);
    // Nobody closes these connections -> the others give them up because they are silent.
    for (id, member) in proxied.cluster.members.iter().filter(|(id, _)| **id != leader) {
        let is_connected = || member.transport.statistics().peer(leader).unwrap().is_connected;
        eventually(&format!("{id} gives up"), || (!is_connected()).then_some(()));
    }
    proxied.around(leader).for_each(Proxy::heal);
    proxied.agree_on(b"moving again");
}

#[test]
fn what_the_network_damages_reaches_no_node() {
    let proxied = Proxied::start(&options(), &quick());
    let leader = proxied.cluster.leader();
    proxied.proxies.values().for_each(|proxy| proxy.damage(3));
    let command = Bytes::from(vec![0; 1000]);
    for _ in 0..20 {
        eventually("a command is applied", || {
            let leader = proxied.cluster.leader();
            proxied.cluster.try_apply(leader, &command).then_some(())
        });
    }
    eventually("damage is done", || proxied.around(leader).all(Proxy::has_damaged_all).then_some(()));
    proxied.agree_on(b"undamaged");
    let all_whole = |lines: Vec<Bytes>| lines.iter().all(|line| *line == command || **line == *b"undamaged");
    assert!(proxied.cluster.members.values().all(|member| all_whole(member.journal.lines())));
    let malformed = |member: &crate::cluster::Member| member.transport.statistics().transport().malformed;
    assert!(proxied.cluster.members.values().map(malformed).sum::<u64>() > 0, "the damage was noticed");
}

#[test]
fn slow_connections_and_broken_ones_only_cost_time() {
    let proxied = Proxied::start(&options(), &quick());
    proxied.cluster.leader();
    proxied.proxies.values().for_each(|proxy| proxy.delay(3));
    for round in 0..5 {
        proxied.proxies.values().nth(round).unwrap().reset();
        proxied.agree_on(b"slowly");
    }
}

#[test]
fn heartbeats_flow_while_a_snapshot_trickles_to_a_follower_far_behind() {
    let mut options = options();
    options.compact_after_bytes = 1 << 20;
    options.keep_entries = 1;
    let mut tcp = TcpOptions::default();
    tcp.snapshot_chunk_bytes = 32 << 10;
    let proxied = Proxied::start(&options, &tcp);
    let leader = proxied.cluster.leader();
    let follower = *proxied.cluster.members.keys().find(|id| **id != leader).unwrap();
    proxied.around(follower).for_each(Proxy::cut);
    let command = Bytes::from(vec![7; 256 << 10]);
    (0..24).for_each(|_| proxied.cluster.apply(leader, &command));
    // A pause for each piece of 32 KiB: the snapshot takes a while.
    proxied.around(follower).for_each(Proxy::heal);
    proxied.around(follower).for_each(|proxy| proxy.delay_snapshots(8));
    let heard = || proxied.cluster.members[&follower].transport.statistics().peer(leader).unwrap();
    let before = eventually("the snapshot is under way", || {
        Some(heard()).filter(|heard| heard.bytes_received > 1 << 20)
    });
    let mut during = before.messages_received;
    eventually("the snapshot arrives", || {
        let now = heard();
        if now.snapshots_received == 0 {
            during = now.messages_received;
        }
        (now.snapshots_received > 0).then_some(())
    });
    assert!(
        during >= before.messages_received + 5,
        "{} and then {during} messages",
        before.messages_received
    );
    proxied.agree_on(b"caught up");
}

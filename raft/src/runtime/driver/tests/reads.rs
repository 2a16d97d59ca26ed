//! Queries that say how current their answer must be.

use super::*;

impl Cluster {
    fn query_at(&mut self, id: usize, consistency: Consistency) -> Ticket<Vec<String>> {
        let (completion, ticket) = Completion::ticket();
        self.node(id).query((), consistency, completion);
        ticket
    }
}

/// Three nodes with leases, and the number of the one that leads.
fn cluster_with_leases() -> (Cluster, usize) {
    let mut cluster = Cluster::new(3, &options());
    for node in &mut cluster.nodes {
        let (id, storage) = (node.driver.raw.id(), MemStorage::with_voters([1, 2, 3].map(NodeId)));
        *node = Member::new(Config { lease_reads: true, ..Config::new(id, id.0) }, &storage, &options());
    }
    // Nobody votes for a while after a start.
    cluster.tick(60);
    let leader = (1..=3).find(|id| cluster.node(*id).status().core.role == RoleKind::Leader).unwrap();
    (cluster, leader)
}

fn answer(lines: &[&str]) -> Option<Outcome<Vec<String>>> {
    Some(Outcome::Applied(lines.iter().map(|line| (*line).to_owned()).collect()))
}

#[test]
fn a_local_query_is_answered_at_once_from_what_is_there() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(3);
    cluster.propose(1, "a").on_done(drop);
    cluster.settle();
    cluster.tick(30);
    let mut local = cluster.query_at(3, Consistency::Local);
    cluster.settle();
    assert_eq!(local.try_take(), answer(&[]), "it is cut off, and behind");
    let mut local = cluster.query_at(1, Consistency::Local);
    cluster.settle();
    assert_eq!(local.try_take(), answer(&["a"]));
    assert_eq!(cluster.node(1).status().waiting_queries, 0);
}

#[test]
fn a_query_at_least_as_new_as_an_index_waits_for_that_and_no_leader() {
    let mut cluster = Cluster::new(3, &options());
    cluster.is_lost =
        |envelope| envelope.to == NodeId(3) && matches!(envelope.message, Message::AppendRequest { .. });
    cluster.propose(1, "a").on_done(drop);
    cluster.settle();
    let index = cluster.node(1).applied;
    let mut here = cluster.query_at(1, Consistency::AtLeast(index));
    cluster.settle();
    assert_eq!(here.try_take(), answer(&["a"]));
    let mut behind = cluster.query_at(3, Consistency::AtLeast(index));
    cluster.tick(2);
    assert_eq!(behind.try_take(), None);
    cluster.is_lost = |_| false;
    cluster.tick(5);
    assert_eq!(behind.try_take(), answer(&["a"]));
    let mut never = cluster.query_at(3, Consistency::AtLeast(LogIndex(1_000)));
    cluster.tick(51);
    assert_eq!(never.try_take(), Some(refused(RefusalReason::ReadTimeout, Some(1))));
}

#[test]
fn a_leader_with_a_lease_answers_without_a_message() {
    let (mut cluster, leader) = cluster_with_leases();
    let mut lease = cluster.query_at(leader, Consistency::Lease);
    assert_eq!(cluster.settle().len(), 0);
    assert_eq!(lease.try_take(), answer(&[]));
    let mut linearizable = cluster.query_at(leader, Consistency::Linearizable);
    assert!(!cluster.settle().is_empty());
    assert_eq!(linearizable.try_take(), answer(&[]));
}

#[test]
fn a_lease_that_may_have_run_out_in_a_pause_is_not_trusted() {
    let (mut cluster, leader) = cluster_with_leases();
    cluster.node(leader).expire_lease();
    let mut lease = cluster.query_at(leader, Consistency::Lease);
    assert!(!cluster.settle().is_empty(), "the others are asked");
    assert_eq!(lease.try_take(), answer(&[]));
}

#[test]
fn a_lease_query_on_a_follower_is_answered_by_way_of_the_leader() {
    let (mut cluster, leader) = cluster_with_leases();
    cluster.propose(leader, "a").on_done(drop);
    cluster.tick(3);
    let mut lease = cluster.query_at(leader % 3 + 1, Consistency::Lease);
    cluster.settle();
    assert_eq!(lease.try_take(), answer(&["a"]));
}

#[test]
fn where_leases_are_off_a_lease_query_asks_a_quorum() {
    let storage = MemStorage::with_voters([NodeId(1)]);
    let mut node = Member::new(Config::new(NodeId(1), 1), &storage, &options());
    node.driver.campaign();
    let (completion, mut ticket) = Completion::ticket();
    node.driver.query((), Consistency::Lease, completion);
    node.run(&mut Outgoing::default());
    assert_eq!(ticket.try_take(), answer(&[]));
}

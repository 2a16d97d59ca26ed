//! Drivers against each other, turn by turn: no threads, no clock, the same every time.

use std::{
    collections::BTreeSet,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use crossbeam_channel::unbounded;
use slog::{Discard, o};

use super::*;
use crate::{
    SnapshotWriter,
    consensus::{LogIndex, Message, NodeId, RoleKind, Term},
    runtime::{Ticket, UnknownReason, journal::Journal},
    storage::MemStorage,
};

mod clients;
mod membership;
mod pipelined;
mod reads;
mod snapshots;
mod transfers;

/// Collects what is sent.
#[derive(Default)]
struct Outgoing(Vec<Envelope>);

impl Transport for Outgoing {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        self.0.append(messages);
    }
}

/// A node, whose jobs are carried out at once.
struct Member {
    driver: Driver<Journal>,
    writer: Writer<MemStorage>,
    applier: Applier<Journal>,
}

struct Cluster {
    nodes: Vec<Member>,
    storages: Vec<MemStorage>,
    cut_off: BTreeSet<u64>,
    /// Of the other messages, those that are lost.
    is_lost: fn(&Envelope) -> bool,
}

fn options() -> Options {
    Options { unknown_after_ticks: 30, read_timeout_ticks: 50, ..Options::default() }
}

impl Member {
    fn new(config: Config, storage: &MemStorage, options: &Options) -> Self {
        let logger = Logger::root(Discard, o!());
        let (driver, writer, applier) =
            Driver::open(config, options.clone(), Journal::default(), storage.clone(), logger).unwrap();
        Self { driver, writer, applier }
    }

    /// Sends and writes what the node wants; what it wants applied waits.
    fn write(&mut self, outgoing: &mut Outgoing) {
        loop {
            self.driver.run(outgoing).unwrap();
            let written = self.writer.run(self.driver.take_write_jobs()).unwrap();
            self.driver.on_written(written, outgoing).unwrap();
            if !self.driver.has_work() {
                return;
            }
        }
    }

    /// Does all that the node wants done.
    fn run(&mut self, outgoing: &mut Outgoing) {
        loop {
            self.write(outgoing);
            let applied = self.applier.run(self.driver.take_apply_jobs()).unwrap();
            self.driver.on_applied(applied);
            if !self.driver.has_work() {
                return;
            }
        }
    }

    /// Makes the snapshot that is due, if one is.
    fn make_snapshot(&mut self) -> bool {
        let Some(task) = self.driver.take_snapshot_task() else { return false };
        self.keep(task.run());
        true
    }

    fn keep(&mut self, made: SnapshotMade) {
        self.driver.on_snapshot_made(made);
        self.run(&mut Outgoing::default());
    }
}

fn node(id: NodeId, storage: &MemStorage, options: &Options) -> Member {
    // So that a follower that lags is not served from memory.
    let config = Config { max_log_bytes_in_memory: 0, ..Config::new(id, id.0) };
    Member::new(config, storage, options)
}

impl Cluster {
    /// `size` nodes, the first of which leads.
    fn new(size: u64, options: &Options) -> Self {
        let voters: Vec<_> = (1..=size).map(NodeId).collect();
        let storages: Vec<_> = voters.iter().map(|_| MemStorage::with_voters(voters.clone())).collect();
        let nodes = voters.iter().zip(&storages).map(|(id, storage)| node(*id, storage, options));
        let mut cluster =
            Self { nodes: nodes.collect(), storages, cut_off: BTreeSet::new(), is_lost: |_| false };
        cluster.node(1).campaign();
        cluster.settle();
        assert_eq!(cluster.node(1).status().core.role, RoleKind::Leader);
        cluster
    }

    fn node(&mut self, id: usize) -> &mut Driver<Journal> {
        &mut self.nodes[id - 1].driver
    }

    /// One node more, which belongs to nothing yet, and knows the three founders.
    fn join(&mut self) {
        let id = NodeId(self.nodes.len() as u64 + 1);
        let storage = MemStorage::with_voters([1, 2, 3].map(NodeId));
        self.nodes.push(node(id, &storage, &options()));
        self.storages.push(storage);
    }

    fn propose(&mut self, id: usize, command: &'static str) -> Ticket<usize> {
        let (completion, ticket) = Completion::ticket();
        self.node(id).propose(Bytes::from_static(command.as_bytes()), completion);
        ticket
    }

    fn query(&mut self, id: usize) -> Ticket<Vec<String>> {
        let (completion, ticket) = Completion::ticket();
        self.node(id).query((), Consistency::Linearizable, completion);
        ticket
    }

    /// Runs every node and carries every message, until nothing is left; what was carried.
    fn settle(&mut self) -> Vec<Envelope> {
        let mut carried = Vec::new();
        loop {
            let mut outgoing = Outgoing::default();
            for node in &mut self.nodes {
                node.run(&mut outgoing);
            }
            if outgoing.0.is_empty() {
                return carried;
            }
            for envelope in outgoing.0 {
                let is_cut = [envelope.from, envelope.to].iter().any(|node| self.cut_off.contains(&node.0));
                if is_cut || (self.is_lost)(&envelope) {
                    continue;
                }
                carried.push(envelope.clone());
                let to = usize::try_from(envelope.to.0).unwrap();
                // Some members do not run yet.
                if let Some(node) = self.nodes.get_mut(to - 1) {
                    node.driver.on_message(envelope).unwrap();
                }
            }
        }
    }

    fn tick(&mut self, count: u32) {
        for _ in 0..count {
            self.nodes.iter_mut().for_each(|node| node.driver.on_tick());
            self.settle();
        }
    }

    fn lines(&mut self, id: usize) -> Vec<String> {
        self.nodes[id - 1].applier.state_machine().lines.clone()
    }
}

fn refused<T>(reason: RefusalReason, leader: Option<u64>) -> Outcome<T> {
    Outcome::refused(reason, leader.map(NodeId))
}

#[test]
fn a_proposal_is_answered_once_it_is_applied_whoever_took_it() {
    let mut cluster = Cluster::new(3, &options());
    let (mut at_leader, mut at_follower) = (cluster.propose(1, "a"), cluster.propose(2, "b"));
    assert_eq!(at_leader.try_take(), None);
    cluster.settle();
    assert_eq!(at_leader.try_take(), Some(Outcome::Applied(1)));
    assert_eq!(at_follower.try_take(), Some(Outcome::Applied(2)));
    for id in 1..=3 {
        assert_eq!(cluster.lines(id), ["a", "b"]);
    }
}

#[test]
fn a_batch_ends_once_and_before_its_responses() {
    let mut cluster = Cluster::new(1, &options());
    let batches = Arc::clone(&cluster.nodes[0].applier.state_machine().batches);
    let before = batches.load(Ordering::Relaxed);
    let (told, outcomes) = unbounded();
    for command in ["a", "b", "c"] {
        let (batches, told) = (Arc::clone(&batches), told.clone());
        let tell = move |outcome| told.send((outcome, batches.load(Ordering::Relaxed))).unwrap();
        cluster.node(1).propose(command.into(), Completion::callback(tell));
    }
    cluster.settle();
    let outcomes: Vec<_> = outcomes.try_iter().collect();
    assert_eq!(outcomes, [1, 2, 3].map(|line| (Outcome::Applied(line), before + 1)));
}

#[test]
fn without_a_leader_a_proposal_is_refused_and_a_query_waits() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off = [1, 2, 3].into();
    cluster.tick(30);
    let (mut proposal, mut query) = (cluster.propose(2, "a"), cluster.query(2));
    assert_eq!(proposal.try_take(), Some(refused(RefusalReason::NoLeader, None)));
    cluster.tick(3);
    assert_eq!(query.try_take(), None);
    cluster.cut_off.clear();
    cluster.tick(40);
    assert_eq!(query.try_take(), Some(Outcome::Applied(vec![])));
}

#[test]
fn a_query_that_no_quorum_confirms_is_refused_in_the_end() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let mut query = cluster.query(1);
    cluster.tick(50);
    assert_eq!(query.try_take(), None);
    cluster.tick(1);
    assert_eq!(query.try_take(), Some(refused(RefusalReason::ReadTimeout, None)));
    assert_eq!(cluster.node(1).status().waiting_queries, 0);
}

#[test]
fn queries_of_one_turn_share_one_read() {
    let mut cluster = Cluster::new(3, &options());
    let mut queries: Vec<_> = (0..5).map(|_| cluster.query(2)).collect();
    let carried = cluster.settle();
    let is_read = |envelope: &&Envelope| matches!(envelope.message, Message::ReadIndex { .. });
    assert_eq!(carried.iter().filter(is_read).count(), 1);
    assert!(queries.iter_mut().all(|query| query.try_take() == Some(Outcome::Applied(vec![]))));
}

#[test]
fn a_query_waits_until_as_much_is_applied_as_its_leader_had_committed() {
    let mut cluster = Cluster::new(3, &options());
    cluster.is_lost =
        |envelope| envelope.to == NodeId(2) && matches!(envelope.message, Message::AppendRequest { .. });
    let mut proposal = cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(proposal.try_take(), Some(Outcome::Applied(1)));
    let mut query = cluster.query(2);
    cluster.settle();
    assert_eq!(query.try_take(), None, "its leader has answered, but this node lacks an entry");
    cluster.is_lost = |_| false;
    cluster.tick(5);
    assert_eq!(query.try_take(), Some(Outcome::Applied(vec!["a".to_owned()])));
}

#[test]
fn a_read_whose_message_is_lost_is_asked_again_though_the_leader_stays() {
    let mut cluster = Cluster::new(3, &options());
    cluster.is_lost = |envelope| matches!(envelope.message, Message::ReadIndex { .. });
    let mut query = cluster.query(2);
    cluster.settle();
    cluster.is_lost = |_| false;
    cluster.tick(15);
    assert_eq!(query.try_take(), Some(Outcome::Applied(vec![])));
}

#[test]
fn a_lost_read_is_asked_again_and_sees_what_the_next_leader_did() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let mut query = cluster.query(1);
    // The others elect a leader and go on without the first.
    cluster.tick(40);
    let mut proposal = cluster.propose(2, "a");
    cluster.settle();
    assert!(matches!(proposal.try_take(), Some(Outcome::Applied(_))));
    assert_eq!(query.try_take(), None);
    cluster.cut_off.clear();
    cluster.tick(9);
    assert_eq!(query.try_take(), Some(Outcome::Applied(vec!["a".to_owned()])));
}

#[test]
fn who_is_far_behind_is_sent_a_snapshot() {
    let options = Options { compact_after_bytes: 100, keep_entries: 2, ..options() };
    let mut cluster = Cluster::new(3, &options);
    cluster.cut_off.insert(3);
    for _ in 0..30 {
        cluster.propose(1, "x").on_done(drop);
        cluster.settle();
        for node in &mut cluster.nodes {
            node.make_snapshot();
        }
    }
    assert!(cluster.node(1).counters.snapshots_made > 2);
    assert!(cluster.storages[0].first_index().unwrap() > LogIndex(20));
    cluster.cut_off.clear();
    cluster.tick(5);
    assert_eq!(cluster.node(3).counters.snapshots_restored, 1);
    assert_eq!(cluster.lines(3), cluster.lines(1));
    assert_eq!(cluster.lines(3).len(), 30);
}

#[test]
fn a_node_starts_again_from_its_snapshot() {
    let options = Options { compact_after_bytes: 100, keep_entries: 2, ..options() };
    let mut cluster = Cluster::new(1, &options);
    for _ in 0..10 {
        cluster.propose(1, "x").on_done(drop);
        cluster.settle();
        cluster.nodes[0].make_snapshot();
    }
    let storage = cluster.storages[0].clone();
    let mut node = Member::new(Config::new(NodeId(1), 99), &storage, &options);
    let restored = node.applier.state_machine().lines.len();
    let applied = node.driver.applied;
    assert!(restored > 0 && applied > LogIndex(3), "restored {restored} up to {applied}");
    node.driver.campaign();
    node.run(&mut Outgoing::default());
    assert_eq!(node.applier.state_machine().lines.len(), 10);
}

#[test]
fn a_snapshot_that_panics_is_counted_and_the_next_is_made() {
    let mut cluster = Cluster::new(1, &Options { compact_after_bytes: 50, ..options() });
    let fail: SnapshotWriter = Box::new(|_| panic!("no memory"));
    for _ in 0..2 {
        cluster.propose(1, "x").on_done(drop);
        cluster.settle();
    }
    assert!(cluster.node(1).take_snapshot_task().is_none());
    cluster.propose(1, "x").on_done(drop);
    cluster.settle();
    assert!(cluster.node(1).take_snapshot_task().is_some());
    let membership = cluster.node(1).status().core.membership;
    let request = cluster.node(1).compaction.request(EntryId::new(1, 3), membership);
    cluster.nodes[0].keep(SnapshotTask::new(request, fail).run());
    assert_eq!(cluster.node(1).counters.snapshots_failed, 1);
    for _ in 0..4 {
        cluster.propose(1, "x").on_done(drop);
        cluster.settle();
    }
    assert!(cluster.nodes[0].make_snapshot());
    assert_eq!(cluster.node(1).counters.snapshots_made, 1);
}

#[test]
fn messages_that_make_no_sense_are_counted_and_change_nothing() {
    let mut cluster = Cluster::new(3, &options());
    let term = cluster.node(1).status().core.hard_state.term;
    let nonsense = [
        Envelope {
            from: NodeId(9),
            to: NodeId(7),
            term,
            message: Message::CommitNotice { commit: LogIndex(1) },
        },
        Envelope {
            from: NodeId(9),
            to: NodeId(1),
            term,
            message: Message::AppendAccepted { matched: LogIndex(u64::MAX) },
        },
        Envelope {
            from: NodeId(1),
            to: NodeId(1),
            term,
            message: Message::VoteResponse { granted: true, committed: None },
        },
        Envelope {
            from: NodeId(2),
            to: NodeId(1),
            term,
            message: Message::CommitNotice { commit: LogIndex(u64::MAX) },
        },
        Envelope {
            from: NodeId(2),
            to: NodeId(1),
            term: Term::ZERO,
            message: Message::ReadIndex { token: Bytes::from_static(b"?") },
        },
    ];
    for envelope in nonsense {
        cluster.node(1).on_message(envelope).unwrap();
    }
    assert_eq!(cluster.node(1).counters.messages_rejected, 4);
    let mut ticket = cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(ticket.try_take(), Some(Outcome::Applied(1)));
}

#[test]
fn too_many_that_wait_are_refused() {
    let mut cluster = Cluster::new(1, &Options { max_pending_requests: 2, ..options() });
    let mut tickets: Vec<_> = ["a", "b", "c"].map(|command| cluster.propose(1, command)).into();
    let mut queries: Vec<_> = (0..3).map(|_| cluster.query(1)).collect();
    assert_eq!(tickets[2].try_take(), Some(refused(RefusalReason::Busy, Some(1))));
    assert_eq!(queries[2].try_take(), Some(refused(RefusalReason::Busy, Some(1))));
    cluster.settle();
    assert_eq!(tickets[1].try_take(), Some(Outcome::Applied(2)));
    assert!(queries[1].try_take().is_some());
}

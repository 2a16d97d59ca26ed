//! Loop, writer and applier side by side: what is slow in one keeps the others waiting for nothing.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use quorate::{
    Config, Handle, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, Outcome, Ready, RestoreError,
    RoleKind, Snapshot, SnapshotSaver, SnapshotWriter, StateMachine, StorageError, StorageWriter, Ticket,
    runtime::{Part, StopReason, UnknownReason},
};
use slog::{Discard, Logger, o};

use crate::cluster::{PATIENCE, eventually, options, outcome};

const ALL: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// Open at first; who comes when it is closed waits.
#[derive(Clone, Default)]
struct Gate {
    is_closed: Arc<(Mutex<bool>, Condvar)>,
    waiting: Arc<AtomicUsize>,
}

impl Gate {
    fn close(&self) {
        *self.is_closed.0.lock() = true;
    }

    fn open(&self) {
        *self.is_closed.0.lock() = false;
        self.is_closed.1.notify_all();
    }

    fn pass(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let mut is_closed = self.is_closed.0.lock();
        self.is_closed.1.wait_while(&mut is_closed, |is_closed| *is_closed);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Waits until somebody stands before it.
    fn has_stopped_somebody(&self) {
        eventually("somebody stands before the gate", || {
            (self.waiting.load(Ordering::Relaxed) > 0).then_some(())
        });
    }
}

/// The name of the thread that came last.
#[derive(Clone, Default)]
struct ThreadName(Arc<Mutex<String>>);

impl ThreadName {
    fn note(&self) {
        thread::current().name().unwrap_or_default().clone_into(&mut self.0.lock());
    }
}

/// A disk whose syncs go through a gate.
struct Disk {
    inner: MemStorage,
    gate: Gate,
    thread: ThreadName,
    waits: bool,
}

impl StorageWriter for Disk {
    type Reader = MemStorage;

    fn reader(&self) -> MemStorage {
        self.inner.reader()
    }

    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        self.inner.stage(ready)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.thread.note();
        self.gate.pass();
        self.inner.sync()
    }

    fn waits_for_device(&self) -> bool {
        self.waits
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        self.inner.snapshot_saver()
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        self.inner.compact(snapshot, keep)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        self.inner.snapshot()
    }
}

/// A state machine whose commands go through a gate; it counts them.
#[derive(Clone, Default)]
struct Machine {
    count: u64,
    gate: Gate,
    thread: ThreadName,
    snapshot_thread: ThreadName,
    has_endless_snapshots: bool,
}

impl StateMachine for Machine {
    type Response = u64;
    type Query = ();
    type Answer = u64;

    fn apply(&mut self, _index: LogIndex, _command: &Bytes) -> u64 {
        self.thread.note();
        self.gate.pass();
        self.count += 1;
        self.count
    }

    fn query(&self, (): ()) -> u64 {
        self.count
    }

    fn snapshot(&self) -> SnapshotWriter {
        let (count, thread) = (self.count, self.snapshot_thread.clone());
        let is_endless = self.has_endless_snapshots;
        Box::new(move |output| {
            thread.note();
            output.write_all(&count.to_be_bytes())?;
            let pieces = if is_endless { usize::MAX } else { 0 };
            (0..pieces).try_for_each(|_| {
                thread::sleep(Duration::from_millis(1));
                output.write_all(b"more")
            })
        })
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut count = [0; 8];
        snapshot.read_exact(&mut count)?;
        self.count = u64::from_be_bytes(count);
        Ok(())
    }
}

/// One node's parts that a test holds on to.
struct Parts {
    config: Config,
    options: Options,
    disk: Gate,
    disk_thread: ThreadName,
    disk_waits: bool,
    machine: Machine,
}

impl Parts {
    /// With writer and applier of their own.
    fn new(id: NodeId) -> Self {
        let mut options = options();
        options.apply_in_line = false;
        let (disk, disk_thread, machine) = (Gate::default(), ThreadName::default(), Machine::default());
        Self { config: Config::new(id, id.0), options, disk, disk_thread, disk_waits: true, machine }
    }

    fn start(&self, voters: &[NodeId], network: &MemNetwork) -> Node<Machine> {
        let (id, logger) = (self.config.id, Logger::root(Discard, o!()));
        let disk = Disk {
            inner: MemStorage::with_voters(voters.to_vec()),
            gate: self.disk.clone(),
            thread: self.disk_thread.clone(),
            waits: self.disk_waits,
        };
        let (config, options, machine) = (self.config.clone(), self.options.clone(), self.machine.clone());
        let node = Node::start(config, options, machine, disk, network.transport(id), logger).unwrap();
        network.attach(id, node.handle());
        node
    }

    /// Alone, and leading.
    fn start_alone(&self) -> Node<Machine> {
        let node = self.start(&[self.config.id], &MemNetwork::new());
        node.handle().campaign();
        eventually("it leads", || leads(&node.handle()).then_some(()));
        node
    }
}

fn leads(handle: &Handle<Machine>) -> bool {
    handle.status().core.role == RoleKind::Leader
}

/// Three nodes, of which n1 leads.
fn start_three(first: &Parts) -> Vec<Node<Machine>> {
    let network = MemNetwork::new();
    let others = [NodeId(2), NodeId(3)].map(Parts::new);
    let nodes: Vec<_> = [first].into_iter().chain(&others).map(|parts| parts.start(&ALL, &network)).collect();
    eventually("n1 leads", || {
        nodes[0].handle().campaign();
        let is_known = |node: &Node<Machine>| node.handle().status().core.leader == Some(NodeId(1));
        nodes.iter().all(is_known).then_some(())
    });
    nodes
}

/// Lets some election timeouts pass; n1 must still lead in the same term afterwards.
fn keeps_its_office(nodes: &[Node<Machine>], meanwhile: impl FnOnce()) {
    let term = nodes[0].handle().status().core.hard_state.term;
    meanwhile();
    let ticks = |node: &Node<Machine>| node.handle().status().counters.ticks;
    let begin = ticks(&nodes[1]);
    eventually("election timeouts pass", || (ticks(&nodes[1]) > begin + 60).then_some(()));
    for node in nodes {
        let core = node.handle().status().core;
        assert_eq!((core.leader, core.hard_state.term), (Some(NodeId(1)), term), "{}", core.id);
    }
}

fn propose_many(handle: &Handle<Machine>, count: usize) -> Vec<Ticket<u64>> {
    (0..count).map(|_| handle.propose("x")).collect()
}

#[test]
fn a_disk_that_is_slow_keeps_no_heartbeat_waiting_and_promises_nothing_early() {
    let mut first = Parts::new(NodeId(1));
    first.config.write_stall_ticks = 100_000;
    let nodes = start_three(&first);
    let handle = nodes[0].handle();
    let mut ticket = None;
    keeps_its_office(&nodes, || {
        first.disk.close();
        ticket = Some(handle.propose("x"));
    });
    // The others have committed it, but a crash of n1 would take it out of its log.
    let mut ticket = ticket.unwrap();
    assert_eq!(ticket.try_take(), None);
    let status = handle.status();
    assert!(
        status.readys_being_written > 0 && status.core.hard_state.commit > status.core.durable,
        "{status}"
    );
    first.disk.open();
    assert_eq!(outcome(ticket), Outcome::Applied(1));
}

#[test]
fn a17_leader_whose_disk_hangs_makes_way_though_its_heartbeats_go_on() {
    let mut first = Parts::new(NodeId(1));
    first.config.write_stall_ticks = 20;
    let nodes = start_three(&first);
    first.disk.close();
    let stalled = nodes[0].handle().propose("x");
    let second = eventually("another leads", || {
        nodes[1..].iter().map(Node::handle).find(leads).filter(|handle| handle.status().core.leader.is_some())
    });
    let applied = eventually("it does more", || outcome(second.propose("y")).applied());
    first.disk.open();
    // Whoever took over had it from n1, or has put something else in its place.
    match outcome(stalled) {
        Outcome::Applied(count) => assert_eq!((count, applied), (1, 2)),
        Outcome::NotAccepted(_) => assert_eq!(applied, 1),
        Outcome::Unknown(UnknownReason::Undecided) => {}
        Outcome::Unknown(reason) => panic!("{reason}"),
    }
}

#[test]
fn a_state_machine_that_is_slow_keeps_no_heartbeat_waiting() {
    let first = Parts::new(NodeId(1));
    let nodes = start_three(&first);
    let handle = nodes[0].handle();
    let (mut tickets, mut query) = (Vec::new(), None);
    keeps_its_office(&nodes, || {
        first.machine.gate.close();
        tickets = propose_many(&handle, 10);
        query = Some(handle.query(()));
    });
    let status = handle.status();
    assert!(status.entries_being_applied > 0, "{status}");
    assert!(tickets.iter_mut().all(|ticket| ticket.try_take().is_none()));
    first.machine.gate.open();
    for (ticket, count) in tickets.into_iter().zip(1..) {
        assert_eq!(outcome(ticket), Outcome::Applied(count));
    }
    assert!(matches!(outcome(query.unwrap()), Outcome::Applied(_)));
}

#[test]
fn a_state_machine_that_falls_behind_is_handed_no_more_than_is_allowed() {
    let mut parts = Parts::new(NodeId(1));
    parts.config.max_applying_bytes = 1;
    let node = parts.start_alone();
    let handle = node.handle();
    parts.machine.gate.close();
    let first = handle.propose("x");
    parts.machine.gate.has_stopped_somebody();
    let others = propose_many(&handle, 100);
    let status = eventually("all are committed", || {
        let status = handle.status();
        (status.core.hard_state.commit >= LogIndex(102)).then_some(status)
    });
    assert_eq!(status.entries_being_applied, 1, "{status}");
    parts.machine.gate.open();
    assert_eq!(outcome(first), Outcome::Applied(1));
    for (ticket, count) in others.into_iter().zip(2..) {
        assert_eq!(outcome(ticket), Outcome::Applied(count));
    }
}

#[test]
fn a_read_waits_until_what_was_committed_before_it_is_applied() {
    let parts = Parts::new(NodeId(1));
    let node = parts.start_alone();
    let handle = node.handle();
    parts.machine.gate.close();
    let command = handle.propose("x");
    parts.machine.gate.has_stopped_somebody();
    let mut query = handle.query(());
    eventually("it is with the applier", || {
        // Not refused, not answered: handed out behind the command.
        (handle.status().waiting_queries == 1).then_some(())
    });
    assert_eq!(query.try_take(), None);
    parts.machine.gate.open();
    assert_eq!(outcome(query), Outcome::Applied(1));
    assert_eq!(outcome(command), Outcome::Applied(1));
}

#[test]
fn what_waits_for_the_disk_is_written_with_one_sync() {
    let parts = Parts::new(NodeId(1));
    let node = parts.start_alone();
    let handle = node.handle();
    parts.disk.close();
    let first = handle.propose("x");
    parts.disk.has_stopped_somebody();
    let mut tickets = Vec::new();
    for count in 1..=20 {
        tickets.push(handle.propose("x"));
        // One Ready each: the next comes when this one is on its way.
        eventually("it was handed out", || (handle.status().readys_being_written > count).then_some(()));
    }
    let before = handle.status().counters.syncs;
    parts.disk.open();
    assert_eq!(outcome(first), Outcome::Applied(1));
    tickets.into_iter().for_each(|ticket| assert!(matches!(outcome(ticket), Outcome::Applied(_))));
    let syncs = eventually("it is told in the status", || {
        let counters = handle.status().counters;
        (counters.entries_written >= 22).then_some(counters.syncs - before)
    });
    assert_eq!(syncs, 2, "the one that hung, and one for all the others");
}

#[test]
fn each_part_has_a_thread_of_its_own_that_tells_whose_it_is() {
    let mut parts = Parts::new(NodeId(7));
    parts.options.compact_after_bytes = 1;
    let node = parts.start_alone();
    for count in 1..=3 {
        assert_eq!(outcome(node.handle().propose("x")), Outcome::Applied(count));
    }
    eventually("a snapshot is made", || (node.handle().status().counters.snapshots_made > 0).then_some(()));
    node.stop().unwrap();
    let name = |thread: &ThreadName| thread.0.lock().clone();
    assert_eq!(name(&parts.disk_thread), "quorate-n7-writer");
    assert_eq!(name(&parts.machine.thread), "quorate-n7-applier");
    assert_eq!(name(&parts.machine.snapshot_thread), "quorate-n7-snapshot");

    (parts.options.apply_in_line, parts.disk_waits) = (true, false);
    let node = parts.start_alone();
    assert_eq!(outcome(node.handle().propose("x")), Outcome::Applied(1));
    assert_eq!(name(&parts.disk_thread), "quorate-n7");
    assert_eq!(name(&parts.machine.thread), "quorate-n7");
}

#[test]
fn a_node_that_is_stopped_ends_what_it_has_in_hand() {
    let parts = Parts::new(NodeId(1));
    let node = parts.start_alone();
    let handle = node.handle();
    parts.machine.gate.close();
    let tickets = propose_many(&handle, 10);
    eventually("all are handed out", || {
        let status = handle.status();
        (status.core.hard_state.commit >= LogIndex(11) && status.entries_being_applied >= 10).then_some(())
    });
    let stop = thread::spawn(move || node.stop());
    eventually("it stops", || handle.stop_reason());
    parts.machine.gate.open();
    for (ticket, count) in tickets.into_iter().zip(1..) {
        assert_eq!(outcome(ticket), Outcome::Applied(count));
    }
    stop.join().unwrap().unwrap();
}

/// A node that is stopped while `hang` hangs: what it says, and what becomes of a command and one behind it.
fn stopped_with(hang: impl Fn(&Parts) -> &Gate, parts: &Parts) -> (StopReason, [Outcome<u64>; 2]) {
    let node = parts.start_alone();
    let handle = node.handle();
    hang(parts).close();
    let first = handle.propose("x");
    hang(parts).has_stopped_somebody();
    let second = handle.propose("x");
    let reason = node.stop().unwrap_err();
    let outcomes = [first, second].map(|ticket| ticket.wait(Duration::ZERO).unwrap());
    hang(parts).open();
    (reason, outcomes)
}

#[test]
fn i6_a_state_machine_or_disk_that_hangs_does_not_hang_the_stop_and_leaves_nobody_waiting() {
    let mut parts = Parts::new(NodeId(1));
    parts.options.stop_timeout = Duration::from_millis(50);
    let unknown = Outcome::Unknown(UnknownReason::Stopped);
    let (reason, outcomes) = stopped_with(|parts| &parts.machine.gate, &parts);
    assert!(matches!(reason, StopReason::Hung(Part::StateMachine)), "{reason}");
    assert_eq!(outcomes[0], unknown, "it is in the state machine's hands");
    let (reason, outcomes) = stopped_with(|parts| &parts.disk, &parts);
    assert!(matches!(reason, StopReason::Hung(Part::Storage)), "{reason}");
    assert_eq!(outcomes[0], unknown);
}

#[test]
fn i6_what_hangs_in_line_does_not_hang_the_stop() {
    let mut parts = Parts::new(NodeId(1));
    parts.options.stop_timeout = Duration::from_millis(50);
    (parts.options.apply_in_line, parts.options.hand_over_ticks) = (true, 0);
    let node = parts.start_alone();
    let handle = node.handle();
    parts.machine.gate.close();
    let ticket = handle.propose("x");
    parts.machine.gate.has_stopped_somebody();
    let reason = node.stop().unwrap_err();
    assert!(matches!(reason, StopReason::Hung(Part::Loop)), "{reason}");
    assert!(matches!(outcome(handle.propose("too late")), Outcome::NotAccepted(_)));
    parts.machine.gate.open();
    assert_eq!(ticket.wait(PATIENCE).unwrap(), Outcome::Applied(1), "it comes back after all");
}

#[test]
fn a_snapshot_under_way_does_not_hold_the_stop_up() {
    let mut parts = Parts::new(NodeId(1));
    parts.options.compact_after_bytes = 1;
    parts.machine.has_endless_snapshots = true;
    let node = parts.start_alone();
    assert_eq!(outcome(node.handle().propose("x")), Outcome::Applied(1));
    eventually("it is begun", || (!parts.machine.snapshot_thread.0.lock().is_empty()).then_some(()));
    node.stop().unwrap();
}

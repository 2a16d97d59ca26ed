//! A cluster whose state machines keep a journal that the test can read.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use quorate::{
    Config, Handle, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, Outcome, RestoreError, RoleKind,
    SnapshotWriter, StateMachine, Ticket,
};
use slog::{Discard, Logger, o};

/// How long a test waits for what must come in the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Remembers every command in order; `panic` it does not survive.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Journal {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().clone()
    }
}

impl StateMachine for Journal {
    type Response = usize;
    type Query = ();
    type Answer = Vec<String>;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> usize {
        assert_ne!(&**command, b"panic", "it was told to");
        let mut lines = self.lines.lock();
        lines.push(String::from_utf8_lossy(command).into_owned());
        lines.len()
    }

    fn query(&self, (): ()) -> Vec<String> {
        self.lines()
    }

    fn snapshot(&self) -> SnapshotWriter {
        let lines = self.lines();
        Box::new(move |output| lines.iter().try_for_each(|line| writeln!(output, "{line}")))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        *self.lines.lock() = io::read_to_string(snapshot)?.lines().map(str::to_owned).collect();
        Ok(())
    }
}

pub(crate) struct Cluster {
    pub(crate) network: MemNetwork,
    pub(crate) journals: BTreeMap<NodeId, Journal>,
    nodes: BTreeMap<NodeId, Node<Journal>>,
    storages: BTreeMap<NodeId, MemStorage>,
    options: Options,
    starts: u64,
}

/// Quick, but with election timeouts that a busy machine keeps.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.tick = Duration::from_millis(20);
    options
}

impl Cluster {
    /// Nodes 1 to `size`, all running.
    pub(crate) fn start(size: u64, options: Options) -> Self {
        Self::of(&(1..=size).map(NodeId).collect::<Vec<_>>(), options)
    }

    /// These nodes, all running.
    pub(crate) fn of(voters: &[NodeId], options: Options) -> Self {
        let storage = |id: &NodeId| (*id, MemStorage::with_voters(voters.to_vec()));
        let storages = voters.iter().map(storage).collect();
        let network = MemNetwork::new();
        let (journals, nodes) = (BTreeMap::new(), BTreeMap::new());
        let mut cluster = Self { network, journals, nodes, storages, options, starts: 0 };
        voters.iter().for_each(|id| cluster.start_node(*id));
        cluster
    }

    /// Starts a node from what its storage holds, with an empty state machine. Every other node applies in line.
    pub(crate) fn start_node(&mut self, id: NodeId) {
        self.starts += 1;
        let mut options = self.options.clone();
        options.apply_in_line = id.0 % 2 == 1;
        let mut config = Config::new(id, self.starts);
        config.max_log_bytes_in_memory = 0;
        config.snapshot_ticks = 20;
        let journal = Journal::default();
        let node = Node::start(
            config,
            options,
            journal.clone(),
            self.storages[&id].clone(),
            self.network.transport(id),
            Logger::root(Discard, o!()),
        );
        let node = node.unwrap();
        self.network.attach(id, node.handle());
        self.journals.insert(id, journal);
        self.nodes.insert(id, node);
    }

    /// Starts a node that belongs to nothing yet, and knows the three founders.
    pub(crate) fn join(&mut self, id: NodeId) {
        self.storages.insert(id, MemStorage::with_voters([1, 2, 3].map(NodeId)));
        self.start_node(id);
    }

    /// The node, which is no longer part of the cluster.
    pub(crate) fn take(&mut self, id: NodeId) -> Node<Journal> {
        self.nodes.remove(&id).unwrap()
    }

    pub(crate) fn handle(&self, id: NodeId) -> Handle<Journal> {
        self.nodes[&id].handle()
    }

    /// Waits until exactly one of the nodes that can reach a majority leads; which one.
    pub(crate) fn leader(&self) -> NodeId {
        self.leader_other_than(None)
    }

    /// As [`leader`](Self::leader), but not this one, which may still think that it leads.
    pub(crate) fn leader_other_than(&self, not: Option<NodeId>) -> NodeId {
        eventually("somebody leads, and the others know", || {
            let handles = self.nodes.iter().filter(|(id, _)| Some(**id) != not);
            let cores: Vec<_> = handles.map(|(_, node)| node.handle().status().core).collect();
            let leader = cores.iter().find(|core| core.role == RoleKind::Leader)?;
            cores.iter().all(|core| core.leader == Some(leader.id)).then_some(leader.id)
        })
    }

    pub(crate) fn follower(&self) -> NodeId {
        let leader = self.leader();
        self.nodes.keys().copied().find(|id| *id != leader).unwrap()
    }

    /// Proposes again and again until it is applied: what is refused may be, for nothing was done.
    pub(crate) fn apply(&self, id: NodeId, command: &'static str) -> usize {
        eventually("a command is applied", || match outcome(self.handle(id).propose(command)) {
            Outcome::Applied(response) => Some(response),
            Outcome::NotAccepted(_) => None,
            Outcome::Unknown(reason) => panic!("{command}: {reason}"),
        })
    }

    /// Waits until all nodes' journals say the same as this one's.
    pub(crate) fn agree_with(&self, id: NodeId) -> Vec<String> {
        eventually("all journals say the same", || {
            let lines = self.journals[&id].lines();
            self.journals.values().all(|journal| journal.lines() == lines).then_some(lines)
        })
    }
}

/// The outcome, which must come.
pub(crate) fn outcome<T>(ticket: Ticket<T>) -> Outcome<T> {
    ticket.wait(PATIENCE).unwrap_or_else(|pending| panic!("{pending}"))
}

/// Waits until `condition` gives something.
pub(crate) fn eventually<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(value) = condition() {
            return value;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("waited in vain until {what}");
}

//! Three nodes that count, of which any may be stopped and started again.

use std::{
    collections::BTreeMap,
    io::Read,
    time::{Duration, Instant},
};

use bytes::Bytes;
use parking_lot::Mutex;
use quorate::{
    Config, Handle, LogIndex, MemNetwork, MemStorage, Node, NodeId, Options, Outcome, RestoreError, RoleKind,
    SnapshotWriter, StateMachine, Ticket,
    sessions::{Session, SessionOptions, SessionResponse, Sessions},
};
use slog::{Discard, Logger, o};

/// How long a test waits for what must come in the end.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const VOTERS: [NodeId; 3] = [NodeId(1), NodeId(2), NodeId(3)];

/// Counts `increment`s; other commands it answers and does not count.
#[derive(Default)]
pub(crate) struct Counter {
    total: u64,
}

impl StateMachine for Counter {
    type Response = u64;
    type Query = ();
    type Answer = u64;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> u64 {
        self.total += u64::from(&**command == b"increment");
        self.total
    }

    fn query(&self, (): ()) -> u64 {
        self.total
    }

    fn snapshot(&self) -> SnapshotWriter {
        let total = self.total.to_le_bytes();
        Box::new(move |output| output.write_all(&total))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut total = [0; 8];
        snapshot.read_exact(&mut total)?;
        self.total = u64::from_le_bytes(total);
        Ok(())
    }
}

pub(crate) struct Cluster {
    pub(crate) network: MemNetwork,
    nodes: Mutex<BTreeMap<NodeId, Node<Sessions<Counter>>>>,
    storages: BTreeMap<NodeId, MemStorage>,
    starts: Mutex<u64>,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        let cluster = Self {
            network: MemNetwork::new(),
            nodes: Mutex::default(),
            storages: VOTERS.map(|id| (id, MemStorage::with_voters(VOTERS))).into(),
            starts: Mutex::new(0),
        };
        cluster.start_all();
        cluster
    }

    pub(crate) fn start_all(&self) {
        VOTERS.into_iter().for_each(|id| self.start_node(id));
    }

    /// Starts a node from what its storage holds.
    pub(crate) fn start_node(&self, id: NodeId) {
        let mut starts = self.starts.lock();
        *starts += 1;
        // Quick, but with election timeouts that a busy machine keeps; and with snapshots all the time, so that what
        // sessions remember must come through them.
        let mut options = Options::default();
        options.tick = Duration::from_millis(20);
        options.unknown_after_ticks = 20;
        options.compact_after_bytes = 2_000;
        options.keep_entries = 10;
        let node = Node::start(
            Config::new(id, *starts),
            options,
            Sessions::<Counter>::default(),
            self.storages[&id].clone(),
            self.network.transport(id),
            Logger::root(Discard, o!()),
        );
        let node = node.unwrap();
        self.network.attach(id, node.handle());
        self.nodes.lock().insert(id, node);
    }

    pub(crate) fn stop(&self, id: NodeId) {
        // Taken out first: others must not wait for the lock meanwhile.
        let node = self.nodes.lock().remove(&id).unwrap();
        node.stop().unwrap();
    }

    pub(crate) fn stop_all(&self) {
        VOTERS.into_iter().for_each(|id| self.stop(id));
    }

    pub(crate) fn handle(&self, id: NodeId) -> Handle<Sessions<Counter>> {
        self.nodes.lock()[&id].handle()
    }

    /// A handle on the node; waits until it runs.
    pub(crate) fn running_handle(&self, id: NodeId) -> Handle<Sessions<Counter>> {
        eventually("the node runs", || self.nodes.lock().get(&id).map(Node::handle))
    }

    pub(crate) fn open(&self, id: NodeId) -> Session<Counter> {
        Session::open(self.running_handle(id), SessionOptions::default(), PATIENCE).unwrap()
    }

    /// Waits until one of the running nodes leads, and the others know.
    pub(crate) fn leader(&self) -> NodeId {
        self.leader_other_than(None)
    }

    /// As [`leader`](Self::leader), but not this one, which may still think that it leads.
    pub(crate) fn leader_other_than(&self, not: Option<NodeId>) -> NodeId {
        eventually("somebody leads, and the others know", || {
            let nodes = self.nodes.lock();
            let handles = nodes.iter().filter(|(id, _)| Some(**id) != not);
            let cores: Vec<_> = handles.map(|(_, node)| node.handle().status().core).collect();
            let leader = cores.iter().find(|core| core.role == RoleKind::Leader)?;
            cores.iter().all(|core| core.leader == Some(leader.id)).then_some(leader.id)
        })
    }

    pub(crate) fn follower(&self) -> NodeId {
        let leader = self.leader();
        VOTERS.into_iter().find(|id| *id != leader).unwrap()
    }

    /// Proposes these bytes through a node until they are applied there, which may be more than once.
    pub(crate) fn apply(&self, id: NodeId, command: &Bytes) -> SessionResponse<u64> {
        eventually("a command is applied", || outcome(self.handle(id).propose(command.clone())).applied())
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

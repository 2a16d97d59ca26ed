//! A cluster of nodes with storage in memory, connected over TCP.

use std::{collections::BTreeMap, io::Read, net::SocketAddr, sync::Arc};

use bytes::{Buf as _, Bytes};
use parking_lot::Mutex;
use quorate::{
    Config, Handle, LogIndex, MemStorage, Node, NodeId, Options, Outcome, RestoreError, RoleKind,
    SnapshotWriter, StateMachine, TcpOptions, TcpTransport, transport::tcp::Identity,
};
use slog::{Discard, Logger, o};

use crate::wait::{PATIENCE, eventually};

pub(crate) const CLUSTER: u64 = 7;

/// Remembers every command in order.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    lines: Arc<Mutex<Vec<Bytes>>>,
}

impl Journal {
    pub(crate) fn len(&self) -> usize {
        self.lines.lock().len()
    }

    pub(crate) fn lines(&self) -> Vec<Bytes> {
        self.lines.lock().clone()
    }

    pub(crate) fn last(&self) -> Option<Bytes> {
        self.lines.lock().last().cloned()
    }
}

impl StateMachine for Journal {
    type Response = usize;
    type Query = ();
    type Answer = usize;

    fn apply(&mut self, _index: LogIndex, command: &Bytes) -> usize {
        let mut lines = self.lines.lock();
        lines.push(command.clone());
        lines.len()
    }

    fn query(&self, (): ()) -> usize {
        self.len()
    }

    fn snapshot(&self) -> SnapshotWriter {
        let lines = self.lines.lock().clone();
        Box::new(move |output| {
            lines.iter().try_for_each(|line| {
                output.write_all(&(line.len() as u64).to_be_bytes())?;
                output.write_all(line)
            })
        })
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        let mut bytes = Vec::new();
        snapshot.read_to_end(&mut bytes)?;
        let mut rest = Bytes::from(bytes);
        let mut lines = Vec::new();
        while let Ok(length) = rest.try_get_u64() {
            lines.push(rest.split_to(usize::try_from(length).map_err(RestoreError::new)?));
        }
        *self.lines.lock() = lines;
        Ok(())
    }
}

pub(crate) fn logger() -> Logger {
    Logger::root(Discard, o!())
}

/// A transport of `node` on a free port.
pub(crate) fn transport(node: u64, options: TcpOptions) -> TcpTransport {
    TcpTransport::bind("127.0.0.1:0", identity(node), options, logger()).unwrap()
}

/// A transport of `node` at an address that was free a moment ago.
pub(crate) fn transport_at(address: SocketAddr, node: u64) -> TcpTransport {
    TcpTransport::bind(address, identity(node), TcpOptions::default(), logger()).unwrap()
}

pub(crate) fn identity(node: u64) -> Identity {
    Identity { cluster: CLUSTER, node: NodeId(node), incarnation: 1000 + node }
}

/// One node of a cluster.
pub(crate) struct Member {
    pub(crate) transport: TcpTransport,
    pub(crate) journal: Journal,
    node: Node<Journal>,
}

impl Member {
    pub(crate) fn handle(&self) -> Handle<Journal> {
        self.node.handle()
    }
}

pub(crate) struct Cluster {
    pub(crate) members: BTreeMap<NodeId, Member>,
}

impl Cluster {
    /// Nodes 1 to 3, each reaching the others where `address` says, given from whom, to whom, and where that listens.
    pub(crate) fn start(
        options: &Options,
        tcp: &TcpOptions,
        mut address: impl FnMut(NodeId, NodeId, &TcpTransport) -> String,
    ) -> Self {
        let voters = [1, 2, 3].map(NodeId);
        let transports = voters.map(|id| transport(id.0, tcp.clone()));
        for (own, from) in voters.iter().zip(&transports) {
            for (other, to) in voters.iter().zip(&transports).filter(|(other, _)| *other != own) {
                from.set_peer(*other, address(*own, *other, to));
            }
        }
        let member = |(id, transport)| (id, member(id, options.clone(), transport));
        Self { members: voters.into_iter().zip(transports).map(member).collect() }
    }

    /// Waits until somebody leads, and all know; which one.
    pub(crate) fn leader(&self) -> NodeId {
        self.leader_among(|_| true)
    }

    /// As [`leader`](Self::leader), of those alone that can reach each other.
    pub(crate) fn leader_among(&self, reached: impl Fn(NodeId) -> bool) -> NodeId {
        eventually("somebody leads, and the others know", || {
            let reached = self.members.iter().filter(|(id, _)| reached(**id));
            let cores: Vec<_> = reached.map(|(_, member)| member.handle().status().core).collect();
            let leader = cores.iter().find(|core| core.role == RoleKind::Leader)?;
            cores.iter().all(|core| core.leader == Some(leader.id)).then_some(leader.id)
        })
    }

    /// Proposes again and again until it is applied, possibly more than once.
    pub(crate) fn apply(&self, id: NodeId, command: &Bytes) {
        eventually("a command is applied", || self.try_apply(id, command).then_some(()));
    }

    /// Proposes once; whether it was applied.
    pub(crate) fn try_apply(&self, id: NodeId, command: &Bytes) -> bool {
        let ticket = self.members[&id].handle().propose(command.clone());
        matches!(ticket.wait(PATIENCE), Ok(Outcome::Applied(_)))
    }

    /// Waits until `id` has applied a command last.
    pub(crate) fn wait_for(&self, id: NodeId, command: &Bytes) {
        eventually("a node catches up", || (self.members[&id].journal.last()? == command).then_some(()));
    }
}

/// Quick, but with election timeouts that a busy machine keeps.
pub(crate) fn options() -> Options {
    let mut options = Options::default();
    options.tick = std::time::Duration::from_millis(20);
    options
}

fn member(id: NodeId, options: Options, transport: TcpTransport) -> Member {
    let mut config = Config::new(id, id.0);
    config.max_log_bytes_in_memory = 0;
    let storage = MemStorage::with_voters([1, 2, 3].map(NodeId));
    let journal = Journal::default();
    let node = Node::start(config, options, journal.clone(), storage, transport.sender(), logger()).unwrap();
    transport.attach(node.handle());
    Member { transport, journal, node }
}

//! A network within one process: for tests, examples and benches.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use parking_lot::RwLock;

use super::{Inbox, Transport};
use crate::consensus::{Envelope, Message, NodeId};

/// A network of nodes in one process, whose links can be cut and healed. Clones are handles on the same
/// network.
///
/// A message goes straight from the sender's thread into the receiver's inbox. One to a node that is not
/// there, or over a link that is cut, is lost without a word, as on a real network.
///
/// # Two nodes, one link
/// ```
/// use quorate::{MemNetwork, NodeId};
///
/// let network = MemNetwork::new();
/// let transport = network.transport(NodeId(1)); // for Node::start
/// // once the node runs: network.attach(NodeId(1), node.handle());
/// network.cut(NodeId(1), NodeId(2));
/// network.heal(NodeId(1), NodeId(2));
/// # drop(transport);
/// ```
#[derive(Clone, Default)]
pub struct MemNetwork {
    hub: Arc<RwLock<Hub>>,
}

#[derive(Default)]
struct Hub {
    nodes: BTreeMap<NodeId, Arc<dyn Inbox>>,
    /// From, to: what is sent this way is lost.
    cuts: BTreeSet<(NodeId, NodeId)>,
}

impl MemNetwork {
    /// A network without nodes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The sending side of `node`, to start it with.
    #[must_use]
    pub fn transport(&self, node: NodeId) -> MemTransport {
        MemTransport { node, hub: Arc::clone(&self.hub) }
    }

    /// From now on messages to `node` arrive in `inbox`; in that one alone, if there was another before.
    pub fn attach(&self, node: NodeId, inbox: impl Inbox) {
        self.hub.write().nodes.insert(node, Arc::new(inbox));
    }

    /// From now on messages to `node` are lost, until it is attached again. Cut links stay cut.
    pub fn remove(&self, node: NodeId) {
        self.hub.write().nodes.remove(&node);
    }

    /// Cuts the link between two nodes, in both directions.
    pub fn cut(&self, one: NodeId, other: NodeId) {
        self.hub.write().cuts.extend([(one, other), (other, one)]);
    }

    /// Loses what `from` sends to `to`; the other direction stays as it is.
    pub fn cut_one_way(&self, from: NodeId, to: NodeId) {
        self.hub.write().cuts.insert((from, to));
    }

    /// Heals the link between two nodes, in both directions.
    pub fn heal(&self, one: NodeId, other: NodeId) {
        self.hub.write().cuts.retain(|cut| *cut != (one, other) && *cut != (other, one));
    }

    /// Cuts every link between `node` and the nodes that are attached now.
    pub fn isolate(&self, node: NodeId) {
        let mut hub = self.hub.write();
        let others: Vec<_> = hub.nodes.keys().copied().filter(|other| *other != node).collect();
        hub.cuts.extend(others.into_iter().flat_map(|other| [(node, other), (other, node)]));
    }

    /// Heals every link.
    pub fn heal_all(&self) {
        self.hub.write().cuts.clear();
    }
}

impl fmt::Debug for MemNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hub = self.hub.read();
        f.debug_struct("MemNetwork").field("nodes", &hub.nodes.keys()).field("cuts", &hub.cuts).finish()
    }
}

/// The sending side of one node on a [`MemNetwork`].
pub struct MemTransport {
    node: NodeId,
    hub: Arc<RwLock<Hub>>,
}

impl Transport for MemTransport {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        if messages.is_empty() {
            return;
        }
        let hub = self.hub.read();
        for envelope in messages.drain(..) {
            hub.carry(self.node, envelope);
        }
    }
}

impl Hub {
    fn carry(&self, from: NodeId, envelope: Envelope) {
        let to = envelope.to;
        let is_cut = self.cuts.contains(&(from, to));
        match self.nodes.get(&to).filter(|_| !is_cut) {
            Some(inbox) => inbox.deliver(envelope),
            None => self.lose(from, &envelope),
        }
    }

    /// A snapshot is on its way alone, so that a transport knows when it failed; other messages are just gone.
    fn lose(&self, from: NodeId, envelope: &Envelope) {
        let is_snapshot = matches!(envelope.message, Message::SnapshotRequest { .. });
        if let Some(sender) = self.nodes.get(&from).filter(|_| is_snapshot) {
            sender.report_snapshot(envelope.to, false);
        }
    }
}

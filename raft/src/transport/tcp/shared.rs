//! What all threads of a transport share.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use parking_lot::{Mutex, RwLock};
use slog::{Logger, warn};

use super::{
    budget::Budget,
    connected::Connected,
    handshake::Introduction,
    identity::Identity,
    incarnations::Incarnations,
    options::TcpOptions,
    peer::Peer,
    snapshot_sender,
    sockets::Sockets,
    spool::Spools,
    statistics::{Counters, add},
    threads::Threads,
    time::Deadline,
    writer,
};
use crate::{
    back_off::BackOff,
    consensus::{Envelope, NodeId},
    transport::Inbox,
};

/// What all threads of a transport share.
pub(super) struct Shared {
    pub(super) identity: Identity,
    pub(super) options: TcpOptions,
    pub(super) logger: Logger,
    pub(super) local_address: SocketAddr,
    pub(super) peers: RwLock<BTreeMap<NodeId, Arc<Peer>>>,
    pub(super) inbox: RwLock<Option<Arc<dyn Inbox>>>,
    pub(super) incarnations: Incarnations,
    /// Connections whose caller has not introduced itself yet.
    pub(super) strangers: Sockets,
    /// Connections from peers.
    pub(super) incoming: Connected,
    /// Where arriving snapshots are kept.
    pub(super) spools: Spools,
    /// For snapshots that are on their way here.
    pub(super) snapshot_bytes: Budget,
    pub(super) counters: Counters,
    pub(super) threads: Arc<Threads>,
    /// Held while the peers' threads are started, so that none starts after the end.
    pub(super) starting: Mutex<()>,
}

impl Shared {
    /// Gives a message to the node.
    pub(super) fn deliver(&self, envelope: Envelope) {
        match self.inbox() {
            Some(inbox) => inbox.deliver(envelope),
            None => add(&self.counters.unattached, 1),
        }
    }

    /// Tells the node that messages to `node` do not arrive.
    pub(super) fn report_unreachable(&self, node: NodeId) {
        if let Some(inbox) = self.inbox() {
            inbox.report_unreachable(node);
        }
    }

    /// Tells the node what became of a snapshot.
    pub(super) fn report_snapshot(&self, node: NodeId, arrived: bool) {
        if let Some(inbox) = self.inbox() {
            inbox.report_snapshot(node, arrived);
        }
    }

    /// The lock is not held while the node is told: it may be the last to hold this transport, and end it.
    fn inbox(&self) -> Option<Arc<dyn Inbox>> {
        self.inbox.read().clone()
    }

    pub(super) fn peer(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.peers.read().get(&node).cloned()
    }

    /// What this node says of itself, and knows of others.
    pub(super) fn introduction(&self) -> Introduction<'_> {
        Introduction {
            own: self.identity,
            incarnations: &self.incarnations,
            max_message_bytes: u32::try_from(self.options.max_message_bytes).unwrap_or(u32::MAX),
            idle: self.options.idle_timeout,
            deadline: Deadline::after(self.options.handshake_timeout),
        }
    }

    /// Waits for one more attempt at something; `what` keeps the waits of different threads apart.
    pub(super) fn back_off(&self, what: u64) -> BackOff {
        let Identity { node, incarnation, .. } = self.identity;
        let seed = self.options.seed ^ incarnation ^ node.0.rotate_left(32) ^ what.rotate_left(16);
        BackOff::new(self.options.min_back_off, self.options.max_back_off, seed)
    }

    /// Names a thread of this node.
    pub(super) fn thread_name(&self, what: &str) -> String {
        format!("{}-{what}", self.identity.node)
    }

    /// Sends to `node` at `address` from now on.
    pub(super) fn set_peer(self: &Arc<Self>, node: NodeId, address: String) {
        let _starting = self.starting.lock();
        if node == self.identity.node || self.threads.are_stopping() {
            return;
        }
        if let Some(peer) = self.peer(node) {
            return peer.move_to(address);
        }
        let peer = Arc::new(Peer::new(node, address, &self.options, &self.logger));
        match self.start_peer(&peer) {
            Ok(()) => drop(self.peers.write().insert(node, peer)),
            Err(error) => {
                warn!(self.logger, "cannot start a thread: {error} -> the peer is not sent to; set it again";
                    "peer" => %node);
                peer.close();
            }
        }
    }

    fn start_peer(self: &Arc<Self>, peer: &Arc<Peer>) -> io::Result<()> {
        let (shared, own) = (Arc::clone(self), Arc::clone(peer));
        let name = self.thread_name(&format!("to-{}", peer.id));
        self.threads.supervise(name, self.back_off(peer.id.0), move || writer::run(&shared, &own))?;
        let (shared, own) = (Arc::clone(self), Arc::clone(peer));
        let name = self.thread_name(&format!("snap-{}", peer.id));
        self.threads.supervise(name, self.back_off(peer.id.0), move || snapshot_sender::run(&shared, &own))
    }

    /// Sends to `node` no more, and hears no more from it on the connections that are open.
    pub(super) fn remove_peer(&self, node: NodeId) {
        if let Some(peer) = self.peers.write().remove(&node) {
            peer.close();
        }
        self.incoming.close_of(node);
    }
}

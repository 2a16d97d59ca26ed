//! Messages over TCP: a connection from each node to each other, threads, and nothing else.
//!
//! # How it works
//!
//! - Connections have one direction. Each node calls each peer to send to it, and is called by each to hear from it; so
//!   nobody has to decide which of two connections counts, and a node that can only be called, or only call, does what it
//!   can. On the way back go only the answer to the greeting, and signs of life.
//! - Both sides introduce themselves and check the other: the version of the protocol, the cluster, the node, and which
//!   store it has ([`Identity`]). A node that comes back with an empty disk under its old id is refused by all who have
//!   met it before.
//! - A frame has a length that is checked before anything is allocated, and a checksum. A stranger costs one connection
//!   for [`TcpOptions::handshake_timeout`], and a few kilobytes.
//! - The node's loop sends what a connection takes at once; a thread for each peer sends the rest, and all of it over TLS
//!   and on systems other than Linux.
//! - What waits for a peer is bounded, and the oldest goes first when there is too much. Nothing waits for a peer that
//!   cannot be reached for longer than one attempt to connect.
//! - A snapshot has a connection of its own, so that heartbeats do not wait behind it, and is acknowledged.
//! - Each thread has a name, which begins with the node's: `n1-listen`, `n1-to-n2` and `n1-ear-n2` (sends to n2, hears its
//!   answers), `n1-snap-n2` (sends snapshots to n2), `n1-caller` (hears one caller). What fails is tried again, with waits
//!   that double.
//!
//! # Who may talk
//!
//! Without the feature `tls`, **whoever can reach the address can be any node**: read what is sent, vote, and bring in
//! entries. Use it on a network that only the cluster's nodes can reach. Checksums find accidents, not intent.
//!
//! `docs/wire-format.md` has the bytes.
//!
//! # A cluster of three
//! ```
//! use std::io::Read;
//!
//! use bytes::Bytes;
//! use quorate::{
//!     Config, LogIndex, MemStorage, Node, NodeId, Options, RestoreError, SnapshotWriter, StateMachine, TcpOptions,
//!     TcpTransport, transport::tcp::Identity,
//! };
//! use slog::{Discard, Logger, o};
//!
//! /// Counts commands.
//! struct Count(u64);
//!
//! impl StateMachine for Count {
//!     type Response = u64;
//!     type Query = ();
//!     type Answer = u64;
//!     fn apply(&mut self, _index: LogIndex, _command: &Bytes) -> u64 {
//!         self.0 += 1;
//!         self.0
//!     }
//!     fn query(&self, (): ()) -> u64 {
//!         self.0
//!     }
//!     fn snapshot(&self) -> SnapshotWriter {
//!         let count = self.0;
//!         Box::new(move |output| output.write_all(&count.to_be_bytes()))
//!     }
//!     fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
//!         let mut count = [0; 8];
//!         snapshot.read_exact(&mut count)?;
//!         self.0 = u64::from_be_bytes(count);
//!         Ok(())
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let logger = Logger::root(Discard, o!());
//! let voters = [1, 2, 3].map(NodeId);
//! let mut transports = Vec::new();
//! for node in voters {
//!     // Port 0 is any that is free; a real node has one that its peers know.
//!     let identity = Identity { cluster: 7, node, incarnation: 1000 + node.0 };
//!     transports.push(TcpTransport::bind("127.0.0.1:0", identity, TcpOptions::default(), logger.clone())?);
//! }
//! let mut nodes = Vec::new();
//! for (node, transport) in voters.into_iter().zip(&transports) {
//!     for (peer, other) in voters.into_iter().zip(&transports) {
//!         transport.set_peer(peer, other.local_address().to_string());
//!     }
//!     let config = Config::new(node, node.0);
//!     let storage = MemStorage::with_voters(voters);
//!     let sender = transport.sender();
//!     let started = Node::start(config, Options::default(), Count(0), storage, sender, logger.clone())?;
//!     transport.attach(started.handle());
//!     nodes.push(started);
//! }
//! # Ok(())
//! # }
//! ```

mod batch;
mod budget;
mod channel;
mod connected;
mod dial;
mod error;
pub(crate) mod frame;
mod greeting;
mod handshake;
mod identity;
mod incarnations;
mod listener;
mod metrics;
mod options;
mod outlet;
mod peer;
mod queue;
mod reader;
mod run;
mod sender;
mod shared;
mod snapshot_receiver;
mod snapshot_sender;
mod sockets;
mod spool;
mod statistics;
mod threads;
mod time;
#[cfg(feature = "tls")]
mod tls;
mod writer;

use std::{
    fmt,
    net::{SocketAddr, TcpListener, ToSocketAddrs},
    sync::Arc,
};

use parking_lot::{Mutex, RwLock};
use slog::{Logger, info, o, warn};

#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsError};
use self::{
    budget::Budget, connected::Connected, incarnations::Incarnations, shared::Shared, sockets::Sockets,
    spool::Spools, statistics::Counters, threads::Threads, time::Deadline,
};
pub use self::{
    error::TcpError,
    identity::Identity,
    options::{TcpOptions, TcpOptionsError},
    sender::TcpSender,
    statistics::{Dropped, PeerStatistics, Refusal, TcpStatistics, TransportStatistics},
};
use super::Inbox;
use crate::consensus::NodeId;

/// A node's network: it listens for its peers, and calls them. Clones are handles on the same transport; dropping the
/// last, or [`stop`](Self::stop), ends its threads.
#[derive(Clone)]
pub struct TcpTransport {
    running: Arc<Running>,
}

/// Ends the threads when it is dropped.
struct Running(Arc<Shared>);

impl TcpTransport {
    /// Listens on `listen`, and calls nobody yet.
    ///
    /// # Errors
    /// [`TcpError`] if it cannot; then no thread runs.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a logger is a handle, given as `Node::start` takes it"
    )]
    pub fn bind(
        listen: impl ToSocketAddrs,
        identity: Identity,
        options: TcpOptions,
        logger: Logger,
    ) -> Result<Self, TcpError> {
        options.validate()?;
        if identity.node == NodeId(0) {
            return Err(TcpError::Identity);
        }
        let logger = logger.new(o!("node" => identity.node.to_string()));
        let incarnations = Incarnations::open(options.incarnations.clone())?;
        let spools = options.snapshot_directory.clone();
        let spools = Spools::open(spools).map_err(|source| TcpError::SnapshotDirectory {
            path: options.snapshot_directory.clone().unwrap_or_default(),
            source,
        })?;
        let listener = TcpListener::bind(listen).map_err(TcpError::Listen)?;
        let local_address = listener.local_addr().map_err(TcpError::Listen)?;
        let shared = Arc::new(Shared {
            identity,
            local_address,
            peers: RwLock::default(),
            inbox: RwLock::default(),
            incarnations,
            strangers: Sockets::default(),
            incoming: Connected::default(),
            spools,
            snapshot_bytes: Budget::new(options.max_snapshot_bytes),
            counters: Counters::default(),
            threads: Arc::new(Threads::new(logger.clone())),
            starting: Mutex::default(),
            options,
            logger,
        });
        let own = Arc::clone(&shared);
        let (name, back_off) = (shared.thread_name("listen"), shared.back_off(0));
        let listen = move || listener::run(&own, &listener);
        shared.threads.supervise(name, back_off, listen).map_err(TcpError::Thread)?;
        info!(shared.logger, "listening for peers"; "address" => %local_address, "incarnation" => identity.incarnation);
        Ok(Self { running: Arc::new(Running(shared)) })
    }

    /// Where it listens: with the port that the system chose, if it was left to it.
    #[must_use]
    pub fn local_address(&self) -> SocketAddr {
        self.running.0.local_address
    }

    /// From now on, messages to `node` go to `address`: `host:port`, which is looked up anew for each attempt to
    /// connect. Replaces the address that the node had before. One for this node itself is ignored.
    pub fn set_peer(&self, node: NodeId, address: impl Into<String>) {
        self.running.0.set_peer(node, address.into());
    }

    /// From now on, messages to `node` are dropped, and its connections are closed. It may still call and be heard, as it
    /// may not know yet that it was removed.
    pub fn remove_peer(&self, node: NodeId) {
        self.running.0.remove_peer(node);
    }

    /// What to start the node with.
    #[must_use]
    pub fn sender(&self) -> TcpSender {
        TcpSender::new(Arc::clone(&self.running.0))
    }

    /// From now on, messages that come are given to `inbox`: a [`Handle`](crate::Handle) of the node. Those that came
    /// before were dropped.
    pub fn attach(&self, inbox: impl Inbox) {
        *self.running.0.inbox.write() = Some(Arc::new(inbox));
    }

    /// What has happened so far.
    #[must_use]
    pub fn statistics(&self) -> TcpStatistics {
        TcpStatistics::new(Arc::clone(&self.running.0))
    }

    /// Closes all connections and waits until the threads have ended, also if there are other handles. Nothing is
    /// delivered any more.
    ///
    /// It takes about as long as [`TcpOptions::connect_timeout`] at most; only a thread that the system keeps in a look-up of a name is
    /// left behind, and ends by itself.
    pub fn stop(&self) {
        self.running.0.stop();
    }
}

impl Shared {
    fn stop(&self) {
        let is_news = self.threads.stop();
        {
            // Whoever starts a peer's threads has done so, or will see that the end has come.
            let _starting = self.starting.lock();
            std::mem::take(&mut *self.peers.write()).values().for_each(|peer| peer.close());
        }
        self.strangers.close();
        self.incoming.close();
        let inbox = self.inbox.write().take();
        drop(inbox);
        let deadline = Deadline::after(2 * self.options.connect_timeout);
        let mut left = usize::MAX;
        while left > 0 && !deadline.has_passed() {
            listener::wake(self.local_address);
            left = self.threads.wait(self.options.connect_timeout / 10);
        }
        if is_news && left > 0 {
            warn!(self.logger, "threads have not ended in time -> left to themselves"; "threads" => left);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.stop();
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = &self.running.0;
        f.debug_struct("TcpTransport")
            .field("identity", &shared.identity)
            .field("local_address", &shared.local_address)
            .finish_non_exhaustive()
    }
}

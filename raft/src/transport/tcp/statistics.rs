//! What has happened so far, in numbers.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use super::shared::Shared;
use crate::consensus::NodeId;

/// Names the reasons of one kind, to count by them and to label them.
macro_rules! reasons {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal $label:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[non_exhaustive]
        pub enum $name { $($(#[$doc])* $variant,)+ }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// In lower-case words, for metrics and logs.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }

            /// As a number: in greetings, and for counting.
            pub(super) const fn word(self) -> u8 {
                match self { $(Self::$variant => $word,)+ }
            }
        }
    };
}

reasons! {
    /// Why a connection was not made. Numbered as in an answer to a greeting.
    Refusal {
        /// Nobody listens at the address, or nothing is there.
        Unanswered = 0 "unanswered",
        /// For a reason that this release does not know.
        Unknown = 1 "unknown",
        /// The connection broke during the introductions.
        Broken = 2 "broken",
        /// The other side did not introduce itself in time.
        Silent = 3 "silent",
        /// The other side does not speak this protocol.
        Foreign = 4 "foreign",
        /// The greeting was damaged on its way.
        Damaged = 5 "damaged",
        /// The releases share no version of the protocol.
        Version = 6 "version",
        /// The nodes belong to different clusters.
        Cluster = 7 "cluster",
        /// Another node than expected.
        OtherNode = 8 "other_node",
        /// The node has lost its data.
        Incarnation = 9 "incarnation",
        /// The node's incarnation could not be remembered.
        Unremembered = 10 "unremembered",
        /// The node did not prove who it is.
        Certificate = 11 "certificate",
    }
}

reasons! {
    /// Why a message was dropped that should have gone to a peer.
    Dropped {
        /// Others came after it, and there was no room for all.
        QueueFull = 0 "queue_full",
        /// There was no connection, or it broke before the message was sent.
        Disconnected = 1 "disconnected",
        /// It is larger than the peer takes.
        TooLarge = 2 "too_large",
        /// A newer snapshot was to be sent in its place.
        Superseded = 3 "superseded",
    }
}

impl Refusal {
    /// The reason that an answer to a greeting gives.
    pub(super) fn of(word: u8) -> Self {
        Self::ALL.iter().copied().find(|reason| reason.word() == word).unwrap_or(Self::Unknown)
    }

    /// What to do, for the node that was refused.
    pub(super) const fn advice(self) -> &'static str {
        match self {
            Self::Incarnation => {
                "it knew this node with another store, so this one has lost its data; remove it from the cluster, and \
                 add it under a new id"
            }
            Self::Version => "the releases share no version of the protocol; run releases that share one",
            Self::Cluster => "it belongs to another cluster; correct the address or the cluster's id",
            Self::OtherNode => {
                "it is another node, or takes this one for itself; correct the address or the id"
            }
            Self::Certificate => "the certificate does not say that it is this node; issue one that does",
            Self::Unremembered => "it cannot write down this node's incarnation; check its disk",
            Self::Unanswered
            | Self::Unknown
            | Self::Broken
            | Self::Silent
            | Self::Foreign
            | Self::Damaged => "its log says why",
        }
    }
}

/// A counter for each reason of a kind.
pub(super) struct Tally([AtomicU64; 12]);

impl Default for Tally {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl Tally {
    /// Counts `more`. The sum so far.
    pub(super) fn add(&self, word: u8, more: u64) -> u64 {
        self.0.get(usize::from(word)).map_or(0, |count| count.fetch_add(more, Ordering::Relaxed) + more)
    }

    fn count(&self, word: u8) -> u64 {
        self.0.get(usize::from(word)).map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

/// What is counted of one peer.
#[derive(Default)]
pub(super) struct PeerCounters {
    pub(super) is_connected: AtomicBool,
    pub(super) connections: AtomicU64,
    pub(super) failed_attempts: AtomicU64,
    pub(super) messages_sent: AtomicU64,
    pub(super) bytes_sent: AtomicU64,
    pub(super) messages_received: AtomicU64,
    pub(super) bytes_received: AtomicU64,
    pub(super) snapshots_sent: AtomicU64,
    pub(super) snapshots_failed: AtomicU64,
    pub(super) snapshots_received: AtomicU64,
    /// In microseconds; 0: not known.
    pub(super) round_trip: AtomicU64,
    pub(super) dropped: Tally,
    pub(super) refused: Tally,
}

/// What is counted of the transport as a whole.
#[derive(Default)]
pub(super) struct Counters {
    pub(super) accepted: AtomicU64,
    pub(super) strangers_closed: AtomicU64,
    pub(super) connections_refused: AtomicU64,
    pub(super) refused: Tally,
    pub(super) unattached: AtomicU64,
    pub(super) unaddressed: AtomicU64,
    pub(super) malformed: AtomicU64,
}

pub(super) fn add(counter: &AtomicU64, more: usize) {
    counter.fetch_add(more as u64, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// What has happened so far, at a glance. Clones are handles on the same counters; reading costs little, and nothing
/// waits for it. It keeps no thread alive.
#[derive(Clone)]
pub struct TcpStatistics {
    shared: Arc<Shared>,
}

/// One peer, as the numbers stand now. Counts are from when the peer was set.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PeerStatistics {
    /// Which one.
    pub node: NodeId,
    /// Whether messages can be sent to it now.
    pub is_connected: bool,
    /// How often it was connected to; all but the first are reconnects.
    pub connections: u64,
    /// How often connecting to it failed.
    pub failed_attempts: u64,
    /// Messages handed to the system for it, without snapshots.
    pub messages_sent: u64,
    /// The bytes of these, and of everything else on the connection but its greetings.
    pub bytes_sent: u64,
    /// Messages that came from it, without snapshots.
    pub messages_received: u64,
    /// The bytes of these, and of snapshots.
    pub bytes_received: u64,
    /// Snapshots that it has acknowledged.
    pub snapshots_sent: u64,
    /// Snapshots that did not arrive.
    pub snapshots_failed: u64,
    /// Snapshots that came from it.
    pub snapshots_received: u64,
    /// Messages that wait to be sent.
    pub queue_messages: usize,
    /// What they weigh.
    pub queue_bytes: usize,
    /// How long it took lately from here to the peer and back; `None` if it is not known.
    pub round_trip: Option<Duration>,
    dropped: [u64; Dropped::ALL.len()],
    refused: [u64; Refusal::ALL.len()],
}

/// The transport as a whole, as the numbers stand now. Counts are from its start.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransportStatistics {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections from peers that are open.
    pub connections: usize,
    /// Connections that are open, and whose caller has not introduced itself.
    pub strangers: usize,
    /// Connections that were closed because too many strangers were there.
    pub strangers_closed: u64,
    /// Connections that were closed because too many peers were there.
    pub connections_refused: u64,
    /// Messages that came before an inbox was attached.
    pub unattached: u64,
    /// Messages that were for nodes without an address.
    pub unaddressed: u64,
    /// Connections that were closed because something on them was no message, or not from whom it said.
    pub malformed: u64,
    /// Panics in the transport's threads.
    pub panics: u64,
    refused: [u64; Refusal::ALL.len()],
}

impl PeerStatistics {
    /// How many messages to it were dropped, for this reason.
    #[must_use]
    pub const fn dropped(&self, reason: Dropped) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many attempts to connect to it ended for this reason.
    #[must_use]
    pub const fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize]
    }
}

impl TransportStatistics {
    /// How many who called were refused, for this reason.
    #[must_use]
    pub const fn refused(&self, reason: Refusal) -> u64 {
        self.refused[reason as usize]
    }
}

impl TcpStatistics {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Each peer, by id.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatistics> {
        self.shared.peers.read().values().map(|peer| peer.statistics()).collect()
    }

    /// One peer; `None` if it is none.
    #[must_use]
    pub fn peer(&self, node: NodeId) -> Option<PeerStatistics> {
        self.shared.peers.read().get(&node).map(|peer| peer.statistics())
    }

    /// The transport as a whole.
    #[must_use]
    pub fn transport(&self) -> TransportStatistics {
        let counters = &self.shared.counters;
        TransportStatistics {
            accepted: read(&counters.accepted),
            connections: self.shared.incoming.len(),
            strangers: self.shared.strangers.len(),
            strangers_closed: read(&counters.strangers_closed),
            connections_refused: read(&counters.connections_refused),
            unattached: read(&counters.unattached),
            unaddressed: read(&counters.unaddressed),
            malformed: read(&counters.malformed),
            panics: read(&self.shared.threads.panics),
            refused: std::array::from_fn(|at| counters.refused.count(Refusal::ALL[at].word())),
        }
    }
}

impl fmt::Debug for TcpStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (transport, peers) = (self.transport(), self.peers());
        f.debug_struct("TcpStatistics").field("transport", &transport).field("peers", &peers).finish()
    }
}

impl PeerCounters {
    /// As numbers, with how many messages and bytes wait.
    pub(super) fn statistics(
        &self,
        node: NodeId,
        (queue_messages, queue_bytes): (usize, usize),
    ) -> PeerStatistics {
        let micros = read(&self.round_trip);
        PeerStatistics {
            node,
            is_connected: self.is_connected.load(Ordering::Relaxed),
            connections: read(&self.connections),
            failed_attempts: read(&self.failed_attempts),
            messages_sent: read(&self.messages_sent),
            bytes_sent: read(&self.bytes_sent),
            messages_received: read(&self.messages_received),
            bytes_received: read(&self.bytes_received),
            snapshots_sent: read(&self.snapshots_sent),
            snapshots_failed: read(&self.snapshots_failed),
            snapshots_received: read(&self.snapshots_received),
            queue_messages,
            queue_bytes,
            round_trip: (micros > 0).then(|| Duration::from_micros(micros)),
            dropped: std::array::from_fn(|at| self.dropped.count(Dropped::ALL[at].word())),
            refused: std::array::from_fn(|at| self.refused.count(Refusal::ALL[at].word())),
        }
    }
}

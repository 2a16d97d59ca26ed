//! The work that is measured: three nodes replicate a log in lockstep, in one thread, in memory.
//!
//! A leader takes a batch of proposals; then every node has its Ready carried out and all messages are delivered,
//! again and again, until nobody has anything left to do. By then each entry was proposed, written, sent, acknowledged,
//! committed, and applied on all three nodes. No network, disk, clock or other thread adds to the time, so
//! what is measured is the library alone.
//!
//! [`Lockstep`] is what any library has to do; [`Cluster`] does it with this one. `peers` does it with others.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate::{
    Config, EntryKind, Envelope, LogIndex, MemStorage, NodeId, RawNode, Ready, RoleKind, StorageWriter,
};
use slog::{Discard, Logger, o};

use crate::Failure;

/// The size of a cluster.
pub const NODES: usize = 3;

/// The largest append message, in bytes of entries, for every library.
pub const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// How many appends may be on their way to one follower, for every library.
pub const MAX_INFLIGHT_MESSAGES: usize = 256;

/// A cluster of one library's nodes.
pub trait Lockstep {
    /// Proposes `batch` entries, each with a fresh copy of `payload`, and goes on until all nodes have applied
    /// all of them.
    ///
    /// # Errors
    /// Whatever the library says.
    fn commit(&mut self, batch: usize, payload: &[u8]) -> Result<(), Failure>;

    /// Drops the entries that were applied from every node's storage.
    ///
    /// # Errors
    /// Whatever the library says.
    fn compact(&mut self) -> Result<(), Failure>;

    /// What each node has applied so far.
    fn applied(&self) -> [Applied; NODES];
}

/// The state machine of the measured work: it counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// Commands.
    pub entries: usize,
    /// The sum of the commands' lengths.
    pub bytes: usize,
}

impl Applied {
    /// Applies one command.
    pub fn apply(&mut self, command: &[u8]) {
        self.entries += 1;
        self.bytes += command.len();
    }
}

/// How many entries are proposed at a time, and how large they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case {
    /// Entries that are proposed before the nodes get to do anything.
    pub batch: usize,
    /// Bytes of each.
    pub size: usize,
}

impl Case {
    /// All that are measured.
    pub const ALL: [Self; 9] = [
        Self { batch: 1, size: 16 },
        Self { batch: 1, size: 256 },
        Self { batch: 1, size: 4096 },
        Self { batch: 16, size: 16 },
        Self { batch: 16, size: 256 },
        Self { batch: 16, size: 4096 },
        Self { batch: 256, size: 16 },
        Self { batch: 256, size: 256 },
        Self { batch: 256, size: 4096 },
    ];

    /// How many batches pass before the logs are compacted.
    const BATCHES_BETWEEN_COMPACTIONS: usize = 16;

    /// Commits so many batches. The time does not include compaction, which keeps memory bounded.
    ///
    /// # Errors
    /// Whatever the library says, or that it has lost or doubled entries.
    pub fn time(self, cluster: &mut impl Lockstep, batches: usize) -> Result<Duration, Failure> {
        let payload = vec![b'q'; self.size];
        let before = cluster.applied();
        let (mut time, mut left) = (Duration::ZERO, batches);
        while left > 0 {
            let lap = left.min(Self::BATCHES_BETWEEN_COMPACTIONS);
            time += self.lap(cluster, lap, &payload)?;
            cluster.compact()?;
            left -= lap;
        }
        let entries = batches * self.batch;
        for (before, after) in before.iter().zip(cluster.applied()) {
            if (after.entries - before.entries, after.bytes - before.bytes) != (entries, entries * self.size)
            {
                return Err(format!("{entries} entries were to be applied: {before:?} → {after:?}").into());
            }
        }
        Ok(time)
    }

    /// Not inlined, so that a profiler can be told to look at this and nothing else.
    #[inline(never)]
    fn lap(self, cluster: &mut impl Lockstep, batches: usize, payload: &[u8]) -> Result<Duration, Failure> {
        let start = Instant::now();
        for _ in 0..batches {
            cluster.commit(self.batch, payload)?;
        }
        Ok(start.elapsed())
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch={} size={}", self.batch, self.size)
    }
}

/// Three nodes of this library; the first one leads.
pub struct Cluster {
    nodes: [Node; NODES],
    network: Vec<Envelope>,
}

struct Node {
    raw: RawNode,
    storage: MemStorage,
    applied: Applied,
    last_applied: LogIndex,
}

impl Cluster {
    /// A cluster that has elected its leader.
    ///
    /// # Errors
    /// If it could not.
    pub fn new() -> Result<Self, Failure> {
        let nodes = [Node::new(1)?, Node::new(2)?, Node::new(3)?];
        let mut cluster = Self { nodes, network: Vec::new() };
        cluster.nodes[0].raw.campaign()?;
        cluster.settle()?;
        if cluster.nodes[0].raw.role() != RoleKind::Leader {
            return Err("the first node was not elected".into());
        }
        Ok(cluster)
    }

    /// Carries out what every node wants done and delivers their messages, until nobody wants anything.
    fn settle(&mut self) -> Result<(), Failure> {
        loop {
            let mut is_quiet = true;
            for node in &mut self.nodes {
                if node.raw.has_ready() {
                    node.carry_out_ready(&mut self.network)?;
                    is_quiet = false;
                }
            }
            if is_quiet {
                return Ok(());
            }
            for envelope in self.network.drain(..) {
                let position = position_of(envelope.to.0);
                self.nodes[position].raw.step(envelope)?;
            }
        }
    }
}

/// Where the node with this id stands among the nodes.
#[must_use]
pub fn position_of(id: u64) -> usize {
    usize::try_from(id).map_or(0, |id| id - 1)
}

impl Node {
    fn new(id: u64) -> Result<Self, Failure> {
        let storage = MemStorage::with_voters([NodeId(1), NodeId(2), NodeId(3)]);
        let raw = RawNode::new(config(id), storage.clone(), Logger::root(Discard, o!()))?;
        Ok(Self { raw, storage, applied: Applied::default(), last_applied: LogIndex::ZERO })
    }

    fn carry_out_ready(&mut self, network: &mut Vec<Envelope>) -> Result<(), Failure> {
        let mut ready = self.raw.ready()?;
        network.append(&mut ready.messages);
        self.storage.write(&ready)?;
        network.append(&mut ready.messages_after_write);
        self.apply(&ready);
        self.raw.advance(ready);
        Ok(())
    }

    fn apply(&mut self, ready: &Ready) {
        for entry in ready.committed.iter().flatten() {
            self.last_applied = entry.id.index;
            if entry.kind == EntryKind::Normal {
                self.applied.apply(&entry.data);
            }
        }
    }
}

/// The configuration of a node of this library.
#[must_use]
pub fn config(id: u64) -> Config {
    let mut config = Config::new(NodeId(id), id);
    config.max_message_bytes = MAX_MESSAGE_BYTES;
    config.max_inflight_messages = MAX_INFLIGHT_MESSAGES;
    config
}

impl Lockstep for Cluster {
    fn commit(&mut self, batch: usize, payload: &[u8]) -> Result<(), Failure> {
        for _ in 0..batch {
            self.nodes[0].raw.propose(Bytes::copy_from_slice(payload))?;
        }
        self.settle()
    }

    fn compact(&mut self) -> Result<(), Failure> {
        for node in &self.nodes {
            node.storage.create_snapshot(node.last_applied, Bytes::new())?;
            node.storage.compact_to(node.last_applied)?;
        }
        Ok(())
    }

    fn applied(&self) -> [Applied; NODES] {
        self.nodes.each_ref().map(|node| node.applied)
    }
}

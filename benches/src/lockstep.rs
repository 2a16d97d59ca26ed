//! The work that is measured: nodes replicate a log in lockstep, in one thread, in memory.
//!
//! A leader takes a batch of proposals; then every node has its Ready carried out and all messages are delivered,
//! again and again, until nobody has anything left to do. By then each entry was proposed, written, sent, acknowledged,
//! committed, and applied on all nodes. No network, disk, clock or other thread adds to the time, so
//! what is measured is the library alone.
//!
//! [`Lockstep`] is what any library has to do; [`Cluster`] does it with this one. `peers` does it with others.

use std::{
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate::{
    Config, EntryKind, Envelope, LogIndex, MemStorage, NodeId, RawNode, Ready, RoleKind, Storage as _,
    StorageWriter as _,
};
use slog::{Discard, Logger, o};

use crate::Failure;

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

    /// Drops the entries that were applied from every node's storage, all but the newest `keep`.
    ///
    /// # Errors
    /// Whatever the library says.
    fn compact(&mut self, keep: u64) -> Result<(), Failure>;

    /// Drops all nodes but the one at `position`, if there is one, and whatever is on its way between them.
    fn keep_only(&mut self, position: usize);

    /// What each node has applied so far.
    fn applied(&self) -> Vec<Applied>;
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

/// How many entries are proposed at a time and how large they are; in how large a cluster, and on how long a log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case {
    /// Clusters, which take turns.
    pub groups: usize,
    /// Nodes of each, all of which vote.
    pub nodes: usize,
    /// How many applied entries each node's storage keeps at least.
    pub log: u64,
    /// Entries that are proposed before the nodes get to do anything.
    pub batch: usize,
    /// Bytes of each.
    pub size: usize,
}

impl Case {
    /// Three nodes, whose logs are compacted all the time.
    const USUAL: Self = Self { groups: 1, nodes: 3, log: 0, batch: 16, size: 256 };

    /// All that are measured: batches and sizes, then the same work in larger clusters, on longer logs, and in many
    /// clusters.
    pub const ALL: [Self; 17] = [
        Self::of(1, 16),
        Self::of(1, 256),
        Self::of(1, 4096),
        Self::of(16, 16),
        Self::of(16, 256),
        Self::of(16, 4096),
        Self::of(256, 16),
        Self::of(256, 256),
        Self::of(256, 4096),
        Self { nodes: 5, ..Self::USUAL },
        Self { nodes: 7, ..Self::USUAL },
        Self { nodes: 9, ..Self::USUAL },
        Self { log: 10_000, ..Self::USUAL },
        Self { log: 100_000, ..Self::USUAL },
        Self { groups: 10, ..Self::USUAL },
        Self { groups: 100, ..Self::USUAL },
        Self { groups: 1_000, ..Self::USUAL },
    ];

    /// How many batches pass before the logs are compacted.
    const BATCHES_BETWEEN_COMPACTIONS: usize = 16;

    /// Batches of `batch` entries of `size` bytes on three nodes.
    #[must_use]
    pub const fn of(batch: usize, size: usize) -> Self {
        Self { batch, size, ..Self::USUAL }
    }

    /// Fills the logs of a new cluster to the length that is asked for.
    ///
    /// # Errors
    /// Whatever the library says.
    pub fn prepare(self, cluster: &mut impl Lockstep) -> Result<(), Failure> {
        const BATCH: usize = 1_000;
        let payload = vec![b'q'; self.size];
        (0..self.log).step_by(BATCH).try_for_each(|_| cluster.commit(BATCH, &payload))
    }

    /// Commits so many batches. The time does not include compaction, which keeps memory bounded.
    ///
    /// # Errors
    /// Whatever the library says, or that it has lost or doubled entries.
    pub fn time(self, cluster: &mut impl Lockstep, batches: usize) -> Result<Duration, Failure> {
        let payload = vec![b'q'; self.size];
        let before = cluster.applied();
        let (mut time, mut left) = (Duration::ZERO, batches);
        while left > 0 {
            let count = left.min(Self::BATCHES_BETWEEN_COMPACTIONS);
            time += self.commit_batches(cluster, count, &payload)?;
            cluster.compact(self.log)?;
            left -= count;
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

    /// How often memory is asked for, for each entry, once the nodes are warm; `calls` tells how often it was so far.
    /// Compaction is not counted.
    ///
    /// # Errors
    /// Whatever the library says.
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
    pub fn allocations_per_entry(
        self,
        cluster: &mut (impl Lockstep + ?Sized),
        calls: impl Fn() -> usize,
    ) -> Result<f64, Failure> {
        const ROUNDS: usize = 64;
        let payload = vec![b'q'; self.size];
        let mut counted = 0;
        for round in 0..2 * ROUNDS {
            let before = calls();
            for _ in 0..Self::BATCHES_BETWEEN_COMPACTIONS {
                cluster.commit(self.batch, &payload)?;
            }
            // The first half warms up.
            counted += if round < ROUNDS { 0 } else { calls() - before };
            cluster.compact(self.log)?;
        }
        Ok(counted as f64 / (ROUNDS * Self::BATCHES_BETWEEN_COMPACTIONS * self.batch) as f64)
    }

    /// Not inlined, so that a profiler can be told to look at this and nothing else: [`Case::MEASURED_FUNCTION`].
    #[inline(never)]
    fn commit_batches(
        self,
        cluster: &mut impl Lockstep,
        batches: usize,
        payload: &[u8],
    ) -> Result<Duration, Failure> {
        let start = Instant::now();
        for _ in 0..batches {
            cluster.commit(self.batch, payload)?;
        }
        Ok(start.elapsed())
    }

    /// What the function is called in which all the measured work is done, and nothing else: a part of its name.
    pub const MEASURED_FUNCTION: &str = "commit_batches";
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { groups, nodes, log, batch, size } = self;
        write!(f, "batch={batch} size={size}")?;
        if *nodes != Self::USUAL.nodes {
            write!(f, " nodes={nodes}")?;
        }
        if *log != Self::USUAL.log {
            write!(f, " log={log}")?;
        }
        if *groups != Self::USUAL.groups {
            write!(f, " groups={groups}")?;
        }
        Ok(())
    }
}

/// Nodes of this library; the first one leads.
pub struct Cluster {
    nodes: Vec<Node>,
    network: Vec<Envelope>,
}

struct Node {
    raw: RawNode,
    storage: MemStorage,
    applied: Applied,
    last_applied: LogIndex,
}

impl Cluster {
    /// A cluster of so many nodes that has elected its leader.
    ///
    /// # Errors
    /// If it could not.
    pub fn new(nodes: usize) -> Result<Self, Failure> {
        let ids: Vec<_> = (1..).take(nodes).collect();
        let nodes: Result<_, Failure> = ids.iter().map(|id| Node::new(*id, &ids)).collect();
        let mut cluster = Self { nodes: nodes?, network: Vec::new() };
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
    fn new(id: u64, voters: &[u64]) -> Result<Self, Failure> {
        let storage = MemStorage::with_voters(voters.iter().copied().map(NodeId));
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
        for run in &ready.committed {
            for entry in run {
                self.last_applied = entry.id.index;
                if entry.kind() == EntryKind::Normal {
                    self.applied.apply(entry.data());
                }
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

    fn compact(&mut self, keep: u64) -> Result<(), Failure> {
        for node in &self.nodes {
            let index = LogIndex(node.last_applied.0.saturating_sub(keep));
            if index >= node.storage.first_index()? {
                node.storage.create_snapshot(node.last_applied, Bytes::new())?;
                node.storage.compact_to(index)?;
            }
        }
        Ok(())
    }

    fn keep_only(&mut self, position: usize) {
        self.nodes = self.nodes.drain(..).skip(position).take(1).collect();
        self.network = Vec::new();
    }

    fn applied(&self) -> Vec<Applied> {
        self.nodes.iter().map(|node| node.applied).collect()
    }
}

//! What a test asks of a node, whoever has written it.

use bytes::Bytes;
use quorate::ConfChange;

use crate::{Machine, Members, Packet};

/// Whose library a node runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// This library.
    Ours,
    /// The crate `raft`, version 0.7.
    Theirs,
}

/// All clusters of so many nodes in which both kinds are: `o` is one of ours, `t` one of theirs.
#[must_use]
pub fn mixtures(nodes: u32) -> Vec<String> {
    let letter = |bits: u32, node: u32| if bits >> node & 1 == 0 { 'o' } else { 't' };
    (1..(1_u32 << nodes) - 1).map(|bits| (0..nodes).map(|node| letter(bits, node)).collect()).collect()
}

/// How a node behaves, in the terms of both libraries.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Ask before standing for election.
    pub pre_vote: bool,
    /// A leader without a quorum steps down, and who hears from one does not vote.
    pub check_quorum: bool,
    /// Which of two equally up-to-date nodes is preferred.
    pub priority: i64,
    /// The largest append, in bytes.
    pub max_message_bytes: usize,
    /// How many appends may be on their way to one follower.
    pub max_inflight_messages: usize,
    /// For ours: after so many ticks a snapshot is taken for lost.
    pub snapshot_ticks: u32,
}

impl Settings {
    /// The election timeout of all nodes, in ticks.
    pub const ELECTION_TICKS: u32 = 10;
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pre_vote: true,
            check_quorum: true,
            priority: 0,
            max_message_bytes: 1 << 20,
            max_inflight_messages: 256,
            snapshot_ticks: 30,
        }
    }
}

/// What a node says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// Its term.
    pub term: u64,
    /// Whether it leads that.
    pub leads: bool,
    /// Whom it follows, or itself.
    pub leader: Option<u64>,
    /// Its commit index.
    pub commit: u64,
    /// The last entry of its log.
    pub last: u64,
    /// Who belongs to the cluster.
    pub members: Members,
}

/// A node of either kind with its disk and its state machine, both of which outlive a crash.
pub trait Node {
    /// One tick. A node that draws its election timeout anew takes `timeout`, if it cannot be given a seed.
    fn tick(&mut self, timeout: u32);
    /// Decodes a message and takes it in; why not, if it does not.
    ///
    /// # Errors
    /// What the library says.
    fn step(&mut self, bytes: &Bytes) -> Result<(), String>;
    /// Carries out what it wants done until it wants nothing: what it sends.
    fn carry_out(&mut self) -> Vec<Packet>;
    /// Stands for election.
    fn campaign(&mut self);
    /// Proposes a command; whether it was taken.
    fn propose(&mut self, text: &str) -> bool;
    /// Proposes a change of membership; whether it was taken.
    fn change(&mut self, change: &ConfChange) -> bool;
    /// Begins a read; whether it was taken.
    fn read(&mut self, ticket: u64) -> bool;
    /// The reads that ended since the last call: at this index, or lost.
    fn take_reads(&mut self) -> Vec<(u64, Option<u64>)>;
    /// Asks for leadership to be handed over.
    fn transfer(&mut self, to: u64);
    /// The transport tells what became of a snapshot.
    fn report_snapshot(&mut self, to: u64, arrived: bool);
    /// Makes a snapshot and drops all but the last `keep` entries that it contains.
    fn compact(&mut self, keep: u64);
    /// The process dies.
    fn crash(&mut self);
    /// Starts again from its disk.
    fn restart(&mut self);
    /// Whether it runs.
    fn is_up(&self) -> bool;
    /// What it says of itself.
    fn view(&self) -> View;
    /// What it has applied.
    fn machine(&self) -> Machine;
    /// What it has applied after the first so many entries.
    fn applied_since(&self, index: usize) -> Vec<String>;
    /// The entries on its disk, in words.
    fn log(&self) -> Vec<String>;
    /// How many of the proposals that it has passed on it knows to be in the leader's log. raft-rs does not know.
    fn known_forwards(&self) -> usize {
        0
    }
}

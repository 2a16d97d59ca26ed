//! One node with its disk and its state machine, and what a crash leaves of them.

use std::collections::VecDeque;

use quorate::{
    ConfChange, Config, Entries, Entry, EntryKind, Envelope, Forward, HardState, LogIndex, MemStorage,
    Membership, NodeId, RawNode, Read, Ready, RoleKind, Snapshot, Status, Storage, StorageWriter, Transfer,
};
use slog::{Discard, Logger, o};

use crate::Machine;

/// When a node carries out its writes and applies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// Each Ready whole, then `advance`.
    AtOnce,
    /// Pipelined: when the test calls [`Node::finish_write`] and [`Node::finish_apply`].
    OnRequest,
}

/// What waits for the state machine.
#[derive(Debug)]
enum Apply {
    Restore(Box<Snapshot>),
    Entries(Entries),
}

/// One node. Its disk outlives crashes; what was not written does not.
pub struct Node {
    config: Config,
    pace: Pace,
    raw: Option<RawNode>,
    disk: MemStorage,
    /// The hard state as of the last write that had to be durable: all that a crash is sure to leave.
    synced: HardState,
    lives: u64,
    writes: VecDeque<Box<Ready>>,
    written: u64,
    applies: VecDeque<Apply>,
    /// The state machine.
    pub machine: Machine,
    /// The membership when the disk was new, and that as of the last entry which the state machine has applied.
    founding: Membership,
    membership: Membership,
    /// The reads that ended, in order.
    pub reads: Vec<Read>,
    /// What became of forwarded proposals, in order.
    pub forwards: Vec<Forward>,
    /// What became of attempts to hand leadership over, in order.
    pub transfers: Vec<Transfer>,
}

impl Node {
    /// A node that starts from what `disk` holds.
    ///
    /// # Panics
    /// If the core refuses it.
    #[must_use]
    pub fn new(config: Config, disk: MemStorage, pace: Pace) -> Self {
        let founding = disk.initial_state().expect("memory can be read").membership;
        let mut node = Self {
            membership: founding.clone(),
            founding,
            synced: disk.hard_state(),
            config,
            pace,
            raw: None,
            disk,
            lives: 0,
            writes: VecDeque::new(),
            written: 0,
            applies: VecDeque::new(),
            machine: Machine::default(),
            reads: Vec::new(),
            forwards: Vec::new(),
            transfers: Vec::new(),
        };
        node.restart();
        node
    }

    /// The core.
    ///
    /// # Panics
    /// If the node is down.
    pub fn raw(&mut self) -> &mut RawNode {
        self.raw.as_mut().expect("the node is up")
    }

    /// What the core says of itself.
    ///
    /// # Panics
    /// If the node is down.
    #[must_use]
    pub fn status(&self) -> Status {
        self.raw.as_ref().expect("the node is up").status()
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.raw.is_some()
    }

    /// Whether it runs and leads.
    #[must_use]
    pub fn leads(&self) -> bool {
        self.raw.as_ref().is_some_and(|raw| raw.role() == RoleKind::Leader)
    }

    /// What its disk holds.
    #[must_use]
    pub fn disk(&self) -> &MemStorage {
        &self.disk
    }

    /// The membership as of the last entry which the state machine has applied: what a restart finds beside it.
    #[must_use]
    pub fn membership(&self) -> &Membership {
        &self.membership
    }

    /// Whether, as it is configured, it refuses to vote while it hears from a leader.
    #[must_use]
    pub fn checks_quorum(&self) -> bool {
        self.config.check_quorum
    }

    /// The membership when the disk was new.
    #[must_use]
    pub fn founding(&self) -> &Membership {
        &self.founding
    }

    /// Pipelined from now on, or no longer.
    ///
    /// # Panics
    /// If anything is under way.
    pub fn set_pace(&mut self, pace: Pace) {
        assert!(!self.is_busy(), "the pace changes between Readys");
        self.pace = pace;
    }

    /// Takes one Ready and carries out what it may: the messages that leave by that. `None` if there is none.
    ///
    /// # Panics
    /// If the core cannot read its log, or a write is refused.
    pub fn take_ready(&mut self, mut observe: impl FnMut(&Ready)) -> Option<Vec<Envelope>> {
        let raw = self.raw.as_mut()?;
        if !raw.has_ready() {
            return None;
        }
        let mut ready = raw.ready().expect("the log can be read");
        observe(&ready);
        // Steps 1 to 6 of Ready's documentation; what takes time is queued if the pace says so.
        let mut sent = std::mem::take(&mut ready.messages);
        self.reads.append(&mut ready.reads);
        self.forwards.append(&mut ready.forwards);
        self.transfers.append(&mut ready.transfers);
        match self.pace {
            Pace::AtOnce => {
                sent.append(&mut ready.messages_after_write);
                self.write(&ready);
                self.applies.extend(ready.snapshot.clone().map(Apply::Restore));
                self.applies.extend(ready.committed.iter().cloned().map(Apply::Entries));
                while self.apply_next().is_some() {}
                self.written = ready.number;
                self.raw().advance(ready);
            }
            Pace::OnRequest => {
                self.applies.extend(ready.committed.drain(..).map(Apply::Entries));
                self.writes.push_back(ready);
            }
        }
        Some(sent)
    }

    fn write(&mut self, ready: &Ready) {
        self.disk.write(ready).expect("the write fits what the disk holds");
        if ready.must_sync {
            self.synced = self.disk.hard_state();
        }
    }

    /// Finishes the oldest write: the messages that waited for it.
    pub fn finish_write(&mut self) -> Vec<Envelope> {
        self.finish_writes(1)
    }

    /// Finishes the oldest `count` writes and reports them as one: the messages that waited for them.
    pub fn finish_writes(&mut self, count: usize) -> Vec<Envelope> {
        let finished: Vec<_> = self.writes.drain(..count.min(self.writes.len())).collect();
        let Some(last) = finished.last() else { return Vec::new() };
        let number = last.number;
        let mut sent = Vec::new();
        for mut ready in finished {
            self.write(&ready);
            self.applies.extend(ready.snapshot.take().map(Apply::Restore));
            sent.append(&mut ready.messages_after_write);
        }
        self.written = number;
        self.raw().on_written(number);
        sent
    }

    /// The number of the last write that was reported to be done in this life.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Lets the state machine do the next thing that it was told to.
    pub fn finish_apply(&mut self) {
        self.finish_applies(1);
    }

    /// Lets the state machine do the next `count` things that it was told to, and reports them as one.
    pub fn finish_applies(&mut self, count: usize) {
        if let Some(index) = (0..count).filter_map(|_| self.apply_next()).last() {
            self.raw().on_applied(index);
        }
    }

    fn apply_next(&mut self) -> Option<LogIndex> {
        match self.applies.pop_front()? {
            Apply::Restore(snapshot) => {
                self.machine.restore(&snapshot);
                self.membership = snapshot.membership;
            }
            Apply::Entries(entries) => entries.iter().for_each(|entry| self.apply(entry)),
        }
        Some(self.machine.index())
    }

    fn apply(&mut self, entry: &Entry) {
        self.machine.apply(entry);
        if entry.kind() == EntryKind::ConfChange {
            // A change that makes no sense makes none on any node.
            let applied =
                ConfChange::from_data(entry.data()).map(|change| self.raw().apply_conf_change(&change));
            if let Some(Ok(membership)) = applied {
                self.membership = membership;
            }
        }
    }

    /// How much the state machine was told to do and has not done.
    #[must_use]
    pub fn waiting_applies(&self) -> usize {
        self.applies.len()
    }

    /// Whether the disk or the state machine is behind.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.writes.is_empty() || !self.applies.is_empty()
    }

    /// The process dies: writes under way, and whatever need not have been durable, are lost.
    pub fn crash(&mut self) {
        self.raw = None;
        self.writes.clear();
        self.written = 0;
        self.applies.clear();
        self.disk.set_hard_state(self.synced);
        self.reads.clear();
        self.forwards.clear();
        self.transfers.clear();
    }

    /// The process dies, and its disk is lost with it: what comes back is as new.
    pub fn wipe(&mut self) {
        self.crash();
        self.disk = MemStorage::with_membership(self.founding.clone());
        self.synced = HardState::default();
    }

    /// Starts again. The state machine was in memory only: it is what the snapshot holds.
    ///
    /// # Panics
    /// If the core refuses what the disk holds.
    pub fn restart(&mut self) {
        self.machine = Machine::default();
        self.membership = self.founding.clone();
        self.restart_with_machine();
    }

    /// Starts again with a state machine that has kept, by itself, all that it had applied.
    ///
    /// # Panics
    /// If the core refuses what the disk holds.
    pub fn restart_with_machine(&mut self) {
        let snapshot = Storage::snapshot(&self.disk).ok();
        if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.last.index > self.machine.index()) {
            self.machine.restore(&snapshot);
            self.membership = snapshot.membership;
        }
        self.disk.set_membership(self.membership.clone());
        self.lives += 1;
        let mut config = self.config.clone();
        // Each life has a seed of its own.
        config.seed = config.seed.wrapping_add(self.lives.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        config.applied = self.machine.index();
        let logger = Logger::root(Discard, o!());
        self.raw =
            Some(RawNode::new(config, self.disk.clone(), logger).expect("a crash leaves a sound disk"));
    }

    /// Makes a snapshot of the state machine and drops all but the last `keep` entries that it contains.
    ///
    /// # Panics
    /// If the disk refuses it.
    pub fn compact(&mut self, keep: u64) {
        let last = self.machine.last();
        let held = Storage::snapshot(&self.disk).ok().map(|snapshot| snapshot.last.index);
        if last.index > held.unwrap_or_default() {
            let membership = self.membership.clone();
            let snapshot = Snapshot { last, membership, data: self.machine.to_bytes().into() };
            self.disk.compact(snapshot, keep).expect("the disk takes a newer snapshot");
        }
    }

    /// This node.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }
}

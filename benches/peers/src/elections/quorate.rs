//! A node of this library.

use quorate::{Config, Envelope, LogIndex, MemStorage, NodeId, Proposed, RawNode, RoleKind, StorageWriter};
use slog::{Discard, Logger, o};

use super::member::{ELECTION_TICKS, HEARTBEAT_TICKS, IDS, Member};
use crate::Failure;

pub(super) struct Node {
    raw: RawNode,
    disk: MemStorage,
    applied: LogIndex,
}

impl Member for Node {
    type Disk = MemStorage;
    type Message = Envelope;

    fn new_disk() -> MemStorage {
        MemStorage::with_voters(IDS.map(NodeId))
    }

    fn start(id: u64, disk: MemStorage, seed: u64) -> Result<Self, Failure> {
        let mut config = Config::new(NodeId(id), seed);
        (config.election_ticks, config.heartbeat_ticks) = (ELECTION_TICKS, HEARTBEAT_TICKS);
        let raw = RawNode::new(config, disk.clone(), Logger::root(Discard, o!()))?;
        Ok(Self { raw, disk, applied: LogIndex::ZERO })
    }

    fn tick(&mut self) {
        self.raw.tick();
    }

    fn hear(&mut self, message: Envelope) -> Result<(), Failure> {
        Ok(self.raw.step(message)?)
    }

    fn receiver_of(message: &Envelope) -> u64 {
        message.to.0
    }

    fn carry_out(&mut self, sent: &mut Vec<Envelope>) -> Result<(), Failure> {
        while self.raw.has_ready() {
            let mut ready = self.raw.ready()?;
            sent.append(&mut ready.messages);
            self.disk.write(&ready)?;
            sent.append(&mut ready.messages_after_write);
            let last = ready.committed.last().and_then(|run| run.last_id());
            self.applied = last.map_or(self.applied, |last| last.index);
            self.raw.advance(ready);
        }
        Ok(())
    }

    fn leads(&self) -> Option<u64> {
        (self.raw.role() == RoleKind::Leader).then(|| self.raw.status().hard_state.term.0)
    }

    fn write(&mut self) -> Result<u64, Failure> {
        match self.raw.propose("a command")? {
            Proposed::Appended(id) => Ok(id.index.0),
            Proposed::Forwarded(_) => Err("a leader passed a command on".into()),
        }
    }

    fn applied(&self) -> u64 {
        self.applied.0
    }
}

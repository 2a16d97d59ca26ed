//! A node of the crate `raft`, known as raft-rs.

use raft::{
    Config, RawNode, StateRole,
    eraftpb::{ConfState, Entry, Message},
    storage::MemStorage,
};
use slog::{Discard, Logger, o};

use super::member::{ELECTION_TICKS, HEARTBEAT_TICKS, IDS, Member};
use crate::Failure;

pub(super) struct Node {
    raw: RawNode<MemStorage>,
    disk: MemStorage,
    applied: u64,
}

impl Member for Node {
    type Disk = MemStorage;
    type Message = Message;

    fn new_disk() -> MemStorage {
        MemStorage::new_with_conf_state(ConfState::from((IDS.to_vec(), vec![])))
    }

    fn start(id: u64, disk: MemStorage, _seed: u64) -> Result<Self, Failure> {
        let config = Config {
            id,
            election_tick: ELECTION_TICKS as usize,
            heartbeat_tick: HEARTBEAT_TICKS as usize,
            check_quorum: true,
            pre_vote: true,
            ..Config::default()
        };
        let raw = RawNode::new(&config, disk.clone(), &Logger::root(Discard, o!()))?;
        Ok(Self { raw, disk, applied: 0 })
    }

    fn tick(&mut self) {
        self.raw.tick();
    }

    fn hear(&mut self, message: Message) -> Result<(), Failure> {
        Ok(self.raw.step(message)?)
    }

    fn receiver_of(message: &Message) -> u64 {
        message.to
    }

    /// In the order of `examples/single_mem_node` of raft-rs.
    fn carry_out(&mut self, sent: &mut Vec<Message>) -> Result<(), Failure> {
        while self.raw.has_ready() {
            let mut ready = self.raw.ready();
            sent.append(&mut ready.take_messages());
            self.apply(&ready.take_committed_entries());
            self.disk.wl().append(ready.entries())?;
            if let Some(hard_state) = ready.hs() {
                self.disk.wl().set_hardstate(hard_state.clone());
            }
            sent.append(&mut ready.take_persisted_messages());
            let mut light = self.raw.advance(ready);
            if let Some(commit) = light.commit_index() {
                self.disk.wl().mut_hard_state().set_commit(commit);
            }
            sent.append(&mut light.take_messages());
            self.apply(&light.take_committed_entries());
            self.raw.advance_apply();
        }
        Ok(())
    }

    fn leads(&self) -> Option<u64> {
        (self.raw.raft.state == StateRole::Leader).then_some(self.raw.raft.term)
    }

    fn write(&mut self) -> Result<u64, Failure> {
        self.raw.propose(Vec::new(), b"a command".to_vec())?;
        Ok(self.raw.raft.raft_log.last_index())
    }

    fn applied(&self) -> u64 {
        self.applied
    }
}

impl Node {
    fn apply(&mut self, committed: &[Entry]) {
        self.applied = committed.last().map_or(self.applied, |last| last.index);
    }
}

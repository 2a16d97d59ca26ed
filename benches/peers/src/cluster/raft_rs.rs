//! The crate `raft`, known as raft-rs, driven as its own examples do.

use quorate_benches::lockstep::{Applied, Lockstep, MAX_INFLIGHT_MESSAGES, MAX_MESSAGE_BYTES, position_of};
use raft::{
    Config, RawNode, StateRole,
    eraftpb::{ConfState, Entry, EntryType, Message},
    storage::MemStorage,
};
use slog::{Discard, Logger, o};

use crate::Failure;

/// Nodes of raft-rs; the first one leads.
pub(crate) struct Cluster {
    nodes: Vec<Node>,
    network: Vec<Message>,
}

struct Node {
    raw: RawNode<MemStorage>,
    storage: MemStorage,
    applied: Applied,
    last_applied: u64,
}

impl Cluster {
    /// A cluster of so many nodes that has elected its leader.
    ///
    /// # Errors
    /// If it could not.
    pub(crate) fn new(nodes: usize) -> Result<Self, Failure> {
        let ids: Vec<_> = (1..).take(nodes).collect();
        let nodes: Result<_, Failure> = ids.iter().map(|id| Node::new(*id, &ids)).collect();
        let mut cluster = Self { nodes: nodes?, network: Vec::new() };
        cluster.nodes[0].raw.campaign()?;
        cluster.settle()?;
        if cluster.nodes[0].raw.raft.state != StateRole::Leader {
            return Err("the first node of raft-rs was not elected".into());
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
            for message in self.network.drain(..) {
                let position = position_of(message.to);
                self.nodes[position].raw.step(message)?;
            }
        }
    }
}

impl Node {
    fn new(id: u64, voters: &[u64]) -> Result<Self, Failure> {
        let storage = MemStorage::new_with_conf_state(ConfState::from((voters.to_vec(), vec![])));
        let config = Config {
            id,
            max_size_per_msg: MAX_MESSAGE_BYTES as u64,
            max_inflight_msgs: MAX_INFLIGHT_MESSAGES,
            check_quorum: true,
            pre_vote: true,
            // Not its default, but much faster for batches, and how TiKV runs it.
            batch_append: true,
            ..Config::default()
        };
        let raw = RawNode::new(&config, storage.clone(), &Logger::root(Discard, o!()))?;
        Ok(Self { raw, storage, applied: Applied::default(), last_applied: 0 })
    }

    /// In the order of `examples/single_mem_node` of raft-rs.
    fn carry_out_ready(&mut self, network: &mut Vec<Message>) -> Result<(), Failure> {
        let mut ready = self.raw.ready();
        network.append(&mut ready.take_messages());
        self.apply(&ready.take_committed_entries());
        if !ready.entries().is_empty() {
            self.storage.wl().append(ready.entries())?;
        }
        if let Some(hard_state) = ready.hs() {
            self.storage.wl().set_hardstate(hard_state.clone());
        }
        network.append(&mut ready.take_persisted_messages());

        let mut light = self.raw.advance(ready);
        if let Some(commit) = light.commit_index() {
            self.storage.wl().mut_hard_state().set_commit(commit);
        }
        network.append(&mut light.take_messages());
        self.apply(&light.take_committed_entries());
        self.raw.advance_apply();
        Ok(())
    }

    fn apply(&mut self, committed: &[Entry]) {
        for entry in committed {
            self.last_applied = entry.index;
            // A leader opens its term with an empty entry.
            if entry.get_entry_type() == EntryType::EntryNormal && !entry.data.is_empty() {
                self.applied.apply(&entry.data);
            }
        }
    }
}

impl Lockstep for Cluster {
    fn commit(&mut self, batch: usize, payload: &[u8]) -> Result<(), Failure> {
        for _ in 0..batch {
            self.nodes[0].raw.propose(Vec::new(), payload.to_vec())?;
        }
        self.settle()
    }

    fn compact(&mut self, keep: u64) -> Result<(), Failure> {
        for node in &self.nodes {
            // Keeps the last one in any case, whose term the next append names.
            node.storage.wl().compact(node.last_applied.saturating_sub(keep))?;
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

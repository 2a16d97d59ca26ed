//! The crate `raft`, known as raft-rs, driven as its own examples do.

use lockstep::{Applied, Failure, Lockstep, MAX_INFLIGHT_MESSAGES, MAX_MESSAGE_BYTES, NODES};
use raft::{
    Config, RawNode, StateRole,
    eraftpb::{ConfState, Entry, EntryType, Message},
    storage::MemStorage,
};
use slog::{Discard, Logger, o};

/// Three nodes of raft-rs; the first one leads.
pub(crate) struct Cluster {
    nodes: [Node; NODES],
    /// For each node, what the others have sent it.
    inboxes: [Vec<Message>; NODES],
}

struct Node {
    raw: RawNode<MemStorage>,
    storage: MemStorage,
    applied: Applied,
    last_applied: u64,
}

impl Cluster {
    /// A cluster that has elected its leader.
    ///
    /// # Errors
    /// If it could not.
    pub(crate) fn new() -> Result<Self, Failure> {
        let nodes = [Node::new(1)?, Node::new(2)?, Node::new(3)?];
        let mut cluster = Self { nodes, inboxes: Default::default() };
        cluster.nodes[0].raw.campaign()?;
        cluster.settle()?;
        if cluster.nodes[0].raw.raft.state != StateRole::Leader {
            return Err("the first node of raft-rs was not elected".into());
        }
        Ok(cluster)
    }

    /// Lets every node in turn do what it has to, until none has anything.
    fn settle(&mut self) -> Result<(), Failure> {
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for position in 0..NODES {
                let mut inbox = std::mem::take(&mut self.inboxes[position]);
                let node = &mut self.nodes[position];
                for message in inbox.drain(..) {
                    node.raw.step(message)?;
                }
                self.inboxes[position] = inbox;
                if node.raw.has_ready() {
                    node.carry_out_ready(&mut self.inboxes)?;
                    is_quiet = false;
                }
            }
        }
        Ok(())
    }
}

impl Node {
    fn new(id: u64) -> Result<Self, Failure> {
        let storage = MemStorage::new_with_conf_state(ConfState::from((vec![1, 2, 3], vec![])));
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
    fn carry_out_ready(&mut self, inboxes: &mut [Vec<Message>; NODES]) -> Result<(), Failure> {
        let mut ready = self.raw.ready();
        deliver(ready.take_messages(), inboxes);
        self.apply(&ready.take_committed_entries());
        if !ready.entries().is_empty() {
            self.storage.wl().append(ready.entries())?;
        }
        if let Some(hard_state) = ready.hs() {
            self.storage.wl().set_hardstate(hard_state.clone());
        }
        deliver(ready.take_persisted_messages(), inboxes);

        let mut light = self.raw.advance(ready);
        if let Some(commit) = light.commit_index() {
            self.storage.wl().mut_hard_state().set_commit(commit);
        }
        deliver(light.take_messages(), inboxes);
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

fn deliver(messages: Vec<Message>, inboxes: &mut [Vec<Message>; NODES]) {
    for message in messages {
        let inbox = usize::try_from(message.to).ok().and_then(|to| inboxes.get_mut(to.checked_sub(1)?));
        if let Some(inbox) = inbox {
            inbox.push(message);
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

    fn compact(&mut self) -> Result<(), Failure> {
        for node in &self.nodes {
            // Keeps the last one, whose term the next append names.
            node.storage.wl().compact(node.last_applied)?;
        }
        Ok(())
    }

    fn applied(&self) -> [Applied; NODES] {
        self.nodes.each_ref().map(|node| node.applied)
    }
}

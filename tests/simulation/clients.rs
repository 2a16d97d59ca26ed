//! The clients: what they were promised, and whether it was true.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use harness::Node;
use quorate::{
    Entry, EntryId, ForwardId, ForwardOutcome, LogIndex, NodeId, ProposeError, Proposed, ReadId, ReadOutcome,
    Ready,
};

/// All proposals and reads, of all nodes' clients. Each proposal begins with a number of its own.
#[derive(Default)]
pub(crate) struct Clients {
    next: u64,
    forwarded: BTreeMap<(NodeId, ForwardId), u64>,
    /// Never to be seen in any log.
    refused: BTreeSet<u64>,
    /// Where each proposal was seen in a log.
    seen: BTreeMap<u64, EntryId>,
    /// What each read must not fall short of.
    reads: BTreeMap<(NodeId, ReadId), LogIndex>,
}

fn number_of(entry: &Entry) -> Option<u64> {
    entry.data.first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes))
}

impl Clients {
    /// A client proposes something at a node.
    pub(crate) fn propose(&mut self, node: &mut Node, padding: usize) -> Option<Proposed> {
        self.next += 1;
        let number = self.next;
        let data: Vec<u8> = number.to_be_bytes().into_iter().chain(std::iter::repeat_n(0, padding)).collect();
        let proposed = node.raw().propose(Bytes::from(data));
        match proposed {
            Ok(Proposed::Appended(id)) => {
                self.seen.insert(number, id);
            }
            Ok(Proposed::Forwarded(id)) => {
                assert!(self.forwarded.insert((node.id(), id), number).is_none(), "{id:?} is used twice");
            }
            Err(ProposeError::NoLeader | ProposeError::Busy { .. }) => {
                self.refused.insert(number);
            }
            Err(error) => panic!("nothing is wrong with the proposal: {error}"),
        }
        proposed.ok()
    }

    /// A client begins to read at a node, when so much is `committed`.
    pub(crate) fn read(&mut self, node: &mut Node, committed: LogIndex) {
        if let Ok(id) = node.raw().read_index() {
            assert!(self.reads.insert((node.id(), id), committed).is_none(), "{id:?} is used twice");
        }
    }

    /// A node's clients are told something.
    pub(crate) fn on_ready(&mut self, node: NodeId, ready: &Ready) {
        ready.entries.iter().flat_map(|run| run.iter()).for_each(|entry| self.on_entry(entry));
        for read in &ready.reads {
            let Some(committed) = self.reads.remove(&(node, read.id)) else {
                panic!("{:?} ends, but was not begun, or ended before", read.id)
            };
            if let ReadOutcome::At(index) = read.outcome {
                assert!(index >= committed, "a stale read: {index} was confirmed, {committed} was committed");
            }
        }
        for forward in &ready.forwards {
            let Some(number) = self.forwarded.remove(&(node, forward.id)) else {
                panic!("{:?} ends, but was not begun, or ended before", forward.id)
            };
            match forward.outcome {
                ForwardOutcome::Appended(id) => {
                    assert_eq!(self.seen.get(&number), Some(&id), "proposal {number} is elsewhere");
                }
                ForwardOutcome::Refused => {
                    assert_eq!(self.seen.get(&number), None, "proposal {number} was refused, and appended");
                    self.refused.insert(number);
                }
                ForwardOutcome::Unknown => {}
            }
        }
    }

    /// A proposal stands in one place at most, and nowhere if it was refused.
    fn on_entry(&mut self, entry: &Entry) {
        let Some(number) = number_of(entry) else { return };
        assert!(!self.refused.contains(&number), "proposal {number} was refused, and is entry {}", entry.id);
        let first_seen = *self.seen.entry(number).or_insert(entry.id);
        assert_eq!(first_seen, entry.id, "proposal {number} was appended twice");
    }

    /// A node died, and its clients with it.
    pub(crate) fn forget(&mut self, node: NodeId) {
        self.forwarded.retain(|(at, _), _| *at != node);
        self.reads.retain(|(at, _), _| *at != node);
    }

    pub(crate) fn nobody_waits(&self) -> bool {
        self.forwarded.is_empty() && self.reads.is_empty()
    }
}

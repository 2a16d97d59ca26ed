//! The clients who propose: what they were promised, and whether it was true.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use harness::Node;
use quorate::{Entry, EntryId, EntryKind, ForwardId, ForwardOutcome, NodeId, ProposeError, Proposed, Ready};

use crate::{counts::Counts, world::World};

/// All proposals, of all nodes' clients. Each begins with a number of its own.
#[derive(Default)]
pub(crate) struct Clients {
    next: u64,
    forwarded: BTreeMap<(NodeId, ForwardId), u64>,
    /// Never to be seen in any log.
    refused: BTreeSet<u64>,
    /// Where each proposal was seen in a log.
    seen: BTreeMap<u64, EntryId>,
}

fn number_of(entry: &Entry) -> Option<u64> {
    let number = entry.data().first_chunk::<8>().map(|bytes| u64::from_be_bytes(*bytes));
    number.filter(|_| entry.kind() == EntryKind::Normal)
}

impl Clients {
    fn propose(&mut self, node: &mut Node, padding: usize) -> Result<Proposed, ProposeError> {
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
            Err(ProposeError::TooLarge { .. }) => panic!("nothing is wrong with the proposal"),
            Err(_) => {
                self.refused.insert(number);
            }
        }
        proposed
    }

    /// A node's clients are told something.
    pub(crate) fn on_ready(&mut self, node: NodeId, ready: &Ready, counts: &mut Counts) {
        ready.entries.iter().flat_map(|run| run.iter()).for_each(|entry| self.on_entry(entry));
        for forward in &ready.forwards {
            let Some(number) = self.forwarded.remove(&(node, forward.id)) else {
                panic!("{:?} ends, but was not begun, or ended before", forward.id)
            };
            match forward.outcome {
                ForwardOutcome::Appended(id) => {
                    assert_eq!(self.seen.get(&number), Some(&id), "proposal {number} is elsewhere");
                    counts.count("forwards appended");
                }
                ForwardOutcome::Refused => {
                    assert_eq!(self.seen.get(&number), None, "proposal {number} was refused, and appended");
                    self.refused.insert(number);
                    counts.count("forwards refused");
                }
                ForwardOutcome::Unknown => counts.count("forwards unknown"),
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
    }

    pub(crate) fn nobody_waits(&self) -> bool {
        self.forwarded.is_empty()
    }
}

impl World {
    /// A client proposes something at a node. A refusal because of a transfer is true as long as one goes on.
    pub(crate) fn propose(&mut self, at: usize, padding: usize) -> Option<Proposed> {
        self.note(format_args!("{} propose", self.nodes[at].id()));
        let proposed = self.clients.propose(&mut self.nodes[at], padding);
        if let Err(ProposeError::TransferringLeadership { to }) = proposed {
            let id = self.nodes[at].id();
            assert!(self.handovers.may_be_under_way(id, to), "{id} hands over to {to} without being asked");
            self.counts.count("proposals held back by a transfer");
        }
        proposed.ok()
    }
}

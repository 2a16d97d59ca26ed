//! What the tests let nodes say.

use bytes::Bytes;
use harness::{Cluster, envelope};
use quorate::{Echo, Entries, EntryId, Envelope, LogIndex, Membership, Message, NodeId, Snapshot};

/// The election timeout, in ticks.
pub(crate) const ELECTION: u32 = 10;

/// Nodes that stand for election without asking first, as the paper has it.
pub(crate) fn no_pre_vote(count: u64) -> Cluster {
    Cluster::with_config(count, |config| config.pre_vote = false)
}

/// n2 leads `term`, and its log goes on like this.
pub(crate) fn append(to: u64, term: u64, previous: EntryId, entries: Entries, commit: u64) -> Envelope {
    envelope(2, to, term, Message::AppendRequest { previous, entries, commit: LogIndex(commit) })
}

pub(crate) fn empty_append() -> Message {
    Message::AppendRequest { previous: EntryId::ZERO, entries: Entries::EMPTY, commit: LogIndex::ZERO }
}

pub(crate) fn heartbeat(commit: u64) -> Message {
    Message::Heartbeat { commit: LogIndex(commit), echo: Echo::default() }
}

pub(crate) fn accepted(matched: u64) -> Message {
    Message::AppendAccepted { matched: LogIndex(matched) }
}

pub(crate) fn vote_request(last: EntryId) -> Message {
    Message::VoteRequest { last, priority: 0, committed: None, transfer: false }
}

pub(crate) fn vote(granted: bool) -> Message {
    Message::VoteResponse { granted, committed: None }
}

/// n2 leads term 5, and sends n1 a state machine of three voters.
pub(crate) fn snapshot(last: EntryId) -> Envelope {
    let membership = Membership::of_voters((1..=3).map(NodeId));
    let snapshot = Snapshot { last, membership, data: Bytes::copy_from_slice(&[0; 8]).into() };
    envelope(2, 1, 5, Message::SnapshotRequest { snapshot: Box::new(snapshot) })
}

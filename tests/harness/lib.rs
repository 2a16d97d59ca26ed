//! What the suites share: nodes whose disks, state machines and network are in the test's hand.
//!
//! A [`Node`] is a `RawNode` with a disk and a state machine. It carries out Readys in the order that `Ready`
//! documents: at once, or one piece at a time as the test says ([`Pace`]), so that a crash finds writes under
//! way. A [`Cluster`] is some of them on a network that does only what the test wants.
//!
//! Nothing here is random, and nothing knows what time it is.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a broken premise must stop it"
)]

mod cluster;
mod faults;
mod machine;
mod membership;
mod network;
mod node;
pub mod outside;

pub use cluster::Cluster;
pub use machine::Machine;
pub use membership::{add_learner, add_voter, remove};
pub use network::Network;
pub use node::{Node, Pace};

use bytes::Bytes;
use quorate::{Entries, Entry, EntryId, Envelope, Message, NodeId, Term};

/// The entries of a log that starts at index 1, given their terms: how the paper's figures draw logs.
#[must_use]
pub fn log_of(terms: &[u64]) -> Entries {
    run_after(0, terms)
}

/// Entries of these terms, the first of which follows index `before`.
#[must_use]
pub fn run_after(before: u64, terms: &[u64]) -> Entries {
    let ids = (before + 1..).zip(terms).map(|(index, term)| EntryId::new(*term, index));
    let entries: Vec<_> = ids.map(|id| Entry::command(id, id.to_string())).collect();
    Entries::try_from(entries).expect("a figure's terms never go down")
}

/// A message from one node to another.
#[must_use]
pub fn envelope(from: u64, to: u64, term: u64, message: Message) -> Envelope {
    Envelope { from: NodeId(from), to: NodeId(to), term: Term(term), message }
}

/// The name of a message's kind, for filters: `"vote_request"`.
#[must_use]
pub fn kind(envelope: &Envelope) -> &'static str {
    envelope.message.name()
}

/// Bytes for a proposal.
#[must_use]
pub fn command(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

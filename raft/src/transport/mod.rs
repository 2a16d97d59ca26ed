//! How messages travel between nodes.
//!
//! Raft needs little of a transport: messages may be lost, doubled, late and out of order, only not changed.

mod memory;
pub mod tcp;

pub use memory::{MemNetwork, MemTransport};
pub use tcp::{TcpOptions, TcpTransport};

use crate::consensus::{Envelope, NodeId};

/// The sending side of a node's network.
pub trait Transport: Send + 'static {
    /// Takes all of `messages` and sends each to the node that it is for; leaves the vector empty.
    ///
    /// Never blocks: what cannot be sent or queued at once is dropped, and Raft sends it again if it matters.
    /// Messages to one node should arrive in the order in which they were given, though nothing breaks if
    /// they do not.
    fn send(&mut self, messages: &mut Vec<Envelope>);
}

/// The receiving side: where a transport puts what comes from the network. A
/// [`Handle`](crate::runtime::Handle) is one.
pub trait Inbox: Send + Sync + 'static {
    /// A message has come. Does not block; dropped if the node cannot keep up.
    fn deliver(&self, envelope: Envelope);

    /// Messages to `node` cannot be delivered at present: a hint, after which the leader is careful with it.
    fn report_unreachable(&self, node: NodeId);

    /// The snapshot that was on its way to `node` has arrived there, or will not.
    fn report_snapshot(&self, node: NodeId, arrived: bool);
}

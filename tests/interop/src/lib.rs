//! Clusters of our nodes and of raft-rs's, in one thread and without a clock.
//!
//! Every message is bytes on its way: its sender's library has encoded it, and its receiver's decodes it. What both
//! kinds of node have in common for a test is a [`Node`]; what they make of the log is written down in words
//! ([`Machine`]), which neither library has a hand in.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "in a test a broken premise must stop it"
)]

mod change;
mod cluster;
mod disk;
mod machine;
mod network;
mod node;
mod ours;
mod theirs;

pub use change::Members;
pub use cluster::Cluster;
pub use machine::Machine;
pub use network::{Network, Packet};
pub use node::{Kind, Node, Settings, View, mixtures};

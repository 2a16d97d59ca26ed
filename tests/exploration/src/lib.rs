//! Every schedule of a small cluster, to a bound.
//!
//! A model checker ([stateright](https://docs.rs/stateright)) asks what can happen next, and looks at every answer: any
//! message that is on its way arrives, once or twice, or is lost; any node's clock runs out; a leader takes a proposal,
//! or sends heartbeats; the oldest write of a disk is done; a process dies with the writes that were under way, and
//! starts again. What happens then, the real [`RawNode`](quorate::RawNode) decides. After each step the promises of
//! Figure 3, and what clients rely on, are looked at across all nodes ([`Promise`]).
//!
//! # How a node is kept
//!
//! A state of the cluster must be small, and a node cannot be copied. But what a node is depends on nothing but what was
//! done to it, and that is little: its own inputs, not the cluster's. So a state holds a number for each node, and a
//! [`table`] holds for each number what the node shows of itself and the inputs that lead there. A step that was taken
//! before, with whatever the others did in between, is looked up; a new one is played from the beginning.
//!
//! Two ways that lead to the same are one state. What is "the same" is all that bears on what the node will do
//! ([`node::Node::key`]); that nothing is missing from it, a test shows by exploring once more without it.

#![expect(clippy::expect_used, reason = "a premise that does not hold must stop the exploration")]

mod bounds;
mod cluster;
mod history;
pub mod node;
mod promise;
mod start;
pub mod table;

pub use bounds::Bounds;
pub use cluster::{Action, Cluster, State};
pub use node::Flaw;
pub use promise::Promise;
pub use start::Start;

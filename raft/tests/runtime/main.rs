//! The runtime as its users meet it: nodes with threads, on a network in memory.
//!
//! Nothing here says how long anything takes; each test waits for what must come in the end, and gives up
//! only after [`PATIENCE`](cluster::PATIENCE).

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod administration;
mod cluster;
mod ends;
mod pipeline;
mod proposals;
mod queries;
mod snapshots;
mod tickets;

//! The transport over TCP as its users meet it, on loopback: whole clusters, single transports, and strangers.
//!
//! Nothing here says how long anything takes; each test waits for what must come in the end, and gives up only after
//! [`PATIENCE`](wait::PATIENCE).

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod cluster;
mod clusters;
mod handshakes;
mod peers;
mod proxy;
mod recorder;
mod snapshots;
mod strangers;
#[cfg(feature = "tls")]
mod tls;
mod wait;

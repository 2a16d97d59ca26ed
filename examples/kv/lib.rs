//! What `kv_server`, `kv_client` and `kv_cluster` share: a replicated key-value store, and how one talks to it.
//!
//! Read it in this order:
//!
//! 1. [`protocol`]: what clients may ask, and what they are told; one JSON object a line, over TCP.
//! 2. [`store`]: the state machine, which Quorate keeps equal on all servers.
//! 3. [`server`]: takes requests from clients and passes them to the node, with a few threads for all of them. `kv_server.rs` puts it together with the
//!    durable log and the network.
//! 4. [`client`]: asks, follows the leader, and knows when it is safe to ask again.
//! 5. [`processes`]: runs `kv_server` as child processes, to kill them and start them again.
//!
//! [`lines`], [`addresses`], [`watchers`] and `pending` are what these are made of; [`broken`] is for tests of tests.

pub mod addresses;
pub mod broken;
pub mod client;
pub mod lines;
mod pending;
pub mod processes;
pub mod protocol;
pub mod server;
pub mod store;
pub mod watchers;
mod words;

pub use addresses::Addresses;
pub use client::Client;
pub use server::Server;
pub use store::Store;

#[cfg(test)]
mod tests;

//! The real `lin-kv` binary, as Maelstrom runs it.
#![expect(clippy::unwrap_used, reason = "clippy takes only functions marked as tests for tests")]

mod data_directory;
mod lone;
mod network;
mod one_node;
mod process;
mod three_nodes;

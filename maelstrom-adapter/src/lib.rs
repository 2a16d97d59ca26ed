//! Maelstrom nodes.

pub mod checker;
pub mod lin_kv;
pub mod node;
pub mod workbench;

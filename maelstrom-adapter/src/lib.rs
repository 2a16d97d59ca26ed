//! Maelstrom nodes.

pub mod checker;
pub mod workbench;

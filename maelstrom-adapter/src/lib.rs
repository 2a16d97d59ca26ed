//! Maelstrom nodes.

pub mod checker;

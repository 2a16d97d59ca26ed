//! Maelstrom nodes.

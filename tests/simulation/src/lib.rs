//! Simulated clusters: what `cargo simulate` runs.

pub mod registers;

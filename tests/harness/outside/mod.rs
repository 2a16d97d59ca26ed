//! Bytes from anywhere, read as what can be done to a node from outside.
//!
//! One definition for `cargo test` and for the fuzzer in `tests/fuzz`: whatever the bytes are, each function comes
//! back, or has found a bug. The same bytes do the same.

mod calls;
mod choices;
mod disk;
mod liar;
mod messages;
mod start;
mod step;
mod wire;

pub use disk::lying_disk;
pub use step::step;
pub use wire::wire;

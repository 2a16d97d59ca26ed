//! Parts of a world that does what a test tells it, from a seed.
//!
//! For tests of what is built on this library; the feature `simulation` turns it on, and production has no use for it:
//!
//! ```toml
//! [dev-dependencies]
//! quorate = { version = "0.1", features = ["simulation"] }
//! ```
//!
//! - [`disk`] is a file system in memory that loses what was not synced, tears what was being written, and fails when
//!   it is told to. The durable log runs on it unchanged, and so does whatever else goes through
//!   [`FileSystem`](crate::storage::disk::FileSystem).
//!
//! Nothing here reads a clock, starts a thread, or draws chance from anywhere but its seed: the same calls after the
//! same seed give the same faults.

mod actions;
mod checked;
mod counts;
pub mod disk;
mod failure;
mod faults;
pub mod linearizability;
mod observer;
mod panics;
pub mod plan;
mod random;
mod shrink;
mod simulation;
#[cfg(test)]
mod tests;
pub mod trace;
mod violation;
mod workload;
mod world;

pub use checked::Checked;
pub use counts::{Count, Counts};
pub use failure::Failure;
pub use faults::Faults;
pub use random::Random;
pub use shrink::{Shrunk, shrink};
pub use simulation::{Report, Simulation, run};
pub use violation::Violation;
pub use workload::{Call, Request, Workload};

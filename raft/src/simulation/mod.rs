//! Whole clusters in one thread, to which everything happens that a seed decides on.
//!
//! For tests of what is built on this library; the feature `simulation` turns it on, and production has no use for it:
//!
//! ```toml
//! [dev-dependencies]
//! quorate = { version = "0.1", features = ["simulation"] }
//! ```
//!
//! The runtime's driver, writer and applier, the durable log and the bytes of messages are those of production. Time,
//! network, disks, clocks and clients are simulated. A state machine of one's own is put in as a [`Workload`]: what
//! clients do with it, and what must hold. Here the sum of all that was added must be even:
//!
//! ```
//! # use std::{io::{self, Read}, time::Duration};
//! # use bytes::Bytes;
//! # use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine};
//! use quorate::simulation::{Random, Request, Simulation, Workload};
//!
//! # #[derive(Default)]
//! # struct Sum(u64);
//! # impl StateMachine for Sum {
//! #     type Response = u64;
//! #     type Query = ();
//! #     type Answer = u64;
//! #     fn apply(&mut self, _index: LogIndex, command: &Bytes) -> u64 {
//! #         self.0 += u64::from(command[0]);
//! #         self.0
//! #     }
//! #     fn query(&self, (): ()) -> u64 {
//! #         self.0
//! #     }
//! #     fn snapshot(&self) -> SnapshotWriter {
//! #         let sum = self.0;
//! #         Box::new(move |output| write!(output, "{sum}"))
//! #     }
//! #     fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
//! #         self.0 = io::read_to_string(snapshot)?.parse().map_err(RestoreError::new)?;
//! #         Ok(())
//! #     }
//! # }
//! struct Adding;
//!
//! impl Workload for Adding {
//!     type Machine = Sum; // the state machine
//!
//!     fn machine(&self) -> Sum {
//!         Sum::default()
//!     }
//!     fn next(&mut self, _client: usize, _now: Duration, random: &mut Random) -> Request<Sum> {
//!         Request::Command(Bytes::from(vec![2 * random.index(100) as u8]))
//!     }
//!     fn check(&self, Sum(sum): &Sum) -> Result<(), String> {
//!         if sum % 2 == 0 { Ok(()) } else { Err(format!("{sum} is odd")) }
//!     }
//! }
//!
//! let checked = Simulation::check(1..=5, |simulation| simulation.nodes(3), || Adding);
//! println!("{checked}");
//! ```
//!
//! If a promise is broken, one of Raft's or one of the workload's, [`Simulation`] finds out how little it takes and leaves
//! a page that shows what happened. `docs/simulation.md` is the long story.
//!
//! - [`plan`] is what happens in one simulation, as data; [`trace`] what has happened, to read.
//! - [`linearizability`] judges histories of one's own.
//! - [`disk`] is the file system in memory that all this runs on: it loses what was not synced, tears what was being
//!   written, and fails when it is told to. It can be used alone, by whatever goes through
//!   [`FileSystem`](crate::storage::disk::FileSystem).
//!
//! Nothing here reads a clock, starts a thread, or draws chance from anywhere but its seed: the same calls after the
//! same seed give the same faults. Only how long a plan is made smaller is bounded by a clock.

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

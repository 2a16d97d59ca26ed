//! The log on disk, under everything that a disk may do to it.
//!
//! A seed makes a workload: entries of many sizes, replaced tails, votes, snapshots made and installed, compactions,
//! clean ends and killed processes, on segments so small that they fill up all the time. A model keeps what was
//! acknowledged. Then the workload is run again and again on a simulated disk, and each time one operation after another
//! crashes or fails. What the log holds afterwards must be what was acknowledged, or that and a part of what came after,
//! in its order; a clear error is allowed only where bits were flipped. Each time, the log must then go on working.
//!
//! `QUORATE_SEEDS` says how many seeds to try. `QUORATE_SEED` and `QUORATE_OPERATION` try one, which is how a failure is
//! replayed. With `QUORATE_TRACE` set, every action is printed, with the number of disk operations before it.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test a broken premise must stop it"
)]
#![expect(clippy::print_stdout, reason = "what was tried, and what came of it")]

mod crashes;
mod damage;
mod failures;
mod model;
mod node;
mod reused;
mod sweep;
mod workload;

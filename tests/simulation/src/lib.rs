//! Simulated clusters from seeds: what `cargo simulate` does.
//!
//! | module | |
//! |---|---|
//! | [`options`] | the command line |
//! | [`cases`] | which seed is which simulation |
//! | [`attempt`] | one simulation, and all that can go wrong in it |
//! | [`batch`], [`progress`] | many of them, on several threads; what is told of them meanwhile |
//! | [`summary`] | what they have exercised |
//! | [`finding`] | what is made of a broken promise: a smaller plan, and files that show it |
//! | [`replay`] | a plan from a file |
//! | [`registers`] | what is simulated: the library's own workload |

use quorate::simulation::run;

use registers::RegistersWorkload;

pub mod attempt;
pub mod batch;
pub mod cases;
pub mod finding;
pub mod options;
pub mod progress;
pub mod registers;
pub mod replay;
pub mod summary;

/// What is simulated: the library's own workload.
pub const SIMULATE: attempt::Simulate =
    |plan, keeps_records| run(plan, RegistersWorkload::default(), keeps_records);

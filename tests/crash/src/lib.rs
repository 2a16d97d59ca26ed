//! Kills servers of a real cluster again and again, and checks that nothing acknowledged is lost.
//!
//! The servers are processes of `examples/kv_server`, with disks and TCP on the loopback interface. Clients write
//! numbered values. In each **round**:
//!
//! 1. [`plan`]: servers are killed (`kill -9`), one, a majority or all, at random moments, also right after another kill
//!    and while they start, and started again;
//! 2. meanwhile each [`writer`] writes rising numbers to a key of its own and reads them through any server;
//! 3. in the end all servers run, and must come to the same state: the same commands in the same order;
//! 4. each key must hold what its [`ledger`] allows: no acknowledged number is lost, none that was refused is there,
//!    and no read goes back.
//!
//! A process that is killed leaves what it has handed to the operating system. So this finds what is acknowledged
//! before it is written; what is written and not synced is lost only with the machine, and for the simulated disks of
//! the library's own tests to find.
//!
//! The seed decides what is done when, not what comes of it: two runs with one seed are the same test, and may end
//! differently.

pub mod ledger;
pub mod options;
pub mod plan;
mod report;
mod run;
mod settle;
pub mod writer;

pub use options::{CommandLine, Fault};
pub use report::Report;
pub use run::{Error, run};

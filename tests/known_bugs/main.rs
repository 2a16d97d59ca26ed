//! What went wrong in other implementations of Raft, played here.
//!
//! Each test is a scenario from a public report on another implementation, and opens with what went wrong there.
//! Its name begins with the report's class and number: elections (a), replication (b), persistence (c), snapshots
//! (d), reads (f), flow control (h), clients (i). Some are unit tests beside the code that they are about; there
//! are none yet for changes of membership (e) and the transfer of leadership (g).

#![expect(clippy::unwrap_used, reason = "in a test a broken premise must stop it")]

mod clients;
mod elections;
mod flow;
mod persistence;
mod pipelined;
mod reads;
mod replication;
mod snapshots;

//! What went wrong in other implementations of Raft, played here.
//!
//! Each test is a scenario from a public report on another implementation, and opens with what went wrong there.
//! Its name begins with the report's class and number: elections (a), replication (b), persistence (c), snapshots
//! (d), changes of membership (e), reads (f), transfers of leadership (g), flow control (h), clients (i). Some are unit
//! tests beside the code that they are about.

#![expect(clippy::unwrap_used, reason = "in a test a broken premise must stop it")]

mod clients;
mod elections;
mod flow;
mod leases;
mod log_files;
mod lost_disks;
mod membership;
mod membership_joint;
mod memory;
mod persistence;
mod pipelined;
mod pre_votes;
mod reads;
mod replication;
mod slow_disks;
mod snapshot_memberships;
mod snapshots;
mod storage;
mod table;
mod transfers;

//! Quorate beside its peers: the same work, on the same machine, in the same minute.
//!
//! A comparison is a module of its own with a function that measures and gives a [`report::Comparison`]; a line in
//! [`COMPARISONS`] makes `cargo compare` run it. It measures both sides in turns, round after round, so that whatever
//! else the machine does falls on both, and so that each round has a ratio of its own. How the results are told is
//! the same for all: a table and a line for each ratio ([`report`]), a file for programs, and a plot ([`plot`]).

pub mod cluster;
pub mod disk;
pub mod elections;
pub mod end_to_end;
pub mod in_process;
pub mod log_replication;
pub mod machine;
pub mod memory;
pub mod options;
pub mod plot;
pub mod report;

pub use options::{Omitted, Options};
/// What can go wrong: ends the program with its message, unless it is [`Omitted`].
pub use quorate_benches::Failure;

use report::Comparison;

/// Something that can be compared.
pub struct Entry {
    /// What `--only` calls it; the name of its module.
    pub name: &'static str,
    /// What is measured, and beside whom, in one line.
    pub about: &'static str,
    /// Measures it.
    pub compare: fn(&Options) -> Result<Comparison, Failure>,
}

/// All comparisons, in the order in which they run.
pub const COMPARISONS: &[Entry] = &[
    Entry {
        name: "log_replication",
        about: "nodes of the core alone, in one thread and in memory, beside raft-rs",
        compare: log_replication::compare,
    },
    Entry {
        name: "memory",
        about: "what an entry takes beside its payload, an idle node, and how often memory is asked for, beside raft-rs",
        compare: memory::compare,
    },
    Entry {
        name: "disk",
        about: "the log on disk alone, beside raft-engine and beside a bare write",
        compare: disk::compare,
    },
    Entry {
        name: "in_process",
        about: "three nodes with their threads in one process, and one client, beside openraft",
        compare: in_process::compare,
    },
    Entry {
        name: "elections",
        about: "from a leader's death to the next write, in simulated time, beside raft-rs",
        compare: elections::compare,
    },
    Entry {
        name: "end_to_end",
        about: "three processes of the example kv_server with their disks and clients, beside etcd",
        compare: end_to_end::compare,
    },
];

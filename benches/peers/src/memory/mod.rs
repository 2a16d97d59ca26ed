//! What is held in memory, and how often memory is asked for, beside raft-rs.
//!
//! Counted is what a library asks of the allocator, in bytes, and has not given back; not what the allocator adds to
//! it. All counts are the same each time, so there are no rounds and no spread. Counting costs time, so it is done by
//! a program of its own, `count`, with an allocator that counts.
//!
//! - `entry`: a leader that is the only voter commits 100,000 entries, so many in a batch, and compacts nothing. What
//!   it holds more than before, an entry, less the payload: the log in the library's own storage in memory, and what
//!   the core keeps beside it. Each payload is one allocation of its own, made by the client; both libraries keep that
//!   and do not copy it.
//! - `node`: one of three nodes after the election, whose only entry is the blank one of its leader: the node itself,
//!   its storage, and all they point to. The other two are dropped before it is counted.
//! - `allocations`: how often three nodes ask for memory for an entry that they commit, once they are warm, with the
//!   one of its payload. Compaction is not counted.

use std::{env, process::Command};

use clap::{Args, ValueEnum};
use quorate_benches::lockstep::Case;

use crate::{
    Failure, Options,
    cluster::{Cluster, Library},
    machine::{self, version_of},
    report::{Better, Comparison, Row},
};

/// How many entries a log is filled with.
const ENTRIES: usize = 100_000;

/// How large they are.
const ENTRY_BYTES: usize = 256;

const BATCHES: [usize; 3] = [1, 16, 256];

/// What is counted, and of which library: one number.
#[derive(Args)]
pub struct Count {
    /// Whose nodes.
    library: Library,
    /// What of them.
    what: What,
    /// How many entries are proposed at a time, where entries are committed.
    #[arg(long, default_value_t = 16)]
    batch: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// Bytes of an entry beside its payload.
    Entry,
    /// Bytes of an idle leader.
    Leader,
    /// Bytes of an idle follower.
    Follower,
    /// How often memory is asked for, an entry.
    Allocations,
}

/// What an allocator has been asked for so far.
#[derive(Clone, Copy, Default)]
pub struct Heap {
    /// How often it was asked for memory.
    pub calls: usize,
    /// Bytes that were asked for and not given back.
    pub live_bytes: usize,
}

/// Counts everything for both libraries.
///
/// # Errors
/// If no case is selected, or the counting program could not be built or run.
pub fn compare(options: &Options) -> Result<Comparison, Failure> {
    let of_batches = |what, name: &'static str, unit| {
        BATCHES.map(|batch| (format!("{name} batch={batch} size={ENTRY_BYTES}"), what, batch, unit))
    };
    let mut cases = of_batches(What::Entry, "entry", "bytes beside the payload").to_vec();
    cases.push(("node leader".to_owned(), What::Leader, 1, "bytes"));
    cases.push(("node follower".to_owned(), What::Follower, 1, "bytes"));
    cases.extend(of_batches(What::Allocations, "allocations", "allocations/entry"));
    options.select(cases.iter().map(|(name, ..)| name))?;
    build()?;
    let mut rows = Vec::new();
    for (name, what, batch, unit) in cases.into_iter().filter(|(name, ..)| options.selects(name)) {
        let mut row = Row::new(name, unit, Better::Lower);
        row.ours.push(count(Library::Quorate, what, batch)?);
        row.theirs.push(count(Library::RaftRs, what, batch)?);
        rows.push(row);
    }
    let peer = format!("raft-rs {}", version_of("raft"));
    Ok(Comparison { name: "memory", peer, rows, notes: Vec::new() })
}

/// Builds `count`, beside this program.
fn build() -> Result<(), Failure> {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--quiet", "--locked", "--bin", "count", "--manifest-path"]);
    command.arg(machine::repository().join("benches/peers/Cargo.toml"));
    if command.status()?.success() { Ok(()) } else { Err("cannot build `count`; see above for why".into()) }
}

fn count(library: Library, what: What, batch: usize) -> Result<f64, Failure> {
    let name = |value: Option<clap::builder::PossibleValue>| {
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    };
    let mut command = Command::new(env::current_exe()?.with_file_name("count"));
    command.args([name(library.to_possible_value()), name(what.to_possible_value())]);
    let output = command.args(["--batch", &batch.to_string()]).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().parse()?)
}

impl Count {
    /// Counts, in a program whose allocator is asked by `heap`.
    ///
    /// # Errors
    /// Whatever the library says.
    pub fn run(&self, heap: impl Fn() -> Heap) -> Result<f64, Failure> {
        match self.what {
            What::Entry => self.bytes_per_entry(heap),
            What::Leader => self.bytes_of_node(0, heap),
            What::Follower => self.bytes_of_node(1, heap),
            What::Allocations => self.allocations_per_entry(heap),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
    fn bytes_per_entry(&self, heap: impl Fn() -> Heap) -> Result<f64, Failure> {
        let case = Case { nodes: 1, ..Case::of(self.batch, ENTRY_BYTES) };
        let mut cluster = Cluster::new(self.library, case)?;
        let batches = ENTRIES / self.batch;
        let entries = (batches * self.batch) as f64;
        let payload = [b'q'; ENTRY_BYTES];
        let before = heap().live_bytes;
        (0..batches).try_for_each(|_| cluster.lockstep().commit(self.batch, &payload))?;
        let held = heap().live_bytes - before;
        Ok(held as f64 / entries - ENTRY_BYTES as f64)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
    fn bytes_of_node(&self, position: usize, heap: impl Fn() -> Heap) -> Result<f64, Failure> {
        let mut cluster = Cluster::new(self.library, Case::of(1, ENTRY_BYTES))?;
        cluster.lockstep().keep_only(position);
        let with_node = heap().live_bytes;
        // What is then left is not the node's.
        cluster.lockstep().keep_only(usize::MAX);
        Ok((with_node - heap().live_bytes) as f64)
    }

    fn allocations_per_entry(&self, heap: impl Fn() -> Heap) -> Result<f64, Failure> {
        let case = Case::of(self.batch, ENTRY_BYTES);
        let mut cluster = Cluster::new(self.library, case)?;
        case.allocations_per_entry(cluster.lockstep(), || heap().calls)
    }
}

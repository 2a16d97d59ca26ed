//! How much one library allocates for each entry; under a profiler, what it spends.
//!
//! Counting costs time, so this is a program of its own.

use std::{
    alloc::System,
    error::Error,
    io::{self, Write},
};

use clap::Parser;
use peers::log_replication::{Cluster, Library};
use quorate_benches::lockstep::Case;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Commits entries with one library, and says how often it allocated for each.
#[derive(Parser)]
struct Options {
    /// Whose nodes do the work.
    library: Library,

    /// How many entries are proposed at a time.
    #[arg(long, default_value_t = 16)]
    batch: usize,

    /// Bytes of each.
    #[arg(long, default_value_t = 256)]
    size: usize,

    /// How many batches, after as many that are not counted.
    #[arg(long, default_value_t = 64)]
    batches: usize,
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let Options { library, batch, size, batches } = Options::parse();
    let case = Case { batch, size };
    let mut cluster = Cluster::new(library)?;
    cluster.time(case, batches)?;
    let region = Region::new(ALLOCATOR);
    cluster.time(case, batches)?;
    let spent = region.change();
    let entries = (batches * batch) as f64;
    let calls = (spent.allocations + spent.reallocations) as f64 / entries;
    let bytes = spent.bytes_allocated as f64 / entries;
    writeln!(io::stdout(), "{library:?} {case}: {calls:.3} allocations, {bytes:.0} bytes for each entry")?;
    Ok(())
}

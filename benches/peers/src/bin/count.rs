//! Counts what one library asks of the allocator; prints one number. `cargo compare --only memory` runs it.

use std::{
    alloc::System,
    io::{self, Write},
};

use clap::Parser;
use peers::{
    Failure,
    memory::{Count, Heap},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Counts what one library asks of the allocator.
#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    count: Count,
}

fn main() -> Result<(), Failure> {
    let counted = Arguments::parse().count.run(|| {
        let so_far = ALLOCATOR.stats();
        Heap {
            calls: so_far.allocations + so_far.reallocations,
            live_bytes: so_far.bytes_allocated - so_far.bytes_deallocated,
        }
    })?;
    writeln!(io::stdout(), "{counted}")?;
    Ok(())
}

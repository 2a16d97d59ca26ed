//! `cargo instructions`: what the core spends for an entry, in instructions and allocations, and whether that has grown.
//!
//! Three nodes commit entries in lockstep ([`quorate_benches::lockstep`]), and callgrind counts. No clock is involved, so
//! the numbers are the same on a busy machine, and a change of one percent is a change of the code. They do depend on the
//! compiler: a baseline of another one says nothing.
//!
//! The counting allocator is part of the program, and its few instructions a call are in the numbers.

mod baseline;

use std::{
    alloc::System,
    env,
    io::{self, Write},
    process::ExitCode,
};

use baseline::{Baseline, Spent};
use clap::{Parser, Subcommand};
use quorate_benches::{
    Failure, callgrind,
    lockstep::{Case, Cluster},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const BATCHES: [usize; 3] = [1, 16, 256];
const ENTRY_BYTES: usize = 256;

/// About how many entries are committed while instructions are counted.
const ENTRIES: usize = 4_096;

/// How many allocations for each entry and follower are none: those of a batch, shared out.
const ALLOCATIONS_PER_FOLLOWER: f64 = 0.05;

/// Counts the instructions and allocations of an entry, from its proposal until three nodes have applied it.
#[derive(Parser)]
#[command(name = "cargo instructions")]
struct Arguments {
    /// Fail if there are more than 5 % more than in the baseline.
    #[arg(long, conflicts_with = "accept")]
    check: bool,

    /// Make what is counted the new baseline.
    #[arg(long)]
    accept: bool,

    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program does when it runs itself.
#[derive(Subcommand)]
enum Part {
    /// Commits batches, to be counted.
    #[command(hide = true)]
    Commit { batch: usize },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.part {
        None => run(&arguments),
        Some(Part::Commit { batch }) => commit(Case::of(batch, ENTRY_BYTES)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be said, the exit code says it.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let mut out = io::stdout();
    check_followers(&mut out)?;
    if !callgrind::is_installed() {
        writeln!(out, "skipped counting instructions: valgrind is not installed; {}", callgrind::REMEDY)?;
        return Ok(());
    }
    let counted: Result<Vec<_>, Failure> =
        BATCHES.iter().map(|batch| count(Case::of(*batch, ENTRY_BYTES))).collect();
    let counted = Baseline::of_this_compiler(counted?)?;
    for spent in &counted.cases {
        let Spent { case, instructions, allocations } = spent;
        writeln!(out, "{case}: {instructions:.0} instructions, {allocations:.2} allocations for each entry")?;
    }
    if arguments.accept {
        return counted.write();
    }
    if !arguments.check {
        return Ok(());
    }
    let baseline = Baseline::read()?;
    if baseline.compiler != counted.compiler {
        let (theirs, ours) = (&baseline.compiler, &counted.compiler);
        writeln!(out, "skipped the check: the baseline is of {theirs}, this is {ours}")?;
        return Ok(());
    }
    counted.check_against(&baseline)?;
    writeln!(out, "no more than in the baseline")?;
    Ok(())
}

/// Fails if each further follower costs an allocation for each entry.
fn check_followers(out: &mut impl Write) -> Result<(), Failure> {
    let [three, five] = [3, 5].map(|nodes| allocations(Case { nodes, ..Case::of(256, ENTRY_BYTES) }));
    let per_follower = (five? - three?) / 2.0;
    writeln!(out, "batch=256: {per_follower:.3} allocations for each entry and follower")?;
    if per_follower > ALLOCATIONS_PER_FOLLOWER {
        return Err(
            "something is allocated for each entry and follower: share what followers are sent".into()
        );
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
fn count(case: Case) -> Result<Spent, Failure> {
    let arguments = ["commit".to_owned(), case.batch.to_string()];
    let instructions = callgrind::count(&env::current_exe()?, arguments, Case::MEASURED_FUNCTION)?;
    let instructions = instructions as f64 / (batches(case) * case.batch) as f64;
    Ok(Spent { case: case.to_string(), instructions, allocations: allocations(case)? })
}

fn allocations(case: Case) -> Result<f64, Failure> {
    let calls = || {
        let so_far = ALLOCATOR.stats();
        so_far.allocations + so_far.reallocations
    };
    case.allocations_per_entry(&mut Cluster::new(case.nodes)?, calls)
}

fn commit(case: Case) -> Result<(), Failure> {
    case.time(&mut Cluster::new(case.nodes)?, batches(case))?;
    Ok(())
}

/// So many that what a first time costs does not count.
fn batches(case: Case) -> usize {
    (ENTRIES / case.batch).max(64)
}

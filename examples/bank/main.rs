//! A bank on three nodes, and a simulator that tries to make it lose money.
//!
//! Run it with `cargo run --release --example bank`: many simulated clusters, each with crashes, broken networks and
//! failing disks of its own, and the same every time. `-- --bug` plants a bug that only faults show; what is printed
//! then tells how little it takes, and how to see it again.
#![expect(clippy::print_stdout, reason = "it is there to be watched")]

mod accounts;
#[cfg(test)]
mod tests;
mod workload;

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use quorate::simulation::{Checked, Count, Failure, Simulation, run, trace};

use accounts::Bug;
use workload::Bank;

/// Tries a replicated bank in simulated clusters.
#[derive(Parser)]
struct Arguments {
    /// How many clusters are simulated.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// Plants a bug: a snapshot that forgets money, or a payment that is made again when it is tried again.
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "snapshot")]
    bug: Option<Bug>,
    /// Writes what happens in the first of them into this file, a page to look at.
    #[arg(long)]
    page: Option<PathBuf>,
}

fn main() -> ExitCode {
    let Arguments { seeds, bug, page } = Arguments::parse();
    if let Some(path) = page {
        if let Err(error) = fs::write(&path, page_of(1, bug)) {
            println!("{} cannot be written: {error}", path.display());
            return ExitCode::FAILURE;
        }
        println!("To look at: {}", path.display());
    }
    match check(seeds, bug) {
        Ok(checked) => {
            println!("{checked}; among all that:");
            for count in [Count::Leaders, Count::Restarts, Count::SnapshotsInstalled, Count::MessagesLost] {
                println!("{:>9} {}", checked.counts.of(count), count.name());
            }
            println!("No money was lost, and none was made.");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Simulates a cluster for each seed.
fn check(seeds: u64, bug: Option<Bug>) -> Result<Checked, Box<Failure>> {
    Simulation::try_check(1..=seeds, |simulation| simulation.nodes(3), || Bank::new(bug))
}

/// A page that shows what happens with a seed, whether something is wrong or not.
fn page_of(seed: u64, bug: Option<Bug>) -> String {
    let plan = Simulation::new(seed).nodes(3).to_plan();
    trace::html(&plan, &run(plan.clone(), Bank::new(bug), true))
}

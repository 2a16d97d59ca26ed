//! Proof that the checks can fail: breaks the code on purpose, one named change at a time, and shows which check
//! notices.
//!
//! The changes are data (`catalogue/`). The repository is copied once into `target/mutants/`, with a target directory of
//! its own, so that each mutant is an incremental build and the working tree is never touched. `tests/README.md` tells
//! how to run it and how to add to it.

mod catalogue;
mod checks;
mod copy;
mod process;
mod report;
mod trial;

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use clap::Parser;

use catalogue::Mutant;
use checks::Budget;
use copy::WorkingCopy;
use report::Report;

/// Breaks the code on purpose, one named change at a time, and shows which check notices.
#[derive(Parser)]
struct Arguments {
    /// Only the mutants of this topic, of this file, or whose name contains this; several are joined by "or".
    filters: Vec<String>,

    /// Print the mutants and what goes wrong with each, and run nothing.
    #[arg(long)]
    list: bool,

    /// Run every check on each mutant, instead of stopping at the first that fails.
    #[arg(long)]
    all: bool,

    /// Only these checks, in this order.
    #[arg(long, value_delimiter = ',')]
    checks: Vec<String>,

    /// How many seeds the storms try.
    #[arg(long, default_value_t = 60)]
    seeds: u64,

    /// How many arbitrary inputs `from_outside` tries.
    #[arg(long, default_value_t = 500)]
    cases: u64,

    /// For how many seconds one check may run. A mutant that hangs is ended then, and counts as caught.
    #[arg(long, default_value_t = 300)]
    limit: u64,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether every mutant was caught.
fn run(arguments: &Arguments) -> Result<bool, Error> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut mutants = catalogue::load(&root)?;
    mutants.retain(|mutant| arguments.filters.is_empty() || mutant.is_meant_by(&arguments.filters));
    let mut out = io::stdout();
    if arguments.list {
        report::list(&mutants, &mut out)?;
        return Ok(true);
    }
    let budget = Budget {
        seeds: arguments.seeds,
        cases: arguments.cases,
        limit: Duration::from_secs(arguments.limit),
        goes_on: arguments.all,
    };
    let checks = checks::named(&arguments.checks)?;
    let copy = WorkingCopy::of(&root)?;
    try_all(&mutants, &trial::Trials { copy: &copy, checks: &checks, budget: &budget }, &mut out)
}

fn try_all(mutants: &[Mutant], trials: &trial::Trials<'_>, out: &mut impl Write) -> Result<bool, Error> {
    writeln!(out, "first without any change: all checks must pass")?;
    let mut report = Report::new(mutants);
    report::unchanged(&trials.unchanged()?, out)?;
    for mutant in mutants {
        report.mutant(mutant, &trials.of(mutant)?, out)?;
    }
    report.end(out)?;
    Ok(report.all_caught())
}

/// Why no verdict can be had.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Catalogue(#[from] catalogue::CatalogueError),
    #[error("there is no check `{name}`: the checks are {known}")]
    NoSuchCheck { name: String, known: String },
    #[error("without any change, the check `{check}` fails: mend that first\n{output}")]
    FailsUnchanged { check: &'static str, output: String },
    #[error("`git ls-files` fails in {path}: this needs a checkout, and git")]
    NoCheckout { path: String },
    #[error("{path}: {source}")]
    File { path: String, source: io::Error },
    #[error("cargo cannot be run: {0}")]
    Cargo(io::Error),
    #[error("standard output: {0}")]
    Output(#[from] io::Error),
}

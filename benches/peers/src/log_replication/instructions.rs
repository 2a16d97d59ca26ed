//! What each library spends for an entry, counted by callgrind: no clock, so no rounds and no spread.

use std::{env, path::Path};

use clap::{Args, ValueEnum};
use quorate_benches::{callgrind, lockstep::Case};

use crate::{
    Failure,
    cluster::{Cluster, Library},
    report::{Better, Row},
};

/// About how many entries are committed while all instructions are counted.
const ENTRIES: usize = 4_096;

/// What this program does when it runs itself under callgrind.
#[derive(Args)]
pub struct Workload {
    library: Library,
    #[arg(long)]
    nodes: usize,
    #[arg(long)]
    log: u64,
    #[arg(long)]
    batch: usize,
    #[arg(long)]
    size: usize,
    #[arg(long)]
    batches: usize,
}

impl Workload {
    /// Commits the batches.
    ///
    /// # Errors
    /// Whatever the library says.
    pub fn run(&self) -> Result<(), Failure> {
        let Self { nodes, log, batch, size, .. } = *self;
        let case = Case { nodes, log, ..Case::of(batch, size) };
        Cluster::new(self.library, case)?.time(case, self.batches)?;
        Ok(())
    }
}

/// Fails, and says what to do, where instructions cannot be counted.
pub(super) fn check() -> Result<(), Failure> {
    if callgrind::is_installed() {
        return Ok(());
    }
    Err(format!("--instructions needs valgrind, which is not installed; {}", callgrind::REMEDY).into())
}

/// The instructions of an entry.
pub(super) fn count(case: Case) -> Result<Row, Failure> {
    let program = env::current_exe()?;
    let mut row = Row::new(format!("instructions {case}"), "instructions/entry", Better::Lower);
    row.ours.push(per_entry(&program, Library::Quorate, case)?);
    row.theirs.push(per_entry(&program, Library::RaftRs, case)?);
    Ok(row)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
fn per_entry(program: &Path, library: Library, case: Case) -> Result<f64, Failure> {
    // So many that what a first time costs does not count.
    let batches = (ENTRIES / case.batch).max(64);
    let name = library.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
    let numbers = [
        ("--nodes", case.nodes.to_string()),
        ("--log", case.log.to_string()),
        ("--batch", case.batch.to_string()),
        ("--size", case.size.to_string()),
        ("--batches", batches.to_string()),
    ];
    let numbers = numbers.into_iter().flat_map(|(option, value)| [option.to_owned(), value]);
    let arguments = ["work".to_owned(), name].into_iter().chain(numbers);
    let instructions = callgrind::count(program, arguments, Case::MEASURED_FUNCTION)?;
    Ok(instructions as f64 / (batches * case.batch) as f64)
}

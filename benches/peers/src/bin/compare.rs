//! `cargo compare`: how much longer raft-rs takes for the same work.
//!
//! Both libraries are in this one process and take turns, so that whatever else the machine does falls on both.

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use lockstep::Case;
use peers::{Cluster, Library};

/// Compares the time that Quorate and raft-rs 0.7 take to commit the same entries.
///
/// Three nodes in one thread, in memory: see benches/peers/README.md for what is measured and why it is fair.
#[derive(Parser)]
#[command(name = "cargo compare")]
struct Options {
    /// Only the cases with all of these words, such as --only "batch=16 size=256".
    #[arg(long, value_name = "WORDS")]
    only: Option<String>,

    /// How many rounds; in each, each library does the work once.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(5..))]
    rounds: u16,

    /// How long one library works in a round, in milliseconds, about.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u16).range(1..))]
    milliseconds: u16,
}

/// What each round of one case took, in nanoseconds for each entry.
#[derive(Default)]
struct Rounds {
    ours: Vec<f64>,
    theirs: Vec<f64>,
    ratios: Vec<f64>,
}

fn main() -> ExitCode {
    let options = Options::parse();
    match compare(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where even this cannot be said, the exit code says it.
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<(), Box<dyn Error + Send + Sync>> {
    let cases = selected(options.only.as_deref())?;
    let mut out = io::stdout();
    writeln!(out, "{} rounds; nanoseconds for each entry, median and range", options.rounds)?;
    writeln!(out, "{:<24} {:>26} {:>26} {:>18}", "case", "quorate", "raft-rs", "ratio")?;
    let mut results = Vec::new();
    for case in cases {
        let rounds = measure(case, options)?;
        let columns = [&rounds.ours, &rounds.theirs].map(|times| summary(times, 0));
        let ratio = summary(&rounds.ratios, 2);
        writeln!(out, "{:<24} {:>26} {:>26} {ratio:>18}", case.to_string(), columns[0], columns[1])?;
        results.push((case, median(&rounds.ratios)));
    }
    writeln!(out)?;
    for (case, ratio) in results {
        writeln!(out, "ratio log_replication {case}: {ratio:.2}")?;
    }
    Ok(())
}

/// The cases whose names have all the words.
fn selected(only: Option<&str>) -> Result<Vec<Case>, String> {
    let words: Vec<_> = only.unwrap_or_default().split_whitespace().collect();
    let is_selected = |case: &Case| {
        let name = case.to_string();
        words.iter().all(|word| name.split_whitespace().any(|part| part == *word))
    };
    let cases: Vec<_> = Case::ALL.into_iter().filter(is_selected).collect();
    if cases.is_empty() {
        let names: Vec<_> = Case::ALL.iter().map(|case| format!("  {case}")).collect();
        return Err(format!("no case has all the words of {words:?}; there are:\n{}", names.join("\n")));
    }
    Ok(cases)
}

fn measure(case: Case, options: &Options) -> Result<Rounds, Box<dyn Error + Send + Sync>> {
    let mut ours = Cluster::new(Library::Quorate)?;
    let mut theirs = Cluster::new(Library::RaftRs)?;
    let target = Duration::from_millis(options.milliseconds.into());
    // Also warms both up. Each does as many batches as fit the time, so both are measured equally long.
    let batches = [batches_within(target, &mut ours, case)?, batches_within(target, &mut theirs, case)?];
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds {
        let time = nanoseconds_per_entry(&mut ours, case, batches[0])?;
        let their_time = nanoseconds_per_entry(&mut theirs, case, batches[1])?;
        rounds.ours.push(time);
        rounds.theirs.push(their_time);
        rounds.ratios.push(their_time / time);
    }
    Ok(rounds)
}

fn batches_within(
    target: Duration,
    cluster: &mut Cluster,
    case: Case,
) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let mut batches = 16;
    while cluster.time(case, batches)? < target {
        batches *= 2;
    }
    Ok(batches)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
fn nanoseconds_per_entry(
    cluster: &mut Cluster,
    case: Case,
    batches: usize,
) -> Result<f64, Box<dyn Error + Send + Sync>> {
    let time = cluster.time(case, batches)?;
    Ok(time.as_secs_f64() * 1e9 / (batches * case.batch) as f64)
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median, and from where to where the values go.
fn summary(values: &[f64], decimals: usize) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(0.0, f64::max);
    format!("{:.decimals$} ({least:.decimals$}–{most:.decimals$})", median(values))
}

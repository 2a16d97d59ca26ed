//! `cargo compare`: this library beside others, doing the same work.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use clap::{Parser, Subcommand};
use peers::{
    COMPARISONS, Entry, Failure, Omitted, Options, log_replication::Workload, machine, machine::Machine,
    plot, report::Comparison,
};
use serde::Serialize;

/// Compares Quorate with its peers: the same work, on the same machine, in the same minute.
///
/// Prints a table for each comparison, and at the end a line for each ratio: how many times better Quorate is. Puts
/// both into target/compare, for programs (JSON) and as a plot (SVG). See benches/peers/README.md for what is measured
/// and why it is fair.
#[derive(Parser)]
#[command(name = "cargo compare", after_help = comparisons())]
struct Arguments {
    /// Names of comparisons to run them alone; other words select the cases that have them all, such as
    /// --only "log_replication batch=16 size=256".
    #[arg(long, value_name = "WORDS", default_value = "")]
    only: String,

    /// How many rounds; in each, each side does the work once.
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u16).range(5..))]
    rounds: u16,

    /// How long one side works in a round, in milliseconds, about; each comparison has its own default.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    milliseconds: Option<u16>,

    /// Count instructions too (log_replication; needs valgrind).
    #[arg(long)]
    instructions: bool,

    #[command(subcommand)]
    part: Option<Part>,
}

/// What this program does when it runs itself.
#[derive(Subcommand)]
enum Part {
    /// Does the work of one library, to be counted.
    #[command(hide = true)]
    Work(Workload),
}

/// What a file in `target/compare` says.
#[derive(Serialize)]
struct Record<'a> {
    machine: &'a Machine,
    comparison: &'a Comparison,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = match &arguments.part {
        None => run(&arguments),
        Some(Part::Work(workload)) => workload.run(),
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
    let words = || arguments.only.split_whitespace();
    let is_named = |entry: &Entry| words().any(|word| word == entry.name);
    let is_name = |word: &str| COMPARISONS.iter().any(|entry| entry.name == word);
    let any_named = COMPARISONS.iter().any(is_named);
    let options = Options {
        rounds: arguments.rounds.into(),
        turn: arguments.milliseconds.map(|milliseconds| Duration::from_millis(milliseconds.into())),
        instructions: arguments.instructions,
        words: words().filter(|word| !is_name(word)).map(str::to_owned).collect(),
        directory: machine::repository().join("target/compare"),
    };
    fs::create_dir_all(&options.directory)?;
    let (machine, mut out) = (Machine::of_this_moment(), io::stdout());
    machine.write(&mut out)?;
    writeln!(out, "{} rounds", options.rounds)?;
    let (mut comparisons, mut omitted) = (Vec::new(), Vec::new());
    for entry in COMPARISONS.iter().filter(|entry| !any_named || is_named(entry)) {
        match (entry.compare)(&options) {
            Ok(comparison) => {
                writeln!(out)?;
                comparison.write_table(&mut out)?;
                keep(&machine, &comparison, &options.directory)?;
                comparisons.push(comparison);
            }
            Err(error) if !any_named && error.is::<Omitted>() => omitted.push((entry.name, error)),
            Err(error) => return Err(format!("{}: {error}", entry.name).into()),
        }
    }
    writeln!(out)?;
    for (name, reason) in &omitted {
        writeln!(out, "left out {name}: {reason}")?;
    }
    if comparisons.is_empty() {
        return Err("nothing was compared; see above for why".into());
    }
    comparisons.iter().try_for_each(|comparison| comparison.write_ratios(&mut out))?;
    Ok(())
}

/// Puts a comparison where programs and people find it again.
fn keep(machine: &Machine, comparison: &Comparison, directory: &Path) -> Result<(), Failure> {
    let file = File::create(directory.join(format!("{}.json", comparison.name)))?;
    serde_json::to_writer_pretty(file, &Record { machine, comparison })?;
    plot::draw(comparison, &directory.join(format!("{}.svg", comparison.name)))
}

fn comparisons() -> String {
    let line = |entry: &Entry| format!("  {:<16} {}\n", entry.name, entry.about);
    let lines: String = COMPARISONS.iter().map(line).collect();
    format!("Comparisons:\n{lines}")
}

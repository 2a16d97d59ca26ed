//! `cargo simulate`: simulated clusters from seeds.

use std::{
    io::{self, Write},
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use clap::Parser as _;
use simulations::{
    attempt::{Times, attempt},
    options::CommandLine,
    replay::{ReplayError, replay},
};

/// Where findings go.
const STORE: &str = "target/simulation";

fn main() -> ExitCode {
    let options = CommandLine::parse();
    if let Err(error) = options.check() {
        error.exit();
    }
    let done = match &options.plan {
        Some(path) => replay(simulations::SIMULATE, path, options.trace, &mut io::stdout()),
        None => run(&options).map_err(ReplayError::from),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was found.
fn run(options: &CommandLine) -> io::Result<bool> {
    let stop = Arc::new(AtomicBool::new(false));
    let is_asked = Arc::clone(&stop);
    let handler = ctrlc::set_handler(move || {
        // Whoever asks twice does not want to wait for the seeds under way.
        if is_asked.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    });
    if let Err(error) = handler {
        eprintln!("Ctrl-C will end this without a summary: {error}");
    }
    let (batch, mut out) = (options.batch(), io::stdout());
    if options.trace {
        let plan = batch.cases.nth(0).plan();
        write!(out, "{}", attempt(simulations::SIMULATE, &plan, Times::Once, true).trace)?;
    }
    let summary = batch.run(simulations::SIMULATE, Path::new(STORE), &stop, &mut out)?;
    writeln!(out, "\n{}\n", summary.table())?;
    let missing = summary.not_exercised();
    missing.iter().try_for_each(|what| writeln!(out, "{what}"))?;
    writeln!(out, "{summary}")?;
    Ok(summary.violations() == 0 && missing.is_empty())
}

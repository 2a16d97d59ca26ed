//! The crash test as a program: see the library for what it does.
#![expect(clippy::print_stdout, reason = "the report is for whoever runs it")]

use std::process::ExitCode;

use clap::Parser as _;
use crash::{CommandLine, Report};

fn main() -> ExitCode {
    let options = CommandLine::parse();
    let seed = options.seed();
    println!("seed {seed}; again: {}", options.replay(seed));
    let say = |line: &str| {
        if options.verbose {
            println!("{line}");
        }
    };
    match crash::run(&options, seed, say) {
        Ok(report) => conclude(&report, &options.replay(seed)),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn conclude(report: &Report, replay: &str) -> ExitCode {
    for violation in &report.violations {
        println!("violation in round {}: {violation}", report.rounds);
    }
    if let Some(directory) = &report.kept {
        println!("data and logs are kept in {}; again: {replay}", directory.display());
    }
    println!("{report}");
    if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! A short crash test; and servers that are broken on purpose, which it must find.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "in a test a broken premise must stop it, and be seen"
)]

use clap::Parser as _;
use crash::{CommandLine, Report};

fn test(flags: &str) -> Report {
    let options = CommandLine::parse_from(["crash-test"].into_iter().chain(flags.split(' ')));
    let seed = options.seed();
    println!("again: {}", options.replay(seed));
    crash::run(&options, seed, |line| println!("{line}")).unwrap()
}

#[test]
fn three_rounds_lose_nothing() {
    let report = test("--rounds 3");
    assert_eq!(report.violations, Vec::<String>::new(), "see {:?}", report.kept);
    assert!(report.acknowledged > 0 && report.kills > 0, "{report}");
}

/// What it found is kept for people; here nobody looks.
fn finds(fault: &str) {
    let report = test(&format!("--rounds 30 --broken {fault}"));
    if let Some(directory) = &report.kept {
        std::fs::remove_dir_all(directory).unwrap();
    }
    assert_ne!(report.violations, Vec::<String>::new(), "{report}");
}

#[test]
fn servers_that_acknowledge_before_they_write_are_found() {
    finds("acknowledge-early");
}

#[test]
fn servers_that_forget_their_log_are_found() {
    finds("forget-log");
}

//! Explores a small cluster for as long as it is let, and says how far it got.

use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use exploration::{Bounds, Cluster, Flaw, Promise, Start};
use stateright::{Checker, Model};

/// Every schedule of a cluster of three, breadth first.
#[derive(Parser)]
struct Arguments {
    /// Where to begin.
    #[arg(long, value_enum, default_value_t = Start::New)]
    from: Start,

    #[command(flatten)]
    bounds: Bounds,

    /// End after so many seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,

    /// Look no deeper than so many steps.
    #[arg(long, default_value_t = 100)]
    depth: usize,

    /// End after so many states: each takes about 300 bytes until it was looked at.
    #[arg(long, default_value_t = 20_000_000)]
    states: usize,

    /// On so many threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,

    /// Plant a bug, and see it found.
    #[arg(long, value_enum)]
    flaw: Option<Flaw>,
}

fn main() -> io::Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = io::stdout();
    let begin = Instant::now();
    let checker = Cluster::with_flaw(arguments.from, arguments.bounds, arguments.flaw)
        .checker()
        .threads(arguments.threads)
        .timeout(Duration::from_secs(arguments.seconds))
        .target_max_depth(arguments.depth)
        .target_state_count(arguments.states)
        .spawn_bfs();
    let mut told = Instant::now();
    while !checker.is_done() {
        thread::sleep(Duration::from_millis(100));
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            writeln!(out, "depth={} states={}", checker.max_depth(), checker.unique_state_count())?;
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    let discoveries = checker.discoveries();
    let violated: Vec<_> = Promise::ALL.into_iter().filter(|promise| discoveries.contains_key(promise.name())).collect();
    for promise in &violated {
        writeln!(out, "\nnot kept: {}", promise.name())?;
        for (number, action) in discoveries[promise.name()].clone().into_actions().iter().enumerate() {
            writeln!(out, "{:>3}  {}", number + 1, checker.model().format_action(action))?;
        }
    }
    for (name, path) in discoveries.iter().filter(|(name, _)| Promise::ALL.iter().all(|promise| promise.name() != **name)) {
        writeln!(out, "{name}: after {} steps", path.clone().into_actions().len())?;
    }
    let states = checker.unique_state_count();
    writeln!(
        out,
        "states={states} depth={} states/s={:.0} seconds={seconds:.0} node-states={} violations={}",
        checker.max_depth(),
        states as f64 / seconds,
        checker.model().node_states(),
        violated.len()
    )?;
    Ok(if violated.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

//! Explores a small cluster for as long as it is let, and says how far it got.

use std::{
    io::{self, Write},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use exploration::{Bounds, Cluster, Flaw, Promise, Start};
use stateright::{Checker, HasDiscoveries, Model};

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

    /// End after so many steps. One in three or four leads to a state that was not seen before, which takes 250 bytes.
    #[arg(long, default_value_t = 60_000_000)]
    steps: usize,

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
        .target_state_count(arguments.steps)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs();
    let mut told = Instant::now();
    while !checker.is_done() {
        thread::sleep(Duration::from_millis(100));
        if told.elapsed() > Duration::from_secs(10) {
            told = Instant::now();
            writeln!(out, "depth={} states={}", checker.max_depth(), checker.unique_state_count())?;
        }
    }
    let violations = tell_discoveries(&checker, &mut out)?;
    let (states, seconds) = (checker.unique_state_count(), begin.elapsed().as_secs_f64());
    let steps = checker.state_count();
    writeln!(
        out,
        "steps={steps} states={states} depth={} node-states={} seconds={seconds:.0} states/s={:.0} violations={violations}",
        checker.max_depth(),
        checker.model().node_states(),
        states as f64 / seconds,
    )?;
    Ok(if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Says what was reached, and for each promise that was not kept the schedule that breaks it; how many those are.
fn tell_discoveries(checker: &impl Checker<Cluster>, out: &mut impl Write) -> io::Result<usize> {
    let mut violations = 0;
    for (name, path) in checker.discoveries() {
        if !Promise::ALL.iter().any(|promise| promise.name() == name) {
            writeln!(out, "reached: {name}")?;
            continue;
        }
        violations += 1;
        writeln!(out, "not kept: {name}")?;
        for (number, action) in path.into_actions().iter().enumerate() {
            writeln!(out, "{:>4}  {}", number + 1, checker.model().format_action(action))?;
        }
    }
    Ok(violations)
}

//! The core alone: nodes replicate a log in one thread, in memory, beside raft-rs.

mod instructions;

use std::time::Duration;

use quorate_benches::lockstep::Case;

pub use instructions::Workload;

use crate::{
    Failure, Options,
    cluster::{Cluster, Library},
    machine::version_of,
    report::{Better, Comparison, Row},
};

/// How long one library works in a round.
const TURN: Duration = Duration::from_millis(60);

/// Measures how long each library takes for an entry, in all cases; and what it spends, if that is asked for.
///
/// # Errors
/// If no case is selected, a cluster failed, or instructions cannot be counted here.
pub fn compare(options: &Options) -> Result<Comparison, Failure> {
    let cases = options.select(Case::ALL)?;
    if options.instructions {
        instructions::check()?;
    }
    let mut rows = Vec::new();
    for case in &cases {
        rows.push(measure(*case, options)?);
    }
    if options.instructions {
        // What many groups cost is the caches' doing, and nothing to count.
        for case in cases.iter().filter(|case| case.groups == 1) {
            rows.push(instructions::count(*case)?);
        }
    }
    let peer = format!("raft-rs {}", version_of("raft"));
    Ok(Comparison { name: "log_replication", peer, rows, notes: Vec::new() })
}

fn measure(case: Case, options: &Options) -> Result<Row, Failure> {
    let mut ours = Cluster::new(Library::Quorate, case)?;
    let mut theirs = Cluster::new(Library::RaftRs, case)?;
    let turn = options.turn(TURN);
    // Also warms both up. Each does as many batches as fit the time, so both are measured equally long.
    let (batches, their_batches) =
        (batches_within(turn, &mut ours, case)?, batches_within(turn, &mut theirs, case)?);
    let mut row = Row::new(case.to_string(), "ns/entry", Better::Lower);
    for _ in 0..options.rounds {
        row.ours.push(nanoseconds_per_entry(&mut ours, case, batches)?);
        row.theirs.push(nanoseconds_per_entry(&mut theirs, case, their_batches)?);
    }
    Ok(row)
}

fn batches_within(turn: Duration, cluster: &mut Cluster, case: Case) -> Result<usize, Failure> {
    let mut batches = 16;
    while cluster.time(case, batches)? < turn {
        batches *= 2;
    }
    Ok(batches)
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
fn nanoseconds_per_entry(cluster: &mut Cluster, case: Case, batches: usize) -> Result<f64, Failure> {
    let time = cluster.time(case, batches)?;
    Ok(time.as_secs_f64() * 1e9 / (batches * case.batch) as f64)
}

//! Three nodes in one process, with their threads and one client, beside openraft.
//!
//! What both do: three voters; a log in memory that forgets what a snapshot contains; a network that hands messages
//! over within the process, without encoding them; a state machine that keeps nothing; commands without bytes. One
//! client keeps a fixed number of commands under way: it waits, takes all that are done, and proposes as many anew. A
//! command is done when it was committed, applied on the leader, and its client told.
//!
//! What ours does beside that: it counts what it does, how long each command takes among it; openraft can too, but that
//! is turned off. It keeps applied entries for followers that lag, as openraft's store here does.
//!
//! Openraft at its best: its own benchmark's settings; a store that costs less than the one there; and the fastest of
//! its ways to propose single commands, `client_write_ff` with a callback (a future for each command, or a task, is
//! slower). Its nodes run on tokio's runtime with two threads. In each round its client runs once among them and once on
//! a thread of its own, and the better of the two counts: the one wins with a single command under way, the other
//! with many.
//!
//! It also has `client_write_many`, which proposes several commands at a time; ours has nothing like that, and takes
//! the same commands one by one.

mod openraft;

use std::{fmt, time::Duration};

use quorate::{MemStorage, Options as NodeOptions};
use quorate_benches::in_process::{Cluster, Load};

use self::openraft::Client;
use crate::{
    Failure, Options,
    machine::version_of,
    report::{Better, Comparison, Row},
};

/// How long one side works in a round.
const TURN: Duration = Duration::from_millis(400);

/// So many commands under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Case {
    outstanding: usize,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "outstanding={}", self.outstanding)
    }
}

/// Measures commits a second in all cases, and how long one takes that is alone.
///
/// # Errors
/// If no case is selected, or a cluster failed.
pub fn compare(options: &Options) -> Result<Comparison, Failure> {
    let cases = [1, 64, 256, 1_024, 4_096].map(|outstanding| Case { outstanding });
    let mut rows = Vec::new();
    for case in options.select(cases)? {
        rows.extend(measure(case, options)?);
    }
    let peer = format!("openraft {}", version_of("openraft"));
    Ok(Comparison { name: "in_process", peer, rows, notes: Vec::new() })
}

fn measure(case: Case, options: &Options) -> Result<Vec<Row>, Failure> {
    let (ours, theirs) =
        (Cluster::start(&NodeOptions::default(), MemStorage::with_voters)?, openraft::Cluster::start()?);
    let turn = options.turn(TURN);
    let our_load = || ours.load(case.outstanding, turn);
    let their_load = || -> Result<Load, Failure> {
        let with_nodes = theirs.load(Client::WithNodes, case.outstanding, turn)?;
        let apart = theirs.load(Client::Apart, case.outstanding, turn)?;
        let is_faster = apart.commits_per_second() > with_nodes.commits_per_second();
        Ok(if is_faster { apart } else { with_nodes })
    };
    // Once to warm up.
    our_load()?;
    their_load()?;
    let mut rows = rows_of(case);
    for _ in 0..options.rounds {
        let (ours, theirs) = (our_load()?, their_load()?);
        for (row, value) in rows.iter_mut() {
            row.ours.push(value(&ours));
            row.theirs.push(value(&theirs));
        }
    }
    ours.stop()?;
    theirs.stop()?;
    Ok(rows.into_iter().map(|(row, _)| row).collect())
}

type Value = fn(&Load) -> f64;

/// What is told of a case: rows without values, and where those come from.
fn rows_of(case: Case) -> Vec<(Row, Value)> {
    let row = |case, unit, better| Row { case, unit, better, ours: Vec::new(), theirs: Vec::new() };
    let rate = row(case.to_string(), "commits/s", Better::Higher);
    let mut rows: Vec<(Row, Value)> = vec![(rate, Load::commits_per_second)];
    // With many under way, how long one takes says no more than how many there are.
    if case.outstanding == 1 {
        let latency = |name| row(format!("{case} latency={name}"), "µs", Better::Lower);
        rows.push((latency("p50"), |load| load.microseconds_at(50.0)));
        rows.push((latency("p99"), |load| load.microseconds_at(99.0)));
    }
    rows
}

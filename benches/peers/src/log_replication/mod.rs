//! The core alone: three nodes replicate a log in one thread, in memory, beside raft-rs.

mod raft_rs;

use std::time::Duration;

use clap::ValueEnum;
use quorate_benches::lockstep::{self, Applied, Case, Lockstep, NODES};

use crate::{
    Failure, Options,
    machine::version_of,
    report::{Better, Comparison, Row},
};

/// How long one library works in a round.
const TURN: Duration = Duration::from_millis(60);

/// Whose nodes do the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Library {
    /// This library.
    Quorate,
    /// The crate `raft`, version 0.7.
    RaftRs,
}

/// Three nodes of one library, with an elected leader.
pub struct Cluster(Kind);

enum Kind {
    Quorate(Box<lockstep::Cluster>),
    RaftRs(Box<raft_rs::Cluster>),
}

/// Measures how long each library takes for an entry, in all cases.
///
/// # Errors
/// If no case is selected, or a cluster failed.
pub fn compare(options: &Options) -> Result<Comparison, Failure> {
    let cases = options.select(Case::ALL)?;
    let rows: Result<_, Failure> = cases.into_iter().map(|case| measure(case, options)).collect();
    Ok(Comparison {
        name: "log_replication",
        peer: format!("raft-rs {}", version_of("raft")),
        rows: rows?,
        notes: Vec::new(),
    })
}

fn measure(case: Case, options: &Options) -> Result<Row, Failure> {
    let mut ours = Cluster::new(Library::Quorate)?;
    let mut theirs = Cluster::new(Library::RaftRs)?;
    let turn = options.turn(TURN);
    // Also warms both up. Each does as many batches as fit the time, so both are measured equally long.
    let (batches, their_batches) = (ours.batches_within(turn, case)?, theirs.batches_within(turn, case)?);
    let mut row = Row {
        case: case.to_string(),
        unit: "ns/entry",
        better: Better::Lower,
        ours: Vec::new(),
        theirs: Vec::new(),
    };
    for _ in 0..options.rounds {
        row.ours.push(ours.nanoseconds_per_entry(case, batches)?);
        row.theirs.push(theirs.nanoseconds_per_entry(case, their_batches)?);
    }
    Ok(row)
}

impl Cluster {
    /// Starts the nodes and elects their leader.
    ///
    /// # Errors
    /// If they could not.
    pub fn new(library: Library) -> Result<Self, Failure> {
        Ok(Self(match library {
            Library::Quorate => Kind::Quorate(Box::new(lockstep::Cluster::new()?)),
            Library::RaftRs => Kind::RaftRs(Box::new(raft_rs::Cluster::new()?)),
        }))
    }

    /// Commits so many batches; the time that took.
    ///
    /// # Errors
    /// Whatever the library says, or that it has lost or doubled entries.
    pub fn time(&mut self, case: Case, batches: usize) -> Result<Duration, Failure> {
        match &mut self.0 {
            Kind::Quorate(cluster) => case.time(&mut **cluster, batches),
            Kind::RaftRs(cluster) => case.time(&mut **cluster, batches),
        }
    }

    /// What each node has applied so far.
    #[must_use]
    pub fn applied(&self) -> [Applied; NODES] {
        match &self.0 {
            Kind::Quorate(cluster) => cluster.applied(),
            Kind::RaftRs(cluster) => cluster.applied(),
        }
    }

    fn batches_within(&mut self, turn: Duration, case: Case) -> Result<usize, Failure> {
        let mut batches = 16;
        while self.time(case, batches)? < turn {
            batches *= 2;
        }
        Ok(batches)
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2⁵²")]
    fn nanoseconds_per_entry(&mut self, case: Case, batches: usize) -> Result<f64, Failure> {
        let time = self.time(case, batches)?;
        Ok(time.as_secs_f64() * 1e9 / (batches * case.batch) as f64)
    }
}

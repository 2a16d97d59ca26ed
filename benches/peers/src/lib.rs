//! Other libraries under the work of [`lockstep`], to compare with.

mod raft_rs;

use std::time::Duration;

use clap::ValueEnum;
use lockstep::{Applied, Case, Failure, Lockstep, NODES};

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
}

//! Clusters of either library, as `lockstep` drives them.

mod raft_rs;

use std::time::Duration;

use clap::ValueEnum;
use quorate_benches::{
    groups::Groups,
    lockstep::{self, Case, Lockstep},
};

use crate::Failure;

/// Whose nodes do the work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Library {
    /// This library.
    Quorate,
    /// The crate `raft`, version 0.7.
    RaftRs,
}

/// Nodes of one library, with an elected leader in each group.
pub struct Cluster(Kind);

enum Kind {
    Quorate(Groups<lockstep::Cluster>),
    RaftRs(Groups<raft_rs::Cluster>),
}

impl Cluster {
    /// Starts as many nodes as the case wants, elects their leader, and fills their logs.
    ///
    /// # Errors
    /// If they could not.
    pub fn new(library: Library, case: Case) -> Result<Self, Failure> {
        Ok(Self(match library {
            Library::Quorate => {
                let mut cluster = Groups::new(case.groups, || lockstep::Cluster::new(case.nodes))?;
                case.prepare(&mut cluster)?;
                Kind::Quorate(cluster)
            }
            Library::RaftRs => {
                let mut cluster = Groups::new(case.groups, || raft_rs::Cluster::new(case.nodes))?;
                case.prepare(&mut cluster)?;
                Kind::RaftRs(cluster)
            }
        }))
    }

    /// Commits so many batches; the time that took.
    ///
    /// # Errors
    /// Whatever the library says, or that it has lost or doubled entries.
    pub fn time(&mut self, case: Case, batches: usize) -> Result<Duration, Failure> {
        match &mut self.0 {
            Kind::Quorate(cluster) => case.time(cluster, batches),
            Kind::RaftRs(cluster) => case.time(cluster, batches),
        }
    }

    /// The nodes, one step at a time.
    pub fn lockstep(&mut self) -> &mut dyn Lockstep {
        match &mut self.0 {
            Kind::Quorate(cluster) => cluster,
            Kind::RaftRs(cluster) => cluster,
        }
    }
}

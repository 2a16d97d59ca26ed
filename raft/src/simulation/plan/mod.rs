//! What is to happen in one simulation, as data.
//!
//! A [`Plan`] is drawn from a seed and a profile before anything runs, and then carried out. It can be written down,
//! read again, and made smaller: a plan with an action less is a plan.

mod action;
mod drawing;
mod durations;
mod profile;
mod settings;
#[cfg(test)]
mod tests;
mod times;
mod validity;
mod words;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use action::{Action, Direction, JointTransition, PowerLoss, Whom};
pub use profile::{Profile, UnknownProfile};
pub use settings::{ClientSettings, DiskSettings, NodeSettings, Weather};
pub use validity::PlanError;

use crate::consensus::{Membership, NodeId};

/// One simulation: a cluster, what its surroundings are like, and what happens when.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// What everything else that is left to chance is drawn from: delays, losses, what clients do.
    pub seed: u64,
    /// What it was drawn for.
    pub profile: String,
    /// How many nodes found the cluster and vote: `n1` and so on.
    pub voters: u64,
    /// How many more belong to it and only receive the log.
    pub learners: u64,
    /// How many more run from the beginning and do not belong to it yet.
    pub spares: u64,
    /// How all nodes behave.
    pub nodes: NodeSettings,
    /// What the network is like as long as nothing happens.
    pub network: Weather,
    /// What the disks are like as long as nothing happens.
    pub disks: DiskSettings,
    /// How fast each node's clock goes, in millionths more than the true rate; for nodes beyond these, 0.
    pub clock_rates: Vec<i32>,
    /// Who uses the cluster.
    pub clients: ClientSettings,
    /// How long things may happen.
    #[serde(with = "durations")]
    pub storm: Duration,
    /// Within which time after that the cluster must have healed.
    #[serde(with = "durations")]
    pub calm: Duration,
    /// What happens, in the order of time.
    pub actions: Vec<Planned>,
}

impl Plan {
    /// The membership that the cluster begins with. Nodes that join later must know it too: their log tells them only of
    /// the changes.
    #[must_use]
    pub fn founders(&self) -> Membership {
        let mut founders = Membership::of_voters((1..=self.voters).map(NodeId));
        founders.learners = (self.voters + 1..=self.voters + self.learners).map(NodeId).collect();
        founders
    }
}

/// Something that happens at some time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Planned {
    /// When, since the beginning.
    #[serde(with = "durations")]
    pub at: Duration,
    /// What.
    pub action: Action,
}

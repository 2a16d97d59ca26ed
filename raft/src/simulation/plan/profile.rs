//! What kind of plan is drawn from a seed.

use std::{fmt, str::FromStr};

use super::{Plan, drawing};
use crate::simulation::counts::Count;

/// What kind of plan is drawn from a seed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[non_exhaustive]
pub enum Profile {
    /// A crash now and then, and else nothing: what all others are compared with.
    Calm,
    /// The usual troubles: networks, crashes, pauses, disks, transfers. Three nodes, unless a number is given.
    Stormy,
    /// All that a network can do.
    Network,
    /// All that a disk can do.
    Disk,
    /// Clocks that go wrong, without leases.
    Clocks,
    /// Reads by lease, with clocks as different as leases allow.
    Leases,
    /// Members come and go.
    Membership,
    /// Logs that are cut early, and followers that need snapshots.
    Snapshots,
    /// Outcomes that nobody gets to know.
    Sessions,
    /// Nodes of two versions, under load.
    Upgrades,
    /// All of it at once.
    Everything,
}

/// No profile has this name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("there is no profile {name:?}: take one of {}", names())]
pub struct UnknownProfile {
    name: String,
}

fn names() -> String {
    Profile::ALL.iter().map(|profile| profile.name()).collect::<Vec<_>>().join(", ")
}

impl Profile {
    /// All of them.
    pub const ALL: &[Self] = &[
        Self::Calm,
        Self::Stormy,
        Self::Network,
        Self::Disk,
        Self::Clocks,
        Self::Leases,
        Self::Membership,
        Self::Snapshots,
        Self::Sessions,
        Self::Upgrades,
        Self::Everything,
    ];

    /// Its name, as on a command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Stormy => "stormy",
            Self::Network => "network",
            Self::Disk => "disk",
            Self::Clocks => "clocks",
            Self::Leases => "leases",
            Self::Membership => "membership",
            Self::Snapshots => "snapshots",
            Self::Sessions => "sessions",
            Self::Upgrades => "upgrades",
            Self::Everything => "everything",
        }
    }

    /// What happens in it, in one line.
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Calm => "a crash now and then, and else nothing",
            Self::Stormy => "the usual troubles: networks, crashes, pauses, disks, transfers",
            Self::Network => "partitions, cuts in one direction, swizzles, loss, delay, corruption",
            Self::Disk => "disks that are slow, stall, fill up, fail to sync, rot, or are lost",
            Self::Clocks => "clocks at wrong rates, clocks that jump and stop",
            Self::Leases => "reads by lease, with clocks as different as leases allow, and pauses",
            Self::Membership => "voters and learners come, go, and are replaced, one by one and jointly",
            Self::Snapshots => "logs that are cut early, and followers cut off for long",
            Self::Sessions => "impatient clients, lost outcomes, leaders that die",
            Self::Upgrades => "nodes are shut down one by one and come back with a later version",
            Self::Everything => "all of it at once",
        }
    }

    /// What must have happened at least once over enough seeds: a profile that exercises nothing proves nothing.
    #[must_use]
    pub fn expected(self) -> Vec<Count> {
        drawing::expected(self)
    }

    /// The plan that a seed decides on. Without a number of voters, the seed decides on that too: from 1 to 7.
    #[must_use]
    pub fn draw(self, seed: u64, voters: Option<u64>) -> Plan {
        drawing::draw(self, seed, voters)
    }
}

impl FromStr for Profile {
    type Err = UnknownProfile;

    fn from_str(name: &str) -> Result<Self, UnknownProfile> {
        let found = Self::ALL.iter().find(|profile| profile.name() == name);
        found.copied().ok_or_else(|| UnknownProfile { name: name.to_owned() })
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

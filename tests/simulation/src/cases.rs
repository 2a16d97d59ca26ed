//! Which seed is which simulation.

use std::fmt;

use quorate::simulation::plan::{Plan, Profile};

/// Seeds, and what they are taken for in turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cases {
    /// The first seed.
    pub from: u64,
    /// What kind of storms; at least one.
    pub profiles: Vec<Profile>,
    /// How many voters; at least one number.
    pub voters: Vec<u64>,
}

/// One simulation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case {
    /// What decides on it.
    pub seed: u64,
    /// What kind of storm.
    pub profile: Profile,
    /// How many voters.
    pub voters: u64,
}

impl Cases {
    /// What this seed is taken for, whichever seed is the first.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> Case {
        let (profiles, voters) = (self.profiles.len() as u64, self.voters.len() as u64);
        let [profile, numbers] = [seed % profiles, seed / profiles % voters].map(|index| index as usize);
        Case { seed, profile: self.profiles[profile], voters: self.voters[numbers] }
    }

    /// The case with this number, counted from 0.
    #[must_use]
    pub fn nth(&self, number: u64) -> Case {
        self.of_seed(self.from.wrapping_add(number))
    }
}

impl Case {
    /// What is to happen in it.
    #[must_use]
    pub fn plan(&self) -> Plan {
        self.profile.draw(self.seed, self.voters)
    }

    /// The command that runs it again.
    #[must_use]
    pub fn replay(&self) -> String {
        let Self { seed, profile, voters } = self;
        format!("cargo simulate --seeds 1 --from {seed} --profile {profile} --nodes {voters}")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {} ({}, {} voters)", self.seed, self.profile, self.voters)
    }
}

//! Which seed is which simulation.

use std::fmt;

use quorate::simulation::plan::{Plan, Profile};

/// Seeds, and what they are taken for in turn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cases {
    /// The first seed.
    pub from: u64,
    /// What kind of storms; if none is given, calm.
    pub profiles: Vec<Profile>,
    /// How many voters; if none is given, the seed decides.
    pub voters: Vec<u64>,
}

/// One simulation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Case {
    /// What decides on it.
    pub seed: u64,
    /// What kind of storm.
    pub profile: Profile,
    /// How many voters, if the seed does not decide.
    pub voters: Option<u64>,
}

impl Cases {
    /// What this seed is taken for, whichever seed is the first.
    #[must_use]
    pub fn of_seed(&self, seed: u64) -> Case {
        let profile = in_turn(&self.profiles, seed).unwrap_or(Profile::Calm);
        // The quotient: profiles and voters meet in every combination.
        let round = seed / (self.profiles.len() as u64).max(1);
        Case { seed, profile, voters: in_turn(&self.voters, round) }
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
        let nodes = voters.map(|voters| format!(" --nodes {voters}")).unwrap_or_default();
        format!("cargo simulate --seeds 1 --from {seed} --profile {profile}{nodes}")
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "seed {}, {}", self.seed, self.profile)?;
        self.voters.map_or(Ok(()), |voters| write!(f, ", {voters} voters"))
    }
}

/// The one whose turn it is, if there is one.
fn in_turn<T: Copy>(all: &[T], turn: u64) -> Option<T> {
    let index = turn.checked_rem(all.len() as u64)?;
    all.get(usize::try_from(index).ok()?).copied()
}

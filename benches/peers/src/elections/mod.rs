//! How long a cluster of three cannot be written to when its leader dies, beside raft-rs.
//!
//! In simulated time, so the machine has no part in it: a [`Trial`] drives the cores of either library in one thread,
//! with the same delays. What differs is how the library elects: when a node stands, who votes for it, what happens
//! when votes split, and how soon a new leader commits.
//!
//! Both have PreVote and CheckQuorum on, the same timeouts, and their defaults otherwise. A follower waits for its
//! leader between one and two election timeouts, at random, so of two followers the first stands after 4/3 of one in
//! the mean; no library can be much better than that. Our nodes draw from the seed. Those of raft-rs draw from the
//! machine's chance, so theirs cannot be repeated one by one, only as a whole.

mod member;
mod quorate;
mod raft_rs;
mod trial;

use std::fmt;

use self::{member::Member, trial::Trial};
use crate::{
    Failure, Options,
    machine::version_of,
    report::{Better, Comparison, Row},
};

/// How often the leader is killed in a round.
const KILLS: usize = 200;

/// The seed of the first round; each round has the next.
const SEED: u64 = 1;

/// Which of a round's waits, in the order of their lengths.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Case {
    Median,
    NinthDecile,
    Longest,
}

impl Case {
    const ALL: [Self; 3] = [Self::Median, Self::NinthDecile, Self::Longest];

    /// Of `waits`, which are sorted.
    fn of(self, waits: &[f64]) -> f64 {
        let position = match self {
            Self::Median => waits.len() / 2,
            Self::NinthDecile => waits.len() * 9 / 10,
            Self::Longest => waits.len().saturating_sub(1),
        };
        waits.get(position).copied().unwrap_or(f64::NAN)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Median => "wait=median",
            Self::NinthDecile => "wait=p90",
            Self::Longest => "wait=longest",
        })
    }
}

/// Measures how long it takes from a leader's death to the next write, in election timeouts.
///
/// # Errors
/// If no case is selected, or a cluster did not recover.
pub fn compare(options: &Options) -> Result<Comparison, Failure> {
    let cases = options.select(Case::ALL)?;
    let seeds = (SEED..).take(options.rounds);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for seed in seeds {
        ours.push(waits::<quorate::Node>(seed)?);
        theirs.push(waits::<raft_rs::Node>(seed)?);
    }
    let of = |case: Case, rounds: &[Vec<f64>]| rounds.iter().map(|waits| case.of(waits)).collect();
    let row = |case: Case| Row {
        case: case.to_string(),
        unit: "election timeouts",
        better: Better::Lower,
        ours: of(case, &ours),
        theirs: of(case, &theirs),
    };
    Ok(Comparison {
        name: "elections",
        peer: format!("raft-rs {}", version_of("raft")),
        rows: cases.into_iter().map(row).collect(),
        notes: vec![format!("{KILLS} kills a round; the first round's seed is {SEED}, each has the next")],
    })
}

/// How long each kill of a round kept clients waiting, in election timeouts, sorted.
fn waits<M: Member>(seed: u64) -> Result<Vec<f64>, Failure> {
    let mut trial = Trial::<M>::new(seed)?;
    let waits: Result<Vec<_>, Failure> = (0..KILLS).map(|_| trial.kill_leader()).collect();
    let mut waits = waits.map_err(|error| format!("seed {seed}: {error}"))?;
    waits.sort_unstable_by(f64::total_cmp);
    Ok(waits)
}

#[cfg(test)]
mod tests;

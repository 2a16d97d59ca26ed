//! What is done to the servers in one round, drawn from a seed.

use std::{fmt, time::Duration};

use rand::{Rng, SeedableRng as _, seq::SliceRandom as _};
use rand_pcg::Pcg64;

/// What is done to the servers in one round, in order. All run before it, and all run after it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One thing that is done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// How long to wait before.
    pub after: Duration,
    /// What is done.
    pub deed: Deed,
}

/// What is done to servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// They are killed, at once.
    Kill(Vec<u64>),
    /// They are started.
    Start(Vec<u64>),
}

impl Plan {
    /// The plan for `round`, with servers `1..=nodes`.
    #[must_use]
    pub fn draw(seed: u64, round: u32, nodes: u64) -> Self {
        let mut draft = Draft {
            chance: Pcg64::seed_from_u64(seed.wrapping_mul(1_000_003).wrapping_add(u64::from(round))),
            up: (1..=nodes).collect(),
            down: Vec::new(),
            plan: Self::default(),
        };
        for _ in 0..draft.chance.random_range(1..=2) {
            draft.fault();
        }
        draft.plan
    }

    /// How many kills it has.
    #[must_use]
    pub fn kills(&self) -> usize {
        self.steps.iter().filter_map(|step| step.deed.killed()).map(<[u64]>::len).sum()
    }
}

impl Deed {
    fn killed(&self) -> Option<&[u64]> {
        match self {
            Self::Kill(servers) => Some(servers),
            Self::Start(_) => None,
        }
    }
}

/// A plan that is being drawn.
struct Draft {
    chance: Pcg64,
    up: Vec<u64>,
    down: Vec<u64>,
    plan: Plan,
}

impl Draft {
    /// Servers fail, perhaps more of them right after that; come back, perhaps to fail while they start; and come back.
    fn fault(&mut self) {
        self.kill(50..350);
        if self.chance.random_bool(0.3) && !self.up.is_empty() {
            self.kill(0..50);
        }
        self.start(0..200);
        if self.chance.random_bool(0.4) {
            // A process takes some milliseconds to open its log and to listen.
            self.kill(0..60);
            self.start(0..100);
        }
    }

    /// One of those that run, a majority, or all.
    fn kill(&mut self, after_ms: std::ops::Range<u64>) {
        let count = match self.chance.random_range(0..3) {
            0 => 1,
            1 => self.up.len() / 2 + 1,
            _ => self.up.len(),
        };
        self.up.shuffle(&mut self.chance);
        let killed = self.up.split_off(self.up.len() - count);
        self.down.extend_from_slice(&killed);
        self.step(after_ms, Deed::Kill(killed));
    }

    /// All that are down, in any order.
    fn start(&mut self, after_ms: std::ops::Range<u64>) {
        self.down.shuffle(&mut self.chance);
        let started = std::mem::take(&mut self.down);
        self.up.extend_from_slice(&started);
        self.step(after_ms, Deed::Start(started));
    }

    fn step(&mut self, after_ms: std::ops::Range<u64>, deed: Deed) {
        let after = Duration::from_millis(self.chance.random_range(after_ms));
        self.plan.steps.push(Step { after, deed });
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<_> = self.steps.iter().map(Step::to_string).collect();
        f.write_str(&steps.join(", "))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, servers) = match &self.deed {
            Deed::Kill(servers) => ("kill", servers),
            Deed::Start(servers) => ("start", servers),
        };
        let names: Vec<_> = servers.iter().map(|id| format!("n{id}")).collect();
        write!(f, "+{} ms {verb} {}", self.after.as_millis(), names.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_same_seed_draws_the_same_plan_and_another_another() {
        assert_eq!(Plan::draw(7, 3, 5), Plan::draw(7, 3, 5));
        assert_ne!(Plan::draw(7, 3, 5), Plan::draw(7, 4, 5));
        assert_ne!(Plan::draw(7, 3, 5), Plan::draw(8, 3, 5));
    }

    #[test]
    fn only_those_that_run_are_killed_and_in_the_end_all_run() {
        for (seed, nodes) in (0..300).zip([1, 2, 3, 5].into_iter().cycle()) {
            let mut up: BTreeSet<u64> = (1..=nodes).collect();
            for step in Plan::draw(seed, 1, nodes).steps {
                match step.deed {
                    Deed::Kill(servers) => {
                        assert!(servers.iter().all(|id| up.remove(id)) && !servers.is_empty());
                    }
                    Deed::Start(servers) => assert!(servers.iter().all(|id| up.insert(*id))),
                }
            }
            assert_eq!(up.len() as u64, nodes, "seed {seed}");
        }
    }

    #[test]
    fn some_plans_kill_one_some_a_majority_and_some_all() {
        let firsts = (0..100).map(|seed| Plan::draw(seed, 1, 3).steps[0].deed.clone());
        let sizes: BTreeSet<_> = firsts.filter_map(|deed| deed.killed().map(<[u64]>::len)).collect();
        assert_eq!(sizes, BTreeSet::from([1, 2, 3]));
    }
}

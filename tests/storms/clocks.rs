//! The nodes' clocks: each at a pace of its own, and where leases count on it, not faster than promised.

use std::collections::VecDeque;

use rand::Rng;
use rand_pcg::Pcg64Mcg;

/// How far each clock has come.
pub(crate) struct Clocks {
    /// How often each ticks, relative to the others.
    paces: Vec<u32>,
    ticks: Vec<u64>,
    bound: Option<Bound>,
}

/// What `Config::lease_reads` asks of clocks: in the time in which a node counts three quarters of an election
/// timeout, no other may count all of it. No more than that is kept: a clock may race until it is at the bound.
struct Bound {
    election_ticks: usize,
    lease_ticks: u64,
    /// For each clock, where all stood just before each of its latest ticks.
    past: Vec<VecDeque<Vec<u64>>>,
}

impl Clocks {
    pub(crate) fn draw(random: &mut Pcg64Mcg, count: usize, election_ticks: Option<u32>) -> Self {
        let bound = election_ticks.map(|election_ticks| Bound {
            election_ticks: usize::try_from(election_ticks).unwrap(),
            lease_ticks: u64::from(election_ticks) * 3 / 4,
            past: vec![VecDeque::new(); count],
        });
        let paces = (0..count).map(|_| random.random_range(1..=4)).collect();
        Self { paces, ticks: vec![0; count], bound }
    }

    /// Whose turn it is. `runs` says which clocks go; the second is whether another would have been the first.
    pub(crate) fn next(&mut self, random: &mut Pcg64Mcg, runs: &[bool]) -> Option<(usize, bool)> {
        let total: u32 = self.paces.iter().sum();
        let mut dice = random.random_range(0..total);
        let chosen = self.paces.iter().position(|pace| {
            let is_here = dice < *pace;
            dice = dice.saturating_sub(*pace);
            is_here
        })?;
        if !runs[chosen] {
            return None;
        }
        // Whoever is too far behind for `chosen` to go on goes on itself; there is an end to it, for the furthest
        // behind holds nobody back.
        let mut at = chosen;
        for _ in 0..runs.len() {
            match self.held_back_by(at, runs) {
                Some(other) => at = other,
                None => break,
            }
        }
        if self.held_back_by(at, runs).is_some() {
            return None;
        }
        self.tick(at);
        Some((at, at != chosen))
    }

    fn held_back_by(&self, at: usize, runs: &[bool]) -> Option<usize> {
        let bound = self.bound.as_ref()?;
        // With this tick, the clock would have counted a whole election timeout since then.
        let then = bound.past[at].get(bound.election_ticks.checked_sub(2)?)?;
        (0..self.ticks.len()).find(|other| {
            *other != at && runs[*other] && self.ticks[*other] - then[*other] < bound.lease_ticks
        })
    }

    fn tick(&mut self, at: usize) {
        if let Some(bound) = &mut self.bound {
            bound.past[at].push_front(self.ticks.clone());
            bound.past[at].truncate(bound.election_ticks);
        }
        self.ticks[at] += 1;
    }

    /// A clock stood still, and its node knows: it counts on nothing from before.
    pub(crate) fn on_standstill(&mut self, at: usize) {
        if let Some(bound) = &self.bound {
            self.ticks[at] += bound.lease_ticks;
        }
    }
}

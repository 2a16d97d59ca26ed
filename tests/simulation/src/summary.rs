//! What simulations have exercised, and what they have found.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    time::Duration,
};

use quorate::simulation::{Count, Counts, Report, plan::Profile};

use crate::cases::Case;

/// So many seeds of a profile exercise all that it is for.
const SEEDS_ENOUGH: u64 = 30;

/// What simulations have exercised, and what they have found.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    groups: BTreeMap<Profile, Group>,
    /// Which promises were broken.
    promises: BTreeSet<&'static str>,
    violations: u64,
}

/// What those of one profile have exercised.
#[derive(Clone, Debug, Default)]
struct Group {
    seeds: u64,
    simulated: Duration,
    requests: u64,
    counts: Counts,
}

impl Summary {
    /// Before anything has run.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One more has run. Whether it breaks a promise that none before has broken.
    pub fn add(&mut self, case: Case, report: &Report) -> bool {
        let group = self.groups.entry(case.profile).or_default();
        group.seeds += 1;
        group.simulated += report.simulated;
        group.requests += report.requests;
        group.counts += &report.counts;
        let Some(violation) = &report.violation else { return false };
        self.violations += 1;
        self.promises.insert(violation.promise)
    }

    /// How many have run.
    #[must_use]
    pub fn seeds(&self) -> u64 {
        self.groups.values().map(|group| group.seeds).sum()
    }

    /// How many of them have broken a promise.
    #[must_use]
    pub fn violations(&self) -> u64 {
        self.violations
    }

    /// How much time has passed in them.
    #[must_use]
    pub fn simulated(&self) -> Duration {
        self.groups.values().map(|group| group.simulated).sum()
    }

    /// How many faults there were.
    #[must_use]
    pub fn faults(&self) -> u64 {
        self.groups.values().map(|group| group.counts.faults()).sum()
    }

    fn requests(&self) -> u64 {
        self.groups.values().map(|group| group.requests).sum()
    }

    /// What a profile is for, and did not do in all its seeds: a sentence each. Of profiles with few seeds, nothing.
    #[must_use]
    pub fn not_exercised(&self) -> Vec<String> {
        let enough = self.groups.iter().filter(|(_, group)| group.seeds >= SEEDS_ENOUGH);
        let missing = enough.flat_map(|(profile, group)| {
            let missing = profile.expected().into_iter().filter(|what| group.counts.of(*what) == 0);
            let seeds = group.seeds;
            missing.map(move |what| format!("{profile} did not exercise in {seeds} seeds: {}", what.name()))
        });
        missing.collect()
    }

    /// How often each thing happened, a column for each profile.
    #[must_use]
    pub fn table(&self) -> String {
        let mut lines = vec![self.row("", |profile, _| profile.to_string())];
        lines.push(self.row("seeds", |_, group| group.seeds.to_string()));
        let hours = |group: &Group| format!("{:.1}", group.simulated.as_secs_f64() / 3600.0);
        lines.push(self.row("hours simulated", |_, group| hours(group)));
        lines.push(self.row("requests", |_, group| group.requests.to_string()));
        let happened = |what: &&Count| self.groups.values().any(|group| group.counts.of(**what) > 0);
        for what in Count::ALL.iter().filter(happened) {
            lines.push(self.row(what.name(), |_, group| group.counts.of(*what).to_string()));
        }
        let never = Count::ALL.iter().filter(|what| !happened(what)).map(|what| what.name());
        let never: Vec<_> = never.collect();
        if !never.is_empty() {
            lines.push(format!("never: {}", never.join(", ")));
        }
        lines.join("\n")
    }

    fn row(&self, name: &str, cell: impl Fn(Profile, &Group) -> String) -> String {
        let cells = self.groups.iter().map(|(profile, group)| {
            let width = profile.name().len().max(10) + 1;
            format!("{:>width$}", cell(*profile, group))
        });
        format!("{name:<32}{}", cells.collect::<String>())
    }
}

impl fmt::Display for Summary {
    /// The last line of the output.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seeds, faults, requests) = (self.seeds(), self.faults(), self.requests());
        let hours = self.simulated().as_secs_f64() / 3600.0;
        write!(f, "seeds={seeds} simulated={hours:.1}h faults={faults} ops={requests} ")?;
        write!(f, "violations={}", self.violations)
    }
}

#[cfg(test)]
mod tests {
    use quorate::simulation::{Violation, trace::Trace};

    use super::*;

    /// A simulation in which nothing has happened, but for this.
    fn report(violation: Option<Violation>) -> Report {
        let (simulated, counts, trace) = (Duration::from_secs(360), Counts::default(), Trace::new(false));
        Report { simulated, counts, requests: 3, trace, violation }
    }

    fn case(profile: Profile) -> Case {
        Case { seed: 1, profile, voters: None }
    }

    #[test]
    fn a_profile_that_exercises_nothing_is_told_once_enough_seeds_ran() {
        let mut summary = Summary::new();
        for seeds in 1..SEEDS_ENOUGH {
            summary.add(case(Profile::Clocks), &report(None));
            assert_eq!(summary.not_exercised(), Vec::<String>::new(), "{seeds} seeds are too few to say");
        }
        summary.add(case(Profile::Clocks), &report(None));
        let told = summary.not_exercised();
        assert_eq!(told.len(), Profile::Clocks.expected().len());
        let line = "clocks did not exercise in 30 seeds: faults: clock rates";
        assert!(told.iter().any(|told| told == line), "{told:?}");
    }

    #[test]
    fn the_first_violation_of_a_promise_is_news() {
        let broken = |promise| {
            let violation = Violation { promise, message: String::new(), at: Duration::ZERO, node: None };
            report(Some(violation))
        };
        let mut summary = Summary::new();
        let news = [Some("healing"), None, Some("healing"), Some("no panic")]
            .map(|promise| summary.add(case(Profile::Calm), &promise.map_or_else(|| report(None), broken)));
        assert_eq!(news, [true, false, false, true]);
        assert_eq!(summary.to_string(), "seeds=4 simulated=0.4h faults=0 ops=12 violations=3");
    }
}

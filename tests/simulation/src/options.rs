//! The command line.

use std::{num::NonZeroUsize, path::PathBuf, thread, time::Duration};

use clap::{CommandFactory as _, Parser, error::ErrorKind};
use quorate::simulation::plan::Profile;

use crate::{
    batch::{Batch, Limits},
    cases::Cases,
};

/// How many seeds are tried if nobody says.
const SEEDS: u64 = 500;

/// Simulates clusters from seeds: faults of every kind, and what must hold all the same.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo simulate", bin_name = "cargo simulate", long_about = None)]
pub struct CommandLine {
    /// How many seeds [default: 500, or as many as --minutes has time for].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: Option<u64>,
    /// The first of them; the others follow it.
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub from: u64,
    /// No seed is begun after this time.
    #[arg(long, value_parser = minutes)]
    pub minutes: Option<f64>,
    /// How many voters found each cluster, seeds in turn [default: the seed decides].
    #[arg(long, value_name = "N", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(1..=15))]
    pub nodes: Vec<u64>,
    /// What kind of storms, seeds in turn [default: all].
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub profile: Vec<Profile>,
    /// How many simulations run at once [default: one for each core].
    #[arg(long, value_name = "J")]
    pub jobs: Option<NonZeroUsize>,
    /// Carry out this plan instead: `plan.json` of a violation.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from", "minutes", "nodes", "profile", "jobs"])]
    pub plan: Option<PathBuf>,
    /// Print everything that happens; for a plan or a single seed.
    #[arg(long)]
    pub trace: bool,
}

impl CommandLine {
    /// Whether the flags go together, beyond what each of them says by itself.
    ///
    /// # Errors
    /// They do not; it says which does.
    pub fn check(&self) -> Result<(), clap::Error> {
        if self.trace && self.plan.is_none() && self.seeds != Some(1) {
            let advice = "--trace prints millions of lines: give it with --seeds 1, or with --plan";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, advice));
        }
        Ok(())
    }

    /// Which simulations are wanted.
    #[must_use]
    pub fn batch(&self) -> Batch {
        let profiles = if self.profile.is_empty() { Profile::ALL.to_vec() } else { self.profile.clone() };
        let seeds = self.seeds.or(if self.minutes.is_some() { None } else { Some(SEEDS) });
        let cores = thread::available_parallelism();
        let jobs = self.jobs.or(cores.ok()).map_or(1, NonZeroUsize::get);
        let time = self.minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0));
        Batch {
            cases: Cases { from: self.from, profiles, voters: self.nodes.clone() },
            limits: Limits { seeds, time },
            jobs,
        }
    }
}

fn minutes(text: &str) -> Result<f64, String> {
    let minutes = text.parse().ok().filter(|minutes| (0.01..=100_000.0).contains(minutes));
    minutes.ok_or_else(|| "give a number of minutes from 0.01 to 100000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(flags: &str) -> Result<CommandLine, clap::Error> {
        CommandLine::try_parse_from(["simulate"].into_iter().chain(flags.split_whitespace()))
    }

    #[test]
    fn seeds_are_bounded_by_number_time_or_both() {
        let limits = |flags| {
            let Limits { seeds, time } = parse(flags).unwrap().batch().limits;
            (seeds, time.map(|time| time.as_secs()))
        };
        assert_eq!(limits(""), (Some(SEEDS), None));
        assert_eq!(limits("--minutes 0.5"), (None, Some(30)));
        assert_eq!(limits("--minutes 2 --seeds 7"), (Some(7), Some(120)));
    }

    #[test]
    fn wrong_flags_are_refused_with_what_to_do() {
        let names = Profile::ALL[0].name();
        for (flags, advice) in [
            ("--profile sunny", names),
            ("--nodes 0", "1..=15"),
            ("--nodes 3,many", "invalid digit"),
            ("--seeds 0", "1.."),
            ("--minutes soon", "0.01"),
            ("--minutes NaN", "0.01"),
            ("--jobs 0", "zero"),
            ("--plan x.json --seeds 4", "cannot be used with"),
            ("--trace --seeds 2", "--seeds 1"),
        ] {
            let error = parse(flags).and_then(|options| options.check()).unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains(advice), "{flags}: {error}");
        }
    }

    #[test]
    fn the_command_that_repeats_a_case_is_understood() {
        let Batch { cases, .. } = parse("--from 40").unwrap().batch();
        for seed in 40..50 {
            let case = cases.of_seed(seed);
            let flags = case.replay();
            let repeated = parse(flags.strip_prefix("cargo simulate ").unwrap()).unwrap().batch();
            assert_eq!((repeated.limits.seeds, repeated.cases.of_seed(seed)), (Some(1), case));
        }
    }
}

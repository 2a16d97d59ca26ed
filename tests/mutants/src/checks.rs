//! The checks that a mutant must not pass.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use serde::Deserialize;

use crate::{
    Error,
    copy::WorkingCopy,
    process::{Ended, run_bounded},
};

/// A suite of tests that is built into a program of its own.
#[derive(Debug)]
pub(crate) struct Check {
    pub(crate) name: &'static str,
    /// How cargo names it.
    target: &'static [&'static str],
}

/// How much is tried on each mutant.
pub(crate) struct Budget {
    pub(crate) seeds: u64,
    pub(crate) cases: u64,
    pub(crate) limit: Duration,
    /// Whether the other checks run too when one has failed.
    pub(crate) goes_on: bool,
}

/// In the order in which they run: those that tell best what is wrong come first.
const CHECKS: [Check; 10] = [
    Check { name: "known_bugs", target: &["-p", "quorate-tests", "--test", "known_bugs"] },
    Check { name: "paper", target: &["-p", "quorate-tests", "--test", "paper"] },
    Check { name: "scripts", target: &["-p", "quorate-tests", "--test", "scripts"] },
    Check { name: "unit", target: &["-p", "quorate", "--lib"] },
    Check { name: "sessions", target: &["-p", "quorate", "--test", "sessions"] },
    Check { name: "tcp", target: &["-p", "quorate", "--test", "tcp"] },
    Check { name: "durability", target: &["-p", "quorate-tests", "--test", "durability"] },
    Check { name: "from_outside", target: &["-p", "quorate-tests", "--test", "from_outside"] },
    Check { name: "simulation", target: &["-p", "simulate", "--test", "seeds"] },
    Check { name: "storms", target: &["-p", "quorate-tests", "--test", "storms"] },
];

/// These checks, or all.
pub(crate) fn named(names: &[String]) -> Result<Vec<&'static Check>, Error> {
    if names.is_empty() {
        return Ok(CHECKS.iter().collect());
    }
    let known = || CHECKS.map(|check| check.name).join(", ");
    let of_name = |name: &String| {
        let found = CHECKS.iter().find(|check| check.name == name);
        found.ok_or_else(|| Error::NoSuchCheck { name: name.clone(), known: known() })
    };
    names.iter().map(of_name).collect()
}

/// What a check made of the code.
pub(crate) enum Verdict {
    Passed,
    Failed {
        /// The tests that failed, as far as their names can be found.
        tests: Vec<String>,
    },
    /// Its time was over.
    Hung,
    /// The code does not compile.
    NotBuilt {
        /// The compiler's first error.
        error: String,
    },
}

impl Check {
    /// Builds it in the copy, and runs it.
    pub(crate) fn run(&self, copy: &WorkingCopy, budget: &Budget) -> Result<(Verdict, Ended), Error> {
        let (program, built) = self.build(copy, budget)?;
        let Some(program) = program else {
            let error = built.output.lines().find(|line| line.starts_with("error")).unwrap_or_default();
            return Ok((Verdict::NotBuilt { error: error.to_owned() }, built));
        };
        let mut command = Command::new(&program.executable);
        command
            .current_dir(&program.package)
            .env("QUORATE_SEEDS", budget.seeds.to_string())
            .env("QUORATE_CASES", budget.cases.to_string())
            .env("RUST_BACKTRACE", "0");
        let ended = run_bounded(&mut command, budget.limit).map_err(Error::Cargo)?;
        let verdict = match ended.status {
            None => Verdict::Hung,
            Some(status) if status.success() => Verdict::Passed,
            Some(_) => Verdict::Failed { tests: failed_tests(&ended.output) },
        };
        Ok((verdict, ended))
    }

    /// Builds it; `None` if the code does not compile.
    fn build(&self, copy: &WorkingCopy, budget: &Budget) -> Result<(Option<Program>, Ended), Error> {
        let mut command = Command::new(env!("CARGO"));
        command
            .args(["test", "--quiet", "--no-run", "--message-format=json-render-diagnostics"])
            .args(self.target)
            .current_dir(&copy.repository)
            .env("CARGO_TARGET_DIR", &copy.target)
            // Nobody debugs a mutant -> a third of the time to build one.
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        // A build takes longer than a run, and ends by itself.
        let built = run_bounded(&mut command, budget.limit * 10).map_err(Error::Cargo)?;
        let is_done = built.status.is_some_and(|status| status.success());
        let program = is_done.then(|| built.output.lines().find_map(Program::parse)).flatten();
        Ok((program, built))
    }
}

/// A suite as cargo has built it.
struct Program {
    executable: PathBuf,
    package: PathBuf,
}

impl Program {
    /// Reads one line of what cargo says: only the suite itself is an artifact of the test profile.
    fn parse(line: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Artifact {
            manifest_path: PathBuf,
            executable: PathBuf,
            profile: Profile,
        }
        #[derive(Deserialize)]
        struct Profile {
            test: bool,
        }
        let artifact: Artifact = serde_json::from_str(line).ok()?;
        let package = artifact.manifest_path.parent().map(Path::to_path_buf)?;
        artifact.profile.test.then_some(Self { executable: artifact.executable, package })
    }
}

/// The names of the tests that failed, or of the scripts, with the seed if one was printed.
fn failed_tests(output: &str) -> Vec<String> {
    let by_libtest =
        output.lines().filter_map(|line| line.strip_prefix("test ")?.strip_suffix(" ... FAILED"));
    let by_scripts = output.lines().filter_map(|line| line.strip_prefix("Replay it:")?.rsplit(' ').next());
    let seed = output.lines().find_map(|line| {
        let (_, after) = line.split_once("QUORATE_SEED=")?;
        after.split_whitespace().next().map(|seed| format!(" (seed {seed})"))
    });
    let seeds = output.lines().find_map(|line| {
        let (_, after) = line.split_once("violations in ")?;
        after.split_once(" seeds").map(|(how_many, _)| format!(" (in {how_many} seeds)"))
    });
    let seed = seed.or(seeds).unwrap_or_default();
    by_libtest.map(|test| format!("{test}{seed}")).chain(by_scripts.map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_tests_are_found_in_what_a_suite_prints() {
        let libtest = "test a::b ... ok\ntest a::c ... FAILED\nreplay: QUORATE_SEED=7 cargo test\n";
        assert_eq!(failed_tests(libtest), ["a::c (seed 7)"]);
        let simulation = "violations in 7 of 198 seeds, each 12s long\ntest all ... FAILED\n";
        assert_eq!(failed_tests(simulation), ["all (in 7 of 198 seeds)"]);
        let scripts = "Replay it:  cargo test -p quorate-tests --test scripts election/behind\n";
        assert_eq!(failed_tests(scripts), ["election/behind"]);
    }

    #[test]
    fn unknown_check_is_told_with_the_known_ones() {
        let error = named(&["papers".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("`papers`") && error.contains("paper, scripts"), "{error}");
    }
}

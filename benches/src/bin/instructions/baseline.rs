//! What was counted when it was last looked at, in a file of the repository.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use quorate_benches::Failure;
use serde::Deserialize;

/// By how much a count may grow unnoticed.
const TOLERANCE: f64 = 1.05;

/// Counts, and of whose code.
#[derive(Deserialize)]
pub(crate) struct Baseline {
    /// Whose code was counted: the compiler and the processor's architecture.
    pub(crate) compiler: String,
    #[serde(rename = "case")]
    pub(crate) cases: Vec<Spent>,
}

/// What an entry costs.
#[derive(Deserialize)]
pub(crate) struct Spent {
    #[serde(rename = "name")]
    pub(crate) case: String,
    /// Instructions for each entry.
    pub(crate) instructions: f64,
    /// Calls of the allocator for each entry.
    pub(crate) allocations: f64,
}

impl Baseline {
    /// Of what was counted just now.
    pub(crate) fn of_this_compiler(cases: Vec<Spent>) -> Result<Self, Failure> {
        let output = Command::new("rustc").arg("--version").output()?;
        let version = String::from_utf8(output.stdout)?;
        Ok(Self { compiler: format!("{}, {}", version.trim(), std::env::consts::ARCH), cases })
    }

    /// Reads the file.
    pub(crate) fn read() -> Result<Self, Failure> {
        let text = fs::read_to_string(path())
            .map_err(|error| format!("{}: {error}; run `cargo instructions --accept`", path().display()))?;
        Ok(toml::from_str(&text)?)
    }

    /// Writes the file.
    pub(crate) fn write(&self) -> Result<(), Failure> {
        Ok(fs::write(path(), self.to_toml()?)?)
    }

    fn to_toml(&self) -> Result<String, Failure> {
        let mut text = "# What `cargo instructions --check` compares with. Written by `cargo instructions --accept`.\n\n"
            .to_owned();
        writeln!(text, "compiler = {:?}", self.compiler)?;
        for Spent { case, instructions, allocations } in &self.cases {
            writeln!(text, "\n[[case]]\nname = {case:?}\ninstructions = {instructions:.1}")?;
            writeln!(text, "allocations = {allocations:.3}")?;
        }
        Ok(text)
    }

    /// Fails if anything has grown by more than is let pass.
    pub(crate) fn check_against(&self, baseline: &Self) -> Result<(), Failure> {
        let mut grown = String::new();
        for now in &self.cases {
            let Some(before) = baseline.cases.iter().find(|before| before.case == now.case) else {
                return Err(
                    format!("the baseline lacks {}; run `cargo instructions --accept`", now.case).into()
                );
            };
            let counts = [
                ("instructions", before.instructions, now.instructions),
                ("allocations", before.allocations, now.allocations),
            ];
            for (what, before, after) in counts {
                if after > before * TOLERANCE {
                    writeln!(grown, "  {}: {before:.2} → {after:.2} {what} for each entry", now.case)?;
                }
            }
        }
        if grown.is_empty() {
            return Ok(());
        }
        Err(format!(
            "an entry costs more than before:\n{grown}find out why; if it is worth that, run `cargo instructions --accept`"
        )
        .into())
    }
}

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("instructions.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(instructions: f64, allocations: f64) -> Baseline {
        let spent = Spent { case: "batch=1 size=256".to_owned(), instructions, allocations };
        Baseline { compiler: "one".to_owned(), cases: vec![spent] }
    }

    #[test]
    fn what_has_grown_by_more_than_a_twentieth_is_named() {
        let baseline = of(1_000.0, 3.0);
        assert!(of(1_049.0, 3.1).check_against(&baseline).is_ok());
        assert!(of(500.0, 1.0).check_against(&baseline).is_ok());

        let error = of(1_051.0, 3.0).check_against(&baseline).unwrap_err().to_string();
        assert!(error.contains("1000.00 → 1051.00 instructions"), "{error}");
        let error = of(1_000.0, 3.2).check_against(&baseline).unwrap_err().to_string();
        assert!(error.contains("3.00 → 3.20 allocations"), "{error}");
        assert!(error.contains("cargo instructions --accept"), "{error}");
    }

    #[test]
    fn a_case_that_the_baseline_lacks_is_an_error() {
        let mut baseline = of(1_000.0, 3.0);
        baseline.cases.clear();
        assert!(of(1_000.0, 3.0).check_against(&baseline).is_err());
    }

    #[test]
    fn the_baseline_is_read_as_it_was_written() {
        let written = of(1_234.56, 3.25);
        let read: Baseline = toml::from_str(&written.to_toml().unwrap()).unwrap();
        assert_eq!(read.compiler, "one");
        assert_eq!(read.cases[0].case, "batch=1 size=256");
        assert_eq!((read.cases[0].instructions, read.cases[0].allocations), (1_234.6, 3.25));
    }
}

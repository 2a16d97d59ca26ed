//! The files that show a broken promise.

use std::{fs, io, path::Path};

use quorate::simulation::{Report, Violation, plan::Plan, trace};
use serde::{Deserialize, Serialize};

use crate::{
    attempt::{Simulate, Times, attempt},
    finding::Finding,
};

/// A plan, as JSON.
pub const PLAN: &str = "plan.json";
/// The plan before it was made smaller.
pub const ORIGINAL: &str = "original.json";
/// Which promise the plan breaks, as JSON.
pub const VIOLATION: &str = "violation.json";
/// What was found and how it is seen again, in words.
pub const REPLAY: &str = "replay.txt";
/// Everything that happens, a line each.
pub const TRACE: &str = "trace.txt";
/// The same in the language of `tests/scripts`.
pub const SCRIPT: &str = "trace.script";
/// The same as a page for a browser.
pub const PAGE: &str = "trace.html";

/// What is stored of a violation beside its plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Which promise.
    pub promise: String,
    /// What was seen, with time and place.
    pub message: String,
}

impl From<&Violation> for Known {
    fn from(violation: &Violation) -> Self {
        Self { promise: violation.promise.to_owned(), message: violation.to_string() }
    }
}

impl Finding {
    /// Stores it: what was there before is gone.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn store(&self, simulate: Simulate, folder: &Path) -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        write_json(&folder.join(PLAN), &self.plan)?;
        write_json(&folder.join(ORIGINAL), &self.original)?;
        write_json(&folder.join(VIOLATION), &Known::from(&self.violation))?;
        fs::write(folder.join(REPLAY), self.words(folder) + "\n")?;
        let report = attempt(simulate, &self.plan, Times::to_see(&self.violation), true);
        write_traces(&report, &self.plan, folder)
    }
}

/// Stores what has happened.
///
/// # Errors
/// The folder cannot be written.
pub fn write_traces(report: &Report, plan: &Plan, folder: &Path) -> io::Result<()> {
    fs::write(folder.join(TRACE), report.trace.to_string())?;
    fs::write(folder.join(SCRIPT), trace::script(&report.trace))?;
    fs::write(folder.join(PAGE), trace::html(plan, report))
}

fn write_json(path: &Path, value: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_string_pretty(value).map_err(io::Error::other)?;
    fs::write(path, json + "\n")
}

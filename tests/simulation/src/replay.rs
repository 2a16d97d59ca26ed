//! A plan from a file.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use quorate::simulation::plan::Plan;

use crate::{
    attempt::{Simulate, Times, attempt},
    folder::{self, Known},
};

/// Why a plan was not carried out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("{path} cannot be read ({source}): give --plan the plan.json of a violation")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not hold a plan.
    #[error("{path} is no plan ({source}): mend it, or have it written again from its seed")]
    NotAPlan {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// What happened cannot be told or stored.
    #[error("what happened cannot be stored: {0}")]
    Output(#[from] io::Error),
}

/// Carries out the plan of a file, tells on `out` what comes of it, with `is_traced` everything that happens, and stores
/// what happens beside the plan. Whether no promise was broken.
///
/// # Errors
/// The file is none that holds a plan, or what happens cannot be told or stored.
pub fn replay(
    simulate: Simulate,
    path: &Path,
    is_traced: bool,
    out: &mut dyn Write,
) -> Result<bool, ReplayError> {
    let plan = read(path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let known = known(folder);
    let is_twice = known.as_ref().is_some_and(|known| known.promise == "determinism");
    let times = if is_twice { Times::Twice } else { Times::Once };
    let report = attempt(simulate, &plan, times, true);
    folder::write_traces(&report, &plan, folder)?;
    let trace = folder.join(folder::TRACE);
    if is_traced {
        write!(out, "{}", report.trace)?;
    }
    writeln!(out, "{}", report.counts)?;
    writeln!(out, "what happened: {}", trace.display())?;
    match (&report.violation, known) {
        (None, None) => writeln!(out, "no promise is broken")?,
        (None, Some(known)) => writeln!(out, "no promise is broken any more; it was: {}", known.message)?,
        (Some(violation), Some(known)) if known.promise != violation.promise => {
            writeln!(out, "VIOLATION, another than before: {violation}\n  it was: {}", known.message)?;
        }
        (Some(violation), Some(_)) => writeln!(out, "VIOLATION, of the same promise: {violation}")?,
        (Some(violation), None) => writeln!(out, "VIOLATION: {violation}")?,
    }
    Ok(report.violation.is_none())
}

fn read(path: &Path) -> Result<Plan, ReplayError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ReplayError::Unreadable { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| ReplayError::NotAPlan { path: path.to_owned(), source })
}

/// What a plan broke when it was stored, if that is known.
fn known(folder: &Path) -> Option<Known> {
    serde_json::from_str(&fs::read_to_string(folder.join(folder::VIOLATION)).ok()?).ok()
}

//! A plan from a file.

use std::{
    fs,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use quorate::simulation::{
    Report, Violation,
    plan::{Plan, PlanError},
    trace,
};

use crate::{
    attempt::{Simulate, Times, attempt},
    finding::{self, Known},
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
    /// It holds one that cannot be carried out.
    #[error("the plan of {path} cannot be carried out: {source}")]
    Unsound {
        /// Which.
        path: PathBuf,
        /// Why.
        source: PlanError,
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
    let known = finding::known(folder);
    let times = known.as_ref().map_or(Times::Once, |known| Times::to_see(&known.promise));
    let report = attempt(simulate, &plan, times, true);
    store_traces(&report, &plan, folder)?;
    if is_traced {
        write!(out, "{}", report.trace)?;
    }
    writeln!(out, "{}", report.counts)?;
    writeln!(out, "look at it: {}", folder.join(finding::PAGE).display())?;
    writeln!(out, "{}", verdict(report.violation.as_ref(), known))?;
    Ok(report.violation.is_none())
}

fn verdict(violation: Option<&Violation>, known: Option<Known>) -> String {
    match (violation, known) {
        (None, None) => "no promise is broken".to_owned(),
        (None, Some(known)) => format!("no promise is broken any more; it was: {}", known.message),
        (Some(violation), Some(known)) if known.promise != violation.promise => {
            format!("VIOLATION, but of another promise than before: {violation}\n  it was: {}", known.message)
        }
        (Some(violation), Some(_)) => format!("VIOLATION of the same promise: {violation}"),
        (Some(violation), None) => format!("VIOLATION: {violation}"),
    }
}

fn store_traces(report: &Report, plan: &Plan, folder: &Path) -> io::Result<()> {
    fs::write(folder.join(finding::PAGE), trace::html(plan, report))?;
    fs::write(folder.join("trace.script"), trace::script(&report.trace))?;
    let mut file = BufWriter::new(fs::File::create(folder.join("trace.txt"))?);
    write!(file, "{}", report.trace)?;
    file.flush()
}

fn read(path: &Path) -> Result<Plan, ReplayError> {
    let text = fs::read_to_string(path)
        .map_err(|source| ReplayError::Unreadable { path: path.to_owned(), source })?;
    let plan: Plan = serde_json::from_str(&text)
        .map_err(|source| ReplayError::NotAPlan { path: path.to_owned(), source })?;
    plan.validate().map_err(|source| ReplayError::Unsound { path: path.to_owned(), source })?;
    Ok(plan)
}

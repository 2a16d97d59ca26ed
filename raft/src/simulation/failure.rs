//! A simulation in which a promise was broken: what was broken, how little it takes, and how to see it again.

use std::{env, fmt, path::PathBuf, thread};

use super::{plan::Plan, simulation::Report, violation::Violation};

/// The promise that a workload breaks which does not do the same again.
const DETERMINISM: &str = "determinism";

/// A simulation in which a promise was broken.
#[derive(Debug)]
pub struct Failure {
    /// What was broken, in the plan that is left.
    pub violation: Violation,
    /// What the seed had planned.
    pub original: Plan,
    /// What of it is enough.
    pub plan: Plan,
    /// How that went, with its trace.
    pub report: Report,
    /// Where the plan and the trace were written, if they could be.
    pub directory: Option<PathBuf>,
}

impl Failure {
    /// Finds out what of a plan is enough to break the same promise. `run` carries out a plan, and keeps records if it is
    /// told to.
    pub(super) fn explain(original: Plan, violation: Violation, run: &dyn Fn(&Plan, bool) -> Report) -> Self {
        let plan = original.clone();
        let report = run(&plan, true);
        let violation = report.violation.clone().unwrap_or(Violation {
            promise: DETERMINISM,
            message: format!("the same plan once went well, and once not: {violation}"),
            ..violation
        });
        Self { violation, original, plan, report, directory: None }
    }

    /// The command that does it again: this program, or this test, with the seed.
    #[must_use]
    pub fn replay(&self) -> String {
        let seed = self.original.seed;
        // The test runner names a test's thread after the test.
        match thread::current().name() {
            Some(test) if test != "main" => format!("QUORATE_SEED={seed} cargo test {test}"),
            Some(_) | None => {
                let words: Vec<_> = env::args().collect();
                format!("QUORATE_SEED={seed} {}", words.join(" "))
            }
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { violation, original, plan, .. } = self;
        writeln!(f, "{violation}")?;
        let (planned, left) = (original.actions.len(), plan.actions.len());
        writeln!(
            f,
            "  seed {}, {}: of {planned} planned actions, {left} are enough",
            plan.seed, plan.profile
        )?;
        for action in &plan.actions {
            writeln!(f, "    {:>9.3} s  {:?}", action.at.as_secs_f64(), action.action)?;
        }
        if let Some(directory) = &self.directory {
            writeln!(f, "  what happened: {}", directory.join("trace.html").display())?;
        }
        write!(f, "  again: {}", self.replay())
    }
}

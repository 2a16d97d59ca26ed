//! One mutant before all checks.

use std::time::{Duration, Instant};

use crate::{
    Error,
    catalogue::Mutant,
    checks::{Budget, Check, Verdict},
    copy::WorkingCopy,
};

/// What all trials have in common.
pub(crate) struct Trials<'a> {
    pub(crate) copy: &'a WorkingCopy,
    pub(crate) checks: &'a [&'static Check],
    pub(crate) budget: &'a Budget,
}

/// What one check made of a mutant.
pub(crate) struct Finding {
    pub(crate) check: &'static str,
    pub(crate) verdict: Verdict,
    /// How long the check ran, without being built.
    pub(crate) ran: Duration,
}

/// What all checks made of a mutant.
pub(crate) struct Trial {
    pub(crate) findings: Vec<Finding>,
    /// With building.
    pub(crate) took: Duration,
}

impl Trial {
    /// Whether the code could be built and a check has failed.
    pub(crate) fn is_caught(&self) -> bool {
        self.is_built()
            && self
                .findings
                .iter()
                .any(|finding| matches!(finding.verdict, Verdict::Failed { .. } | Verdict::Hung))
    }

    pub(crate) fn is_built(&self) -> bool {
        !self.findings.iter().any(|finding| matches!(finding.verdict, Verdict::NotBuilt { .. }))
    }
}

impl Trials<'_> {
    /// The code as it is. Also builds what the mutants' builds start from.
    ///
    /// # Errors
    /// [`Error::FailsUnchanged`] if a check fails: then it would catch anything.
    pub(crate) fn unchanged(&self) -> Result<Trial, Error> {
        let begin = Instant::now();
        let mut findings = Vec::new();
        for check in self.checks {
            let (verdict, ended) = check.run(self.copy, self.budget)?;
            if !matches!(verdict, Verdict::Passed) {
                return Err(Error::FailsUnchanged { check: check.name, output: ended.output });
            }
            findings.push(Finding { check: check.name, verdict, ran: ended.took });
        }
        Ok(Trial { findings, took: begin.elapsed() })
    }

    /// The code with one change.
    pub(crate) fn of(&self, mutant: &Mutant) -> Result<Trial, Error> {
        let begin = Instant::now();
        let _changed = self.copy.change(mutant)?;
        let mut findings = Vec::new();
        for check in self.checks {
            let (verdict, ended) = check.run(self.copy, self.budget)?;
            let is_over = !matches!(verdict, Verdict::Passed) && !self.budget.goes_on
                || matches!(verdict, Verdict::NotBuilt { .. });
            findings.push(Finding { check: check.name, verdict, ran: ended.took });
            if is_over {
                break;
            }
        }
        Ok(Trial { findings, took: begin.elapsed() })
    }
}

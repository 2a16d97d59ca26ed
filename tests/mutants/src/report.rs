//! What is printed: a line for each mutant as soon as it is known, and a count at the end.

use std::io::{self, Write};

use crate::{
    catalogue::Mutant,
    checks::Verdict,
    trial::{Finding, Trial},
};

/// So many of the tests that failed are named; of the others, how many there are.
const NAMED_MAX: usize = 3;

/// Counts the verdicts.
pub(crate) struct Report {
    name_width: usize,
    caught: usize,
    survived: Vec<String>,
    not_built: Vec<String>,
}

/// Prints what the mutants are.
pub(crate) fn list(mutants: &[Mutant], out: &mut impl Write) -> io::Result<()> {
    let mut topic = "";
    for mutant in mutants {
        if mutant.topic != topic {
            topic = &mutant.topic;
            writeln!(out, "\n{topic}")?;
        }
        let bug = mutant.known_bug.as_ref().map(|bug| format!(" ({bug})")).unwrap_or_default();
        writeln!(out, "  {}{bug}: {}", mutant.name, mutant.wrong)?;
    }
    writeln!(out, "\nmutants={}", mutants.len())
}

/// Prints what the checks made of the code as it is.
pub(crate) fn unchanged(trial: &Trial, out: &mut impl Write) -> io::Result<()> {
    for finding in &trial.findings {
        writeln!(out, "  {} passes in {:.1} s", finding.check, finding.ran.as_secs_f64())?;
    }
    writeln!(out)
}

impl Report {
    pub(crate) fn new(mutants: &[Mutant]) -> Self {
        let name_width = mutants.iter().map(|mutant| mutant.name.len()).max().unwrap_or_default();
        Self { name_width, caught: 0, survived: Vec::new(), not_built: Vec::new() }
    }

    /// One mutant has been tried.
    pub(crate) fn mutant(&mut self, mutant: &Mutant, trial: &Trial, out: &mut impl Write) -> io::Result<()> {
        let fate = if trial.is_caught() {
            self.caught += 1;
            "caught"
        } else if trial.is_built() {
            self.survived.push(format!("{}: {}", mutant.name, mutant.wrong));
            "SURVIVED"
        } else {
            self.not_built.push(mutant.name.clone());
            "NOT BUILT"
        };
        let (name, width, took) = (&mutant.name, self.name_width, trial.took.as_secs());
        writeln!(out, "{name:<width$}  {fate:<9} {took:>4} s  {}", describe(trial))?;
        out.flush()
    }

    /// Prints who survived, and the counts.
    pub(crate) fn end(&self, out: &mut impl Write) -> io::Result<()> {
        for survivor in &self.survived {
            writeln!(
                out,
                "\nsurvived: {survivor}\n  write the test that notices, or replace a change that is none"
            )?;
        }
        for name in &self.not_built {
            writeln!(out, "\nnot built: {name}\n  a mutant must compile: mend its text")?;
        }
        let (caught, survived, not_built) = (self.caught, self.survived.len(), self.not_built.len());
        let count = caught + survived + not_built;
        let not_built = if not_built == 0 { String::new() } else { format!(" not-built={not_built}") };
        writeln!(out, "\nmutants={count} caught={caught} survived={survived}{not_built}")
    }

    pub(crate) fn all_caught(&self) -> bool {
        self.survived.is_empty() && self.not_built.is_empty()
    }
}

/// What the checks that did not pass have found.
fn describe(trial: &Trial) -> String {
    let found: Vec<_> = trial.findings.iter().filter_map(of_check).collect();
    found.join("; ")
}

fn of_check(finding: &Finding) -> Option<String> {
    let (check, ran) = (finding.check, finding.ran.as_secs_f64());
    match &finding.verdict {
        Verdict::Passed => None,
        Verdict::Failed { tests } if tests.is_empty() => Some(format!("{check}: crashed after {ran:.1} s")),
        Verdict::Failed { tests } => {
            let named: Vec<_> = tests.iter().take(NAMED_MAX).map(String::as_str).collect();
            let more = tests.len() - named.len();
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            Some(format!("{check}: {}{more}", named.join(", ")))
        }
        Verdict::Hung => Some(format!("{check}: hung, ended after {ran:.0} s")),
        Verdict::NotBuilt { error } => Some(error.clone()),
    }
}

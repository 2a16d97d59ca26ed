//! What is made of a broken promise: the smallest plan that breaks it, and files that show it.

use std::{fs, io, path::Path};

use quorate::simulation::{Failure, Violation, plan::Plan};
use serde::{Deserialize, Serialize};

use crate::{
    attempt::{Simulate, Times, attempt},
    cases::Case,
};

/// The smallest plan.
pub const PLAN: &str = "plan.json";
/// Everything that happens in it, as a page for a browser.
pub const PAGE: &str = "trace.html";
/// Which promise it breaks, as JSON.
const VIOLATION: &str = "violation.json";
/// What was found and how it is seen again, in words.
const REPLAY: &str = "replay.txt";

/// A broken promise, and a small plan that shows it.
#[derive(Debug)]
pub struct Finding {
    /// Where it was found.
    pub case: Case,
    /// What was found, and what of the plan is enough.
    pub failure: Failure,
}

/// What is stored of a violation beside its plan.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Known {
    /// Which promise.
    pub promise: String,
    /// What was seen, with time and place.
    pub message: String,
}

impl Finding {
    /// Makes the plan of a case smaller that has broken a promise.
    #[must_use]
    pub fn explain(simulate: Simulate, case: Case, violation: Violation) -> Self {
        let times = Times::to_see(violation.promise);
        let again = |plan: &Plan, keeps_records| attempt(simulate, plan, times, keeps_records);
        Self { case, failure: Failure::explain(case.plan(), violation, &again) }
    }

    /// Stores it: what was there before is gone.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn store(&self, folder: &Path) -> io::Result<()> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        self.failure.store(folder)?;
        let Violation { promise, .. } = &self.failure.violation;
        let known = Known { promise: (*promise).to_owned(), message: self.failure.violation.to_string() };
        fs::write(folder.join(VIOLATION), serde_json::to_vec_pretty(&known)?)?;
        fs::write(folder.join(REPLAY), self.words(folder) + "\n")
    }

    /// What is told of it. `folder` is where it is stored.
    #[must_use]
    pub fn words(&self, folder: &Path) -> String {
        let Failure { violation, original, plan, runs, .. } = &self.failure;
        let (case, sizes) = (&self.case, sizes(original, plan));
        format!(
            "VIOLATION in {case}: {violation}\n  \
             shrunk in {runs} runs: {sizes}\n  \
             look at it: {}\n  \
             run it again: cargo simulate --plan {}\n  \
             run the original: {}",
            folder.join(PAGE).display(),
            folder.join(PLAN).display(),
            case.replay()
        )
    }
}

/// What a plan broke when it was stored in this folder, if that is known.
#[must_use]
pub fn known(folder: &Path) -> Option<Known> {
    serde_json::from_str(&fs::read_to_string(folder.join(VIOLATION)).ok()?).ok()
}

fn sizes(original: &Plan, plan: &Plan) -> String {
    let of = |plan: &Plan| {
        [
            ("actions", plan.actions.len() as u64),
            ("nodes", plan.voters + plan.learners + plan.spares),
            ("clients", plan.clients.count as u64),
            ("requests", plan.clients.requests),
        ]
    };
    let pairs = of(original).into_iter().zip(of(plan));
    let numbers: String =
        pairs.map(|((name, before), (_, after))| format!("{name} {before} → {after}, ")).collect();
    let [before, after] = [original, plan].map(|plan| plan.storm.as_secs_f64());
    format!("{numbers}seconds {before:.1} → {after:.1}")
}

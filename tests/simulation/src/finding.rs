//! What is made of a broken promise: the smallest plan that breaks it.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use quorate::simulation::{Violation, plan::Plan, shrink};

use crate::{
    attempt::{Simulate, Times, attempt},
    cases::Case,
    folder,
};

/// How much is done to make a plan smaller.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// So many smaller plans are tried.
    pub runs: u64,
    /// For so long.
    pub time: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { runs: 5000, time: Duration::from_secs(90) }
    }
}

/// A broken promise, and a small plan that shows it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Where it was found.
    pub case: Case,
    /// How the small plan breaks the promise.
    pub violation: Violation,
    /// What was drawn from the seed.
    pub original: Plan,
    /// The small one.
    pub plan: Plan,
    /// How many were tried for it.
    pub runs: u64,
}

/// Makes the plan of a case smaller that has broken a promise.
#[must_use]
pub fn of(simulate: Simulate, case: Case, violation: Violation, patience: Patience) -> Finding {
    let original = case.plan();
    let times = Times::to_see(&violation);
    let until = Instant::now() + patience.time;
    let shrunk = shrink(original.clone(), violation, patience.runs, |plan| {
        if Instant::now() >= until { None } else { attempt(simulate, plan, times, false).violation }
    });
    Finding { case, violation: shrunk.violation, original, plan: shrunk.plan, runs: shrunk.runs }
}

impl Finding {
    /// What is told of it. `store` is where it is stored.
    #[must_use]
    pub fn words(&self, store: &Path) -> String {
        let Self { case, violation, runs, .. } = self;
        let sizes = sizes(&self.original, &self.plan);
        format!(
            "VIOLATION in {case}: {violation}\n  \
             shrunk by {runs} runs: {sizes}\n  \
             what happens: {}\n  \
             this again: cargo simulate --plan {}\n  \
             the original: {}",
            store.join(folder::PAGE).display(),
            store.join(folder::PLAN).display(),
            case.replay()
        )
    }
}

fn sizes(original: &Plan, plan: &Plan) -> String {
    let of = |plan: &Plan| {
        let nodes = plan.voters + plan.learners + plan.spares;
        (plan.actions.len(), nodes, plan.clients.count, plan.clients.requests, plan.storm.as_secs_f64())
    };
    let (before, after) = (of(original), of(plan));
    format!(
        "actions {} → {}, nodes {} → {}, clients {} → {}, requests {} → {}, seconds {:.1} → {:.1}",
        before.0, after.0, before.1, after.1, before.2, after.2, before.3, after.3, before.4, after.4
    )
}

//! A simulation, from a seed to its report.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use super::{
    counts::Counts,
    plan::Plan,
    trace::{Trace, What},
    violation::{Broken, Violation},
    workload::Workload,
    world::World,
};

/// How a simulation went.
#[derive(Debug)]
pub struct Report {
    /// How much time has passed in it.
    pub simulated: Duration,
    /// What happened, and how often.
    pub counts: Counts,
    /// How many requests clients made.
    pub requests: u64,
    /// What happened, in order, if that was to be kept.
    pub trace: Trace,
    /// The promise that was broken, if one was.
    pub violation: Option<Violation>,
}

/// Carries out a plan. A panic in it, whoever's, ends it as a [`Violation`].
#[must_use]
pub fn run<W: Workload>(plan: Plan, workload: W, keeps_records: bool) -> Report {
    let mut world = World::new(plan, workload, keeps_records);
    // Whoever asserts, the library or a state machine: that is found like any other broken promise, with all that led up
    // to it.
    let violation = match catch_unwind(AssertUnwindSafe(|| world.run())) {
        Ok(outcome) => outcome.err(),
        Err(panic) => {
            let violation = Broken::new(Violation::NO_PANIC, words_of(&*panic)).seen(world.now, None);
            world.note(None, What::Violation(violation.to_string()));
            Some(violation)
        }
    };
    let requests = world.requests();
    Report { simulated: world.now, counts: world.counts, requests, trace: world.trace, violation }
}

fn words_of(panic: &(dyn Any + Send)) -> String {
    let words = panic.downcast_ref::<String>().map(String::as_str);
    words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without words").to_owned()
}

//! One simulation, and all that can go wrong in it: a broken promise, or another course the second time.

use std::time::Duration;

use quorate::simulation::{Report, Violation, plan::Plan};

/// Carries out a plan with the workload that is tested, and keeps what happens if that is wanted.
pub type Simulate = fn(Plan, bool) -> Report;

/// How a plan is tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Times {
    /// Once.
    Once,
    /// Twice, and it must come to the same.
    Twice,
}

impl Times {
    /// How often it takes to see this promise broken.
    #[must_use]
    pub fn to_see(promise: &str) -> Self {
        if promise == Violation::DETERMINISM { Self::Twice } else { Self::Once }
    }
}

/// Carries out a plan.
#[must_use]
pub fn attempt(simulate: Simulate, plan: &Plan, times: Times, keeps_records: bool) -> Report {
    let mut report = simulate(plan.clone(), keeps_records);
    if times == Times::Twice && report.violation.is_none() {
        let again = simulate(plan.clone(), false);
        report.violation = difference(&report, &again);
    }
    report
}

fn difference(first: &Report, again: &Report) -> Option<Violation> {
    let words = |report: &Report| {
        let (hash, requests, simulated) = (report.trace.hash(), report.requests, report.simulated);
        format!("{hash:016x} after {requests} requests and {:.6} s", simulated.as_secs_f64())
    };
    let message = format!("the traces of two runs are {} and {}", words(first), words(again));
    let is_same = first.trace.hash() == again.trace.hash() && again.violation.is_none();
    (!is_same).then_some(Violation {
        promise: Violation::DETERMINISM,
        message,
        at: Duration::ZERO,
        node: None,
    })
}

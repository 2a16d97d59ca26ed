//! A simulation, from a seed to its report.

use std::time::Duration;

use super::{
    counts::Counts, plan::Plan, trace::Trace, violation::Violation, workload::Workload, world::World,
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

/// Carries out a plan.
#[must_use]
pub fn run<W: Workload>(plan: Plan, workload: W, keeps_records: bool) -> Report {
    let mut world = World::new(plan, workload, keeps_records);
    let violation = world.run().err();
    let requests = world.requests();
    Report { simulated: world.now, counts: world.counts, requests, trace: world.trace, violation }
}

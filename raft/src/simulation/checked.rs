//! What many simulations have exercised.

use std::{fmt, time::Duration};

use super::{counts::Counts, simulation::Report};

/// What many simulations have exercised, in none of which a promise was broken.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Checked {
    /// How many there were.
    pub seeds: u64,
    /// How much time has passed in all of them.
    pub simulated: Duration,
    /// How many requests clients made.
    pub requests: u64,
    /// What happened, and how often.
    pub counts: Counts,
}

impl Checked {
    pub(super) fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.simulated += report.simulated;
        self.requests += report.requests;
        self.counts += &report.counts;
    }
}

/// One line. The counts show more.
impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seeds, requests, counts, .. } = self;
        let (seconds, faults) = (self.simulated.as_secs_f64(), counts.faults());
        write!(f, "{seeds} seeds, {seconds:.0} s of simulated time, {requests} requests, {faults} faults")
    }
}

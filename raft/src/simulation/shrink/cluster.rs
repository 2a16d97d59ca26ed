//! A smaller cluster, with less to do, for a shorter time.

use std::time::Duration;

use super::Search;
use crate::simulation::plan::Plan;

impl Search<'_> {
    /// Ends the storm where the promise was broken, and leaves out what would have come after.
    pub(super) fn end_with_the_violation(&mut self) {
        let end = self.violation.at + Duration::from_millis(1);
        self.keeps(|plan| end_storm(plan, end.min(plan.storm)));
    }

    /// A shorter storm, fewer clients, fewer requests, fewer nodes.
    pub(super) fn shrink_cluster(&mut self) {
        let storm = u64::try_from(self.plan.storm.as_millis()).unwrap_or(u64::MAX);
        self.lower(storm, 0, |plan, millis| end_storm(plan, Duration::from_millis(millis)));
        self.lower(self.plan.clients.count as u64, 0, |plan, count| {
            plan.clients.count = usize::try_from(count).unwrap_or(usize::MAX);
        });
        self.lower(self.plan.clients.requests, 0, |plan, requests| plan.clients.requests = requests);
        self.lower(self.plan.spares, 0, |plan, spares| plan.spares = spares);
        self.lower(self.plan.learners, 0, |plan, learners| plan.learners = learners);
        self.lower(self.plan.voters, 1, |plan, voters| plan.voters = voters);
    }
}

fn end_storm(plan: &mut Plan, end: Duration) {
    plan.storm = end;
    plan.actions.retain(|planned| planned.at < end);
}

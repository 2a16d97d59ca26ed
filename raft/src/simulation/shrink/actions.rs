//! Fewer actions, and simpler ones.

use std::time::Duration;

use super::Search;
use crate::simulation::plan::{Action, Plan, PowerLoss};

/// What durations are rounded to, in milliseconds: the roundest that will do.
const ROUND: [u64; 5] = [1000, 500, 100, 10, 1];

impl Search<'_> {
    /// Leaves out actions: all, halves, quarters, and in the end single ones.
    pub(super) fn drop_actions(&mut self) {
        let mut length = self.plan.actions.len();
        while length > 0 {
            let mut start = 0;
            while start < self.plan.actions.len() {
                let end = (start + length).min(self.plan.actions.len());
                if !self.keeps(|plan| drop(plan.actions.drain(start..end))) {
                    start = end;
                }
            }
            length /= 2;
        }
    }

    /// Has each action come sooner after the one before, and with it all that is later.
    pub(super) fn close_gaps(&mut self) {
        for number in 0..self.plan.actions.len() {
            let before = if number == 0 { Duration::ZERO } else { self.plan.actions[number - 1].at };
            let gap = self.plan.actions[number].at.saturating_sub(before);
            let millis = u64::try_from(gap.as_millis()).unwrap_or(u64::MAX);
            self.lower(millis, 0, |plan, millis| {
                let sooner = gap.saturating_sub(Duration::from_millis(millis));
                for planned in &mut plan.actions[number..] {
                    planned.at = planned.at.saturating_sub(sooner);
                }
                plan.storm = plan.storm.saturating_sub(sooner);
            });
        }
    }

    /// Has actions begin and end at round times, and lose no power.
    pub(super) fn simplify_actions(&mut self) {
        for number in 0..self.plan.actions.len() {
            self.keeps(|plan| keep_power(&mut plan.actions[number].action));
            self.round(|plan| Some(&mut plan.actions[number].at));
            for which in 0..self.plan.actions[number].action.times().len() {
                self.round(|plan| plan.actions[number].action.times().into_iter().nth(which));
            }
        }
        self.keeps(|plan| plan.actions.sort_by_key(|planned| planned.at));
    }

    fn round(&mut self, duration: impl Fn(&mut Plan) -> Option<&mut Duration>) {
        for unit in ROUND {
            let round = |plan: &mut Plan| {
                if let Some(duration) = duration(plan)
                    && let Ok(units) = u64::try_from(duration.as_millis() / u128::from(unit))
                {
                    // Nothing shorter than a unit: what has no duration is another action.
                    *duration = Duration::from_millis(units.max(1) * unit).min(*duration);
                }
            };
            if self.keeps(round) {
                return;
            }
        }
    }
}

fn keep_power(action: &mut Action) {
    if let Action::Crash { power, .. } = action {
        *power = PowerLoss::None;
    }
}

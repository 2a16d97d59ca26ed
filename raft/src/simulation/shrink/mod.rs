//! Makes a plan that breaks a promise as small as it can be, so that it can be read.
//!
//! Something is left out or made simpler, and the plan is carried out again. If it still breaks the same promise, what
//! was left out did not matter. This is repeated until nothing is left that can be left out:
//!
//! | file | what becomes simpler |
//! |---|---|
//! | `actions` | what happens: fewer actions, sooner after each other, of round durations |
//! | `cluster` | how much of it there is: a shorter storm, fewer nodes, fewer clients with fewer requests |
//! | `surroundings` | how it goes: fair weather, even disks, true clocks, the settings that a user has |

mod actions;
mod cluster;
mod surroundings;
#[cfg(test)]
mod tests;

use super::{plan::Plan, violation::Violation};

/// A plan that was made smaller.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The plan.
    pub plan: Plan,
    /// How it breaks its promise.
    pub violation: Violation,
    /// How many plans were tried.
    pub runs: u64,
}

/// Makes a plan smaller that breaks the promise of `violation`.
///
/// `breaks` carries a plan out and says which promise it breaks; it must say the same each time. At most `runs` plans are
/// tried, in an order that depends on nothing but what `breaks` says. Whoever has no more time lets it say that nothing is
/// broken: then it ends soon, with the smallest plan so far.
pub fn shrink(
    plan: Plan,
    violation: Violation,
    runs: u64,
    mut breaks: impl FnMut(&Plan) -> Option<Violation>,
) -> Shrunk {
    let mut search = Search { plan, violation, runs: 0, runs_max: runs, breaks: &mut breaks };
    loop {
        let before = search.plan.clone();
        search.end_with_the_violation();
        search.drop_actions();
        search.close_gaps();
        search.shrink_cluster();
        search.calm_surroundings();
        search.simplify_actions();
        // What did not work before may work now: each step has changed what the others begin with.
        if search.plan == before {
            break;
        }
    }
    Shrunk { plan: search.plan, violation: search.violation, runs: search.runs }
}

/// The smallest plan so far.
struct Search<'a> {
    plan: Plan,
    violation: Violation,
    runs: u64,
    runs_max: u64,
    breaks: &'a mut dyn FnMut(&Plan) -> Option<Violation>,
}

impl Search<'_> {
    /// Whether the promise is still broken with this change; if so, the change stays.
    fn keeps(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        let mut candidate = self.plan.clone();
        change(&mut candidate);
        if candidate == self.plan || self.runs == self.runs_max {
            return false;
        }
        self.runs += 1;
        match (self.breaks)(&candidate) {
            Some(violation) if violation.promise == self.violation.promise => {
                (self.plan, self.violation) = (candidate, violation);
                true
            }
            _ => false,
        }
    }

    /// Lowers a number as far as the promise stays broken: at once to the least, or else by halving what is in between.
    fn lower(&mut self, present: u64, least: u64, change: impl Fn(&mut Plan, u64)) {
        if present <= least || self.keeps(|plan| change(plan, least)) {
            return;
        }
        let (mut too_low, mut lowest) = (least, present);
        while lowest - too_low > 1 {
            let middle = too_low + (lowest - too_low) / 2;
            if self.keeps(|plan| change(plan, middle)) {
                lowest = middle;
            } else {
                too_low = middle;
            }
        }
    }
}

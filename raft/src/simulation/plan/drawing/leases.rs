//! How different clocks may be.
//!
//! A leader's lease lasts for three quarters of `election_ticks`, as it counts them; in that time no voter may count all
//! of them ([`Config::lease_reads`](crate::Config::lease_reads)). What a node counts is whole ticks of its clock:
//!
//! - the leader's last tick may be as much as two ticks old before its loop notices that it has let one out;
//! - the voter's first tick may come right after it has heard from the leader;
//! - each jump of the voter's clock makes one tick come early. Jumps are drawn at least [`Clocks::jumps_apart`] from
//!   each other, so that there is one in this time at most.
//!
//! So with rates of 1 ± r, `(3/4 E + 2) / (1 - r)` must be less than `(E - 1 - 1) / (1 + r)`.

use std::time::Duration;

use crate::simulation::{
    plan::{Plan, Profile},
    random::Random,
};

/// The greatest difference from the true rate, in millionths, if no lease depends on it.
const RATE_MAX: i32 = 400_000;

/// What clocks may do.
pub(super) struct Clocks {
    /// The greatest difference from the true rate, in millionths.
    pub(super) rate_max: i32,
    /// Whether they may stand still.
    pub(super) may_stop: bool,
    /// How much time there is between two jumps at least, on any nodes.
    pub(super) jumps_apart: Duration,
}

impl Clocks {
    pub(super) fn of(plan: &Plan) -> Self {
        if !plan.nodes.lease_reads {
            return Self { rate_max: RATE_MAX, may_stop: true, jumps_apart: Duration::ZERO };
        }
        let jumps_apart = plan.nodes.election_timeout() * 3;
        Self { rate_max: lease_rate_max(plan.nodes.election_ticks), may_stop: false, jumps_apart }
    }

    /// How fast each clock goes as long as nothing happens to it.
    pub(super) fn draw_rates(&self, profile: Profile, random: &mut Random, nodes: u64) -> Vec<i32> {
        // Real clocks are a hundred millionths off at most.
        let most = if profile == Profile::Clocks || profile == Profile::Leases { self.rate_max } else { 100 };
        (0..nodes).map(|_| self.draw_rate(random, most)).collect()
    }

    /// One of the extremes as often as anything between: that is where a lease is in danger.
    pub(super) fn draw_rate(&self, random: &mut Random, most: i32) -> i32 {
        let most = most.min(self.rate_max);
        match random.below(4) {
            0 => most,
            1 => -most,
            _ => {
                let range = u64::try_from(2 * most + 1).unwrap_or(1);
                i32::try_from(random.below(range)).unwrap_or_default() - most
            }
        }
    }
}

/// The greatest r in millionths, for a lease of so many ticks.
fn lease_rate_max(election_ticks: u32) -> i32 {
    let (lease, patience) = (f64::from(election_ticks) * 0.75 + 2.0, f64::from(election_ticks) - 2.0);
    // From (1 + r) / (1 - r) < patience / lease.
    let rate = (patience - lease) / (patience + lease);
    #[expect(clippy::cast_possible_truncation, reason = "less than a million")]
    let millionths = (rate.max(0.0) * 1e6) as i32;
    (millionths - 1).max(0)
}

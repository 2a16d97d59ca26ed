//! How a plan is drawn from a seed.
//!
//! | file | |
//! |---|---|
//! | `surroundings` | how nodes are configured, what network, disks and clients are like |
//! | `recipe` | which actions a profile draws, and how often |
//! | `schedule` | what happens when |
//! | `members` | who could come and go |
//! | `leases` | how different clocks may be |
//! | `healing` | how long the calm must be |

mod healing;
mod leases;
mod members;
mod recipe;
mod schedule;
mod surroundings;

use std::time::Duration;

use super::{Plan, Profile};
use crate::simulation::{counts::Count, random::Random};

use recipe::Recipe;

/// How many voters there are, if nobody says: as often as it stands here.
const VOTERS: [u64; 12] = [3, 3, 3, 3, 3, 5, 5, 5, 1, 2, 4, 7];

/// The plan of a profile that a seed decides on.
pub(super) fn draw(profile: Profile, seed: u64, voters: Option<u64>) -> Plan {
    let mut random = Random::new(seed, "plan");
    let recipe = Recipe::of(profile);
    let drawn = VOTERS[random.index(VOTERS.len())];
    let usual = if profile == Profile::Stormy { 3 } else { drawn };
    let mut plan = surroundings::draw(profile, seed, &mut random, voters.unwrap_or(usual).max(1));
    plan.storm = random.duration(recipe.storm.0, recipe.storm.1);
    let clocks = leases::Clocks::of(&plan);
    plan.clock_rates = clocks.draw_rates(profile, &mut random, plan.voters);
    plan.actions = schedule::draw(&plan, &recipe, &clocks, &mut random);
    plan.calm = healing::time(&plan);
    plan
}

/// What must have happened at least once over enough seeds of a profile.
pub(super) fn expected(profile: Profile) -> Vec<Count> {
    Recipe::of(profile).expected(profile)
}

/// A duration of 0.1 to 12.8 times `usual`; short ones are as likely as long ones.
fn around(random: &mut Random, usual: Duration) -> Duration {
    let least = usual / 10 * (1 << random.below(7));
    random.duration(least, least * 2)
}

//! Seeds of every profile: no promise is broken, and the same seed comes to the same.
#![expect(clippy::expect_used, reason = "in a test a broken premise must stop it")]

use std::time::Duration;

use quorate::simulation::plan::{Plan, Profile};
use simulations::{
    SIMULATE,
    attempt::{Times, attempt},
    cases::{Case, Cases},
    summary::Summary,
};

/// How long the storms are here: `cargo simulate` has those that a profile wants.
const STORM: Duration = Duration::from_secs(12);

/// Seeds that once found something, and what that was. What was mended stays mended.
const PINNED: &[(u64, Profile, &str)] = &[
    (296, Profile::Everything, REMOVED_IS_MISSED),
    (580, Profile::Everything, REMOVED_IS_MISSED),
    (616, Profile::Everything, REMOVED_IS_MISSED),
    (1240, Profile::Everything, REMOVED_IS_MISSED),
];

/// A node was removed, its operator was told so and shut it down. Then all others crashed before they had written that the
/// removal was committed, and when they came back they asked the one that was gone for its vote, for ever. Now that is
/// durable before the operator is told.
const REMOVED_IS_MISSED: &str = "who was removed and shut down was needed again after a restart";

/// The plan of a case, but for a short time.
fn short(case: Case) -> Plan {
    let mut plan = case.plan();
    plan.storm = plan.storm.min(STORM);
    let end = plan.storm;
    plan.actions.retain(|planned| planned.at < end);
    plan
}

/// How many seeds: `QUORATE_SEEDS` of them, or few enough that nobody waits.
fn seeds() -> u64 {
    let number = |text: String| text.parse().expect("QUORATE_SEEDS is a number");
    std::env::var("QUORATE_SEEDS").map_or(198, number)
}

#[test]
fn no_promise_is_broken_whatever_the_profile() {
    let cases = Cases { from: 1, profiles: Profile::ALL.to_vec(), voters: Vec::new() };
    let (mut summary, mut first, mut broken) = (Summary::new(), None, 0);
    for number in 0..seeds() {
        let case = cases.nth(number);
        let report = attempt(SIMULATE, &short(case), Times::Once, false);
        if let Some(violation) = &report.violation {
            broken += 1;
            first.get_or_insert_with(|| format!("{case}: {violation}\n  all of it: {}", case.replay()));
        }
        summary.add(case, &report);
    }
    if let Some(first) = first {
        panic!(
            "violations in {broken} of {} seeds, each {STORM:?} long at most; the first in {first}",
            seeds()
        );
    }
    println!("{}\n{summary}", summary.table());
}

#[test]
fn a_seed_comes_to_the_same_each_time() {
    for (profile, seed) in Profile::ALL.iter().zip(1..) {
        let case = Case { seed, profile: *profile, voters: None };
        let report = attempt(SIMULATE, &short(case), Times::Twice, false);
        assert_eq!(report.violation, None, "{case}: {}", case.replay());
        assert!(report.requests > 0 && report.trace.hash() != 0);
    }
}

#[test]
fn keeping_records_changes_nothing() {
    let plan = short(Case { seed: 7, profile: Profile::Everything, voters: None });
    let [kept, not] = [true, false].map(|keeps_records| SIMULATE(plan.clone(), keeps_records));
    assert_eq!((kept.trace.hash(), kept.counts), (not.trace.hash(), not.counts));
    assert!(!kept.trace.records().is_empty() && not.trace.records().is_empty());
}

#[test]
fn what_was_found_once_stays_mended() {
    for (seed, profile, story) in PINNED {
        let case = Case { seed: *seed, profile: *profile, voters: None };
        let report = attempt(SIMULATE, &case.plan(), Times::Once, false);
        assert_eq!(report.violation, None, "{story}\n  {}", case.replay());
    }
}

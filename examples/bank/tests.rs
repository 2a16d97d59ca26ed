//! The bank as it is loses nothing, and each planted bug is found.

use crate::{Bug, check, page_of};

#[test]
fn a_sound_bank_keeps_its_money() {
    let checked = check(20, None).expect("nothing is wrong with it");
    assert_eq!(checked.seeds, 20);
    // It was put to the test.
    assert!(checked.counts.faults() > 50 && checked.requests > 1000, "{checked}");
}

#[test]
fn a_planted_bug_is_found_and_explained() {
    for bug in [Bug::Snapshot, Bug::Retry] {
        let failure = check(50, Some(bug)).expect_err("it is wrong");
        assert_eq!(failure.violation.promise, "the workload's invariant", "{failure}");
        assert!(failure.violation.message.contains("there was 500"), "{failure}");
        // A few of many actions are enough.
        assert!(failure.plan.actions.len() <= 5, "{failure}");
        assert!(failure.to_string().contains("QUORATE_SEED="), "{failure}");
        let directory = failure.directory.expect("the build directory can be written");
        for name in ["plan.json", "original.json", "trace.html", "trace.txt", "trace.script"] {
            assert!(directory.join(name).exists(), "{name} is missing");
        }
    }
}

#[test]
fn what_happens_with_a_seed_can_be_looked_at() {
    assert!(page_of(1, None).contains("\"what\":\"committed\""));
}

//! Bugs that were planted are found, made small, stored, and replayed.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "in a test a broken premise must stop it, and be seen"
)]

mod workload;

use std::{fs, path::Path, sync::atomic::AtomicBool};

use quorate::simulation::{
    Violation,
    plan::{Action, Plan, Profile},
};
use simulations::{
    attempt::Simulate,
    batch::{Batch, Limits},
    cases::Cases,
    replay::{ReplayError, replay},
    summary::Summary,
};

/// Runs a few seeds with a planted bug, on two threads: what was counted, and what was told.
fn run(simulate: Simulate, profile: Profile, store: &Path) -> (Summary, String) {
    let cases = Cases { from: 1, profiles: vec![profile], voters: vec![3] };
    let batch = Batch { cases, limits: Limits { seeds: Some(6), time: None }, jobs: 2 };
    let mut told = Vec::new();
    let summary = batch.run(simulate, store, &AtomicBool::new(false), &mut told).unwrap();
    let told = String::from_utf8(told).unwrap();
    println!("{told}");
    (summary, told)
}

/// The plan that was stored first.
fn stored(store: &Path) -> (std::path::PathBuf, Plan) {
    let folders = fs::read_dir(store).unwrap().map(|folder| folder.unwrap().path());
    let folder = folders.min().unwrap();
    let plan = fs::read_to_string(folder.join("plan.json")).unwrap();
    (folder, serde_json::from_str(&plan).unwrap())
}

#[test]
fn a_state_machine_that_differs_after_a_restart_is_found_and_made_small() {
    let store = tempfile::tempdir().unwrap();
    let (summary, told) = run(workload::another_after_restart, Profile::Stormy, store.path());
    assert!(summary.violations() > 0);
    let (folder, plan) = stored(store.path());

    let original: Plan =
        serde_json::from_str(&fs::read_to_string(folder.join("original.json")).unwrap()).unwrap();
    assert!(original.actions.len() > 2 * plan.actions.len(), "{plan:#?}");
    assert!((1..=6).contains(&plan.actions.len()), "{:#?}", plan.actions);
    let restarts = |action: &Action| {
        matches!(
            action,
            Action::Crash { .. }
                | Action::CrashAll { .. }
                | Action::FailSync { .. }
                | Action::FillDisk { .. }
                | Action::Upgrade { .. }
        )
    };
    assert!(plan.actions.iter().any(|planned| restarts(&planned.action)), "{:#?}", plan.actions);
    for file in ["violation.json", "trace.txt", "trace.script", "trace.html", "replay.txt"] {
        assert!(fs::metadata(folder.join(file)).unwrap().len() > 0, "{file}");
    }
    assert!(told.contains(&format!("cargo simulate --plan {}", folder.join("plan.json").display())));
    assert!(told.contains("--profile stormy --nodes 3"), "the command for the original");
}

#[test]
fn what_was_stored_breaks_the_same_promise_again_and_none_once_it_is_mended() {
    let store = tempfile::tempdir().unwrap();
    run(workload::another_after_restart, Profile::Stormy, store.path());
    let (folder, _) = stored(store.path());
    let path = folder.join("plan.json");
    let trace = fs::read(folder.join("trace.txt")).unwrap();
    fs::remove_file(folder.join("trace.txt")).unwrap();

    let mut told = Vec::new();
    assert!(!replay(workload::another_after_restart, &path, false, &mut told).unwrap());
    assert!(String::from_utf8(told).unwrap().contains("VIOLATION of the same promise: "));
    assert!(fs::read(folder.join("trace.txt")).unwrap() == trace, "the same happens");

    let mut told = Vec::new();
    assert!(replay(simulations::SIMULATE, &path, false, &mut told).unwrap());
    assert!(String::from_utf8(told).unwrap().contains("no promise is broken any more"));
}

#[test]
fn a_panic_is_found_like_any_broken_promise() {
    let store = tempfile::tempdir().unwrap();
    let (summary, told) = run(workload::panics, Profile::Calm, store.path());
    assert_eq!(summary.violations(), 6);
    assert!(told.contains("no panic is broken") && told.contains("is too much"), "{told}");
    assert!(told.contains("planted/workload.rs:"), "where it panicked: {told}");
    assert_eq!(fs::read_dir(store.path()).unwrap().count(), 1, "the others break the same promise");
    assert_eq!(told.matches("once more: cargo simulate --seeds 1 ").count(), 5);
    let (_, plan) = stored(store.path());
    assert_eq!(plan.actions, [], "it takes no fault");
    assert!(plan.clients.requests < 200, "{:?}", plan.clients);
}

#[test]
fn a_workload_that_is_not_deterministic_is_found() {
    let store = tempfile::tempdir().unwrap();
    let (summary, told) = run(workload::remembers, Profile::Calm, store.path());
    assert_eq!(summary.violations(), 1, "the first seed of a batch is run twice");
    assert!(told.contains(Violation::DETERMINISM), "{told}");
}

#[test]
fn a_file_that_holds_no_plan_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plan.json");
    let refusal = |text: &str| {
        fs::write(&path, text).unwrap();
        let refused = replay(simulations::SIMULATE, &path, false, &mut Vec::new());
        refused.map_err(|error: ReplayError| error.to_string()).unwrap_err()
    };
    let plan = Profile::Stormy.draw(1, Some(3));
    let mut voterless = plan;
    voterless.voters = 0;
    assert!(refusal("{").contains("is no plan"));
    assert!(refusal("{\"seed\": 1}").contains("missing field"));
    let refused = refusal(&serde_json::to_string(&voterless).unwrap());
    assert!(refused.contains("voters is 0: make it 1 to 100"), "{refused}");

    let refused = replay(simulations::SIMULATE, &folder.path().join("none"), false, &mut Vec::new());
    assert!(refused.unwrap_err().to_string().contains("give --plan the plan.json of a violation"));
}

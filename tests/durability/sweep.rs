//! Seeds and operations to try, and how a failure is replayed.

use std::{
    ops::RangeInclusive,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use quorate::simulation::disk::{SimulatedFileSystem, Unsynced};

use crate::{
    model::{Action, Model, State},
    node::Node,
    workload::Workload,
};

/// How many actions a workload has.
const ACTIONS: usize = 40;

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The seeds to try: the one that is asked for, or so many, or as many as a test run has time for.
pub(crate) fn seeds(usual: u64) -> RangeInclusive<u64> {
    let seeds = match number_from_environment("QUORATE_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number_from_environment("QUORATE_SEEDS").unwrap_or(usual),
    };
    println!("seeds {seeds:?}");
    seeds
}

/// Whether one seed alone is tried, which need not meet everything.
pub(crate) fn is_replay() -> bool {
    number_from_environment("QUORATE_SEED").is_some()
}

/// What is done in the workload of this seed.
pub(crate) fn actions(seed: u64) -> Vec<Action> {
    Workload::from(seed, State::new()).actions(ACTIONS)
}

/// A new log on a disk of this seed.
pub(crate) fn node(seed: u64) -> Node {
    Node::on(SimulatedFileSystem::new(seed), Model::new())
}

/// Does `check` at each of so many operations, or at the one that is asked for, and says how to replay a failure.
pub(crate) fn at_each(test: &str, seed: u64, operations: u64, mut check: impl FnMut(u64)) {
    let chosen = number_from_environment("QUORATE_OPERATION");
    for operation in 1..=operations {
        if chosen.is_some_and(|chosen| chosen != operation) {
            continue;
        }
        if let Err(failure) = catch_unwind(AssertUnwindSafe(|| check(operation))) {
            eprintln!(
                "replay: QUORATE_SEED={seed} QUORATE_OPERATION={operation} cargo test -p quorate-tests --test \
                 durability {test}"
            );
            resume_unwind(failure);
        }
    }
}

/// How many operations the workload of this seed takes when nothing fails.
pub(crate) fn operations(seed: u64, actions: &[Action]) -> u64 {
    let mut node = node(seed);
    node.run(actions).expect("nothing fails");
    node.close();
    node.files.statistics().operations()
}

/// What a power failure may leave, in five ways: nothing of what was not synced, all of it, or some.
pub(crate) fn after_power_failed(
    files: &SimulatedFileSystem,
    seed: u64,
) -> impl Iterator<Item = (u64, SimulatedFileSystem)> {
    (0..5).map(move |outcome| {
        let left = files.fork(seed | outcome);
        left.stop_failing();
        left.restart_with(match outcome {
            0 => Unsynced::Lost,
            1 => Unsynced::Kept,
            _ => Unsynced::Random,
        });
        (outcome, left)
    })
}

//! A cluster in a storm, from a seed.
//!
//! A seed decides everything: how many nodes, how they are configured, and then, one step at a time, which
//! message arrives, late, twice or never, whose clock ticks, who crashes and loses what it had not written,
//! who starts again, which links are cut, who proposes and who reads. After each step the invariants of
//! `oracle.rs` and `clients.rs` are checked across all nodes. Then the storm ends, and the cluster must come
//! to rest: with a leader, equal logs, and nothing left to say but heartbeats.
//!
//! `QUORATE_SEEDS` says how many seeds to try; `QUORATE_SEED` tries one, which is how a failure is replayed.
//! With `QUORATE_TRACE` set, every step is printed.

#![expect(clippy::panic, clippy::unwrap_used, reason = "in a test a broken premise must stop it")]

mod calm;
mod clients;
mod oracle;
mod storm;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use world::World;

const STEPS: u32 = 8000;

/// Plays one seed; stands for all that happened.
fn play(seed: u64) -> u64 {
    let mut world = World::from_seed(seed);
    (0..STEPS).for_each(|_| world.storm());
    world.calm_down();
    world.trace()
}

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn storms_break_no_promise_and_end_in_agreement() {
    let (first, count) = match number_from_environment("QUORATE_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number_from_environment("QUORATE_SEEDS").unwrap_or(400)),
    };
    println!("seeds {first}..={}", first + count - 1);
    for seed in first..first + count {
        if let Err(failure) = catch_unwind(AssertUnwindSafe(|| play(seed))) {
            eprintln!("replay: QUORATE_SEED={seed} cargo test -p quorate-tests --test simulation storms");
            resume_unwind(failure);
        }
    }
}

#[test]
fn a_seed_played_twice_gives_the_same_trace() {
    for seed in [1, 2, 3, 77] {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
    assert_ne!(play(1), play(2), "the trace depends on the seed");
}

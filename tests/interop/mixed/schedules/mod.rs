//! Random schedules of everything at once, from a seed.
//!
//! A seed decides which nodes are whose, how they are configured, and then, one step at a time, which message arrives,
//! late, twice or never, whose clock ticks, who crashes, who proposes what, reads, changes the membership, or hands
//! leadership over. The cluster checks after each step that all apply the same. Then everything heals, and all must
//! come to agree.
//!
//! `QUORATE_SEEDS` says how many seeds to try; `QUORATE_SEED` tries one, which is how a failure is replayed. With
//! `QUORATE_TRACE` set, every step is printed.

mod calm;
mod storm;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use storm::Storm;

const STEPS: u32 = 1200;

/// What came of one seed.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    history: Vec<String>,
    reads: usize,
}

fn play(seed: u64) -> Outcome {
    let mut storm = Storm::from_seed(seed);
    (0..STEPS).for_each(|_| storm.step());
    storm.calm_down();
    let cluster = &storm.cluster;
    Outcome { history: cluster.applied().history.clone(), reads: cluster.answered.len() }
}

fn number_from_environment(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

#[test]
fn random_schedules_end_in_agreement() {
    let (first, count) = match number_from_environment("QUORATE_SEED") {
        Some(seed) => (seed, 1),
        None => (1, number_from_environment("QUORATE_SEEDS").unwrap_or(1000)),
    };
    println!("seeds {first}..={}", first + count - 1);
    let (mut commands, mut changes, mut reads) = (0, 0, 0);
    for seed in first..first + count {
        let outcome = catch_unwind(AssertUnwindSafe(|| play(seed))).unwrap_or_else(|failure| {
            eprintln!("replay: QUORATE_SEED={seed} cargo interop random_schedules");
            resume_unwind(failure)
        });
        let mentions = |word: &str| outcome.history.iter().filter(|line| line.contains(word)).count();
        commands += mentions(" command ");
        changes += mentions(" change ");
        reads += outcome.reads;
    }
    println!("{commands} commands and {changes} changes applied, {reads} reads answered");
    // Schedules in which nothing happens would show nothing.
    let count = usize::try_from(count).unwrap();
    assert!(count < 20 || (commands > 10 * count && changes > count && reads > 5 * count));
}

#[test]
fn a_seed_played_twice_is_the_same() {
    for seed in [1, 2, 3] {
        assert_eq!(play(seed), play(seed), "seed {seed}");
    }
    assert_ne!(play(1), play(2));
}

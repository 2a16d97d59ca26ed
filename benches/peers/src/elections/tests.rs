//! What a trial must do whatever library it drives.

use super::*;

/// No follower may stand for election before it has missed its leader for a timeout; it last heard from it up to a
/// heartbeat before its death.
const SHORTEST: f64 = 0.8;

fn assert_plausible(waits: &[f64]) {
    assert_eq!(waits.len(), KILLS);
    assert!(Case::Median.of(waits) > 1.0 && Case::Median.of(waits) < 2.0, "{waits:?}");
    assert!(waits.iter().all(|wait| *wait > SHORTEST), "{waits:?}");
}

#[test]
fn clients_wait_about_as_long_as_the_timeouts_say() {
    println!("seed {SEED}");
    assert_plausible(&waits::<quorate::Node>(SEED).unwrap());
    assert_plausible(&waits::<raft_rs::Node>(SEED).unwrap());
}

#[test]
fn the_same_seed_gives_the_same_waits_and_another_gives_others() {
    let [first, again, other] = [SEED, SEED, SEED + 1].map(|seed| waits::<quorate::Node>(seed).unwrap());
    assert_eq!(first, again);
    assert_ne!(first, other);
}

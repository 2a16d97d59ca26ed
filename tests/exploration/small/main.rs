//! Small explorations, short enough for every test run; and proof that they could fail.

use std::collections::{BTreeSet, HashSet};

use exploration::{Bounds, Cluster, Flaw, Promise, Start};
use stateright::{Checker, CheckerBuilder, HasDiscoveries, Model};

/// Nothing but messages and writes, in any order.
const NOTHING: Bounds =
    Bounds { timeouts: 0, proposals: 0, crashes: 0, losses: 0, duplicates: 0, heartbeats: 0 };

/// Explores until a promise is broken, or to the end: the names of what was found, broken promises among it.
fn explore(cluster: CheckerBuilder<Cluster>) -> BTreeSet<&'static str> {
    let checker = cluster.finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    println!("{} states to depth {}", checker.unique_state_count(), checker.max_depth());
    checker.discoveries().into_keys().collect()
}

fn broken(found: &BTreeSet<&'static str>) -> Vec<Promise> {
    Promise::ALL.into_iter().filter(|promise| found.contains(promise.name())).collect()
}

#[test]
fn every_schedule_of_one_election_and_one_command_keeps_every_promise() {
    let found = explore(Cluster::new(Start::New, Bounds { timeouts: 1, proposals: 1, ..NOTHING }).checker());
    assert_eq!(broken(&found), []);
    assert!(found.contains("an entry is committed"), "only {found:?} was reached");
}

#[test]
fn every_schedule_of_one_election_and_a_crash_keeps_every_promise() {
    let found =
        explore(Cluster::new(Start::Figure8, Bounds { timeouts: 1, crashes: 1, ..NOTHING }).checker());
    assert_eq!(broken(&found), []);
    assert!(found.contains("an entry is committed"), "only {found:?} was reached");
}

#[test]
fn every_schedule_of_one_election_among_logs_that_differ_keeps_every_promise() {
    let found = explore(Cluster::new(Start::Diverged, Bounds { timeouts: 1, ..NOTHING }).checker());
    assert_eq!(broken(&found), []);
    assert!(found.contains("an entry is committed"), "only {found:?} was reached");
}

/// If entries of earlier terms were committed because a majority has them, 17 steps would be enough to lose one. The
/// checker counts the start too, and does not look at what it finds in the last step.
#[test]
fn figure_8_does_not_happen() {
    let cluster = Cluster::new(Start::Figure8, Bounds { timeouts: 2, ..NOTHING });
    let found = explore(cluster.checker().target_max_depth(19));
    assert_eq!(broken(&found), []);
    assert!(found.contains("a second leader is elected"), "only {found:?} was reached");
}

#[test]
fn votes_that_leave_before_they_are_written_are_found() {
    let bounds = Bounds { timeouts: 2, crashes: 1, ..NOTHING };
    let found = explore(Cluster::with_flaw(Start::New, bounds, Some(Flaw::SendsBeforeWriting)).checker());
    assert_ne!(broken(&found), []);
}

#[test]
fn writes_that_are_reported_too_early_are_found() {
    let bounds = Bounds { timeouts: 1, ..NOTHING };
    let found = explore(Cluster::with_flaw(Start::New, bounds, Some(Flaw::ReportsTooEarly)).checker());
    assert_eq!(broken(&found), [Promise::NothingCommittedIsLost]);
}

#[test]
fn votes_that_a_crash_takes_back_are_found() {
    let bounds = Bounds { timeouts: 2, crashes: 1, ..NOTHING };
    let found = explore(Cluster::with_flaw(Start::New, bounds, Some(Flaw::ForgetsVotes)).checker());
    assert_eq!(broken(&found), [Promise::OneVoteATerm]);
}

/// All that can be seen of the states that so many steps lead to, or fewer; and how many states those are.
fn seen(cluster: &Cluster, depth: u32) -> (HashSet<String>, usize) {
    let mut states: HashSet<_> = cluster.init_states().into_iter().collect();
    let mut edge: Vec<_> = states.iter().cloned().collect();
    for _ in 0..depth {
        let next = edge.iter().flat_map(|state| cluster.next_states(state));
        let next: Vec<_> = next.filter(|state| states.insert(state.clone())).collect();
        edge = next;
    }
    (states.iter().map(|state| cluster.describe(state)).collect(), states.len())
}

/// Compares what can be seen when nodes with the same key are one with what can be seen when they are not.
fn expect_merging_hides_nothing(start: Start, bounds: Bounds, depth: u32) {
    let (merged, fewer) = seen(&Cluster::new(start, bounds), depth);
    let (unmerged, more) = seen(&Cluster::unmerged(start, bounds), depth);
    println!("{fewer} states merged, {more} unmerged");
    assert!(fewer < more, "nothing was merged: nothing is shown");
    let missing = unmerged.symmetric_difference(&merged).next();
    assert_eq!(missing, None, "two nodes have one key and do not behave alike");
}

#[test]
fn merging_hides_nothing_of_elections() {
    expect_merging_hides_nothing(Start::New, Bounds { timeouts: 2, ..NOTHING }, 11);
}

#[test]
fn merging_hides_nothing_of_faults() {
    let bounds = Bounds { timeouts: 1, proposals: 1, crashes: 1, losses: 1, duplicates: 1, heartbeats: 1 };
    expect_merging_hides_nothing(Start::Figure8, bounds, 7);
}

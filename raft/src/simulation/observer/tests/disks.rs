//! What a process finds on its disk.

use super::{
    super::promise::{RECOVERY, SNAPSHOTS},
    cluster::{Cluster, entries, found, hard_state, snapshot, write},
    promise_broken_by,
};
use crate::{
    consensus::{Entries, NodeId, Ready},
    runtime::WriteJob,
};

const BOTH: &[(u64, u64)] = &[(1, 1), (1, 2)];

#[test]
fn recovery_all_is_there() {
    Cluster::with_a_leader().restart(2, &found(hard_state(1, Some(1), 0), BOTH)).unwrap();
}

#[test]
fn recovery_a_vote_is_forgotten() {
    let restarted = Cluster::with_a_leader().restart(2, &found(hard_state(1, None, 0), BOTH));
    assert_eq!(promise_broken_by(restarted), RECOVERY);
}

#[test]
fn recovery_a_term_is_forgotten() {
    let restarted = Cluster::with_a_leader().restart(2, &found(hard_state(0, None, 0), BOTH));
    assert_eq!(promise_broken_by(restarted), RECOVERY);
}

#[test]
fn recovery_an_entry_is_forgotten() {
    let restarted = Cluster::with_a_leader().restart(2, &found(hard_state(1, Some(1), 0), &[(1, 1)]));
    assert_eq!(promise_broken_by(restarted), RECOVERY);
}

#[test]
fn recovery_what_was_begun_may_be_there_or_not() {
    for ids in [BOTH, &[(1, 1), (1, 2), (1, 3)], &[(1, 1), (1, 2), (1, 3), (1, 4)]] {
        let mut cluster = Cluster::with_a_leader();
        cluster.append(1, &[(1, 3), (1, 4)]).unwrap();
        cluster.stage(2, write(entries(&[(1, 3)]), None)).unwrap();
        cluster.stage(2, write(entries(&[(1, 4)]), None)).unwrap();
        cluster.observer.on_begun(NodeId(2));
        cluster.restart(2, &found(hard_state(1, Some(1), 0), ids)).unwrap();
    }
}

#[test]
fn recovery_a_ready_is_there_in_part() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3), (1, 4)]).unwrap();
    cluster.stage(2, write(entries(&[(1, 3), (1, 4)]), None)).unwrap();
    cluster.observer.on_begun(NodeId(2));
    let part = found(hard_state(1, Some(1), 0), &[(1, 1), (1, 2), (1, 3)]);
    assert_eq!(promise_broken_by(cluster.restart(2, &part)), RECOVERY);
}

#[test]
fn recovery_a_later_write_is_there_without_an_earlier_one() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3)]).unwrap();
    cluster.stage(2, write(entries(&[(1, 3)]), None)).unwrap();
    cluster.stage(2, write(Entries::EMPTY, Some(hard_state(2, None, 0)))).unwrap();
    cluster.observer.on_begun(NodeId(2));
    let later = found(hard_state(2, None, 0), BOTH);
    assert_eq!(promise_broken_by(cluster.restart(2, &later)), RECOVERY);
}

#[test]
fn recovery_what_was_not_begun_is_not_there() {
    let mut cluster = Cluster::with_a_leader();
    cluster.append(1, &[(1, 3)]).unwrap();
    cluster.stage(2, write(entries(&[(1, 3)]), None)).unwrap();
    let invented = found(hard_state(1, Some(1), 0), &[(1, 1), (1, 2), (1, 3)]);
    assert_eq!(promise_broken_by(cluster.restart(2, &invented)), RECOVERY);
}

#[test]
fn recovery_an_entry_was_never_written_anywhere() {
    let mut cluster = Cluster::with_a_leader();
    cluster.observer.on_damaged(NodeId(2));
    let invented = found(hard_state(1, Some(1), 0), &[(1, 1), (1, 2), (1, 3)]);
    assert_eq!(promise_broken_by(cluster.restart(2, &invented)), RECOVERY);
}

#[test]
fn recovery_a_commit_index_waits_for_the_next_sync() {
    for (synced, commit) in [(false, 0), (true, 2)] {
        let mut cluster = Cluster::with_a_leader();
        cluster.commit(1, 2).unwrap();
        let hard_state_of = |commit| hard_state(1, Some(1), commit);
        let ready = Ready { hard_state: Some(hard_state_of(2)), must_sync: synced, ..Ready::default() };
        cluster.write(2, WriteJob::Write(Box::new(ready))).unwrap();
        cluster.restart(2, &found(hard_state_of(commit), BOTH)).unwrap();
    }
}

#[test]
fn recovery_a_snapshot_that_failed_to_come_into_force_may_be_in_force() {
    for is_in_force in [false, true] {
        let mut cluster = Cluster::with_a_leader();
        cluster.commit(1, 2).unwrap();
        cluster.hand_out(1, &[entries(BOTH)]).unwrap();
        let made = snapshot((1, 2), &cluster.membership);
        let compact = WriteJob::Compact { snapshot: made.clone(), keep: 0 };
        cluster.stage(1, compact).unwrap();
        cluster.observer.on_begun(NodeId(1));
        cluster.observer.on_written(NodeId(1), false);
        let mut found = found(hard_state(1, Some(1), 0), BOTH);
        if is_in_force {
            (found.contents.snapshot, found.membership) = (made.last, Some(made.membership));
        }
        cluster.restart(1, &found).unwrap();
    }
}

#[test]
fn snapshots_a_state_machine_begins_elsewhere() {
    let mut cluster = Cluster::with_a_leader();
    let found = found(hard_state(1, Some(1), 0), BOTH);
    let taken = super::super::TakenUp {
        hard_state: found.contents.hard_state,
        applied: crate::consensus::LogIndex(1),
        is_unfounded: false,
    };
    cluster.observer.on_stopped(NodeId(2));
    let begun = cluster.observer.take_up(NodeId(2), &found, &taken);
    assert_eq!(promise_broken_by(begun), SNAPSHOTS);
}

#[test]
fn recovery_a_node_begins_with_something_else_than_it_has_found() {
    let mut cluster = Cluster::with_a_leader();
    let found = found(hard_state(1, Some(1), 0), BOTH);
    let taken = super::super::TakenUp {
        hard_state: hard_state(1, None, 0),
        applied: crate::consensus::LogIndex::ZERO,
        is_unfounded: false,
    };
    cluster.observer.on_stopped(NodeId(2));
    let begun = cluster.observer.take_up(NodeId(2), &found, &taken);
    assert_eq!(promise_broken_by(begun), RECOVERY);
}

//! What is applied, restored and answered.

use std::collections::BTreeSet;

use super::{
    super::promise::{
        DURABLE_ON_QUORUM, LIMITS, MONOTONIC, NOTHING_LOST, READS, SNAPSHOTS, STATE_MACHINE_SAFETY,
    },
    cluster::{Cluster, entries, hard_state, snapshot, write},
    promise_broken_by,
};
use crate::{
    consensus::{Entries, Entry, EntryId, LogIndex, Membership, NodeId, Ready},
    runtime::WriteJob,
};

/// As with a leader, and the two entries are committed and known to be everywhere.
fn committed() -> Cluster {
    let mut cluster = Cluster::with_a_leader();
    for id in [1, 2, 3] {
        cluster.commit(id, 2).unwrap();
    }
    cluster
}

#[test]
fn state_machine_safety_an_entry_is_skipped() {
    assert_eq!(promise_broken_by(committed().hand_out(1, &[entries(&[(1, 2)])])), STATE_MACHINE_SAFETY);
}

#[test]
fn state_machine_safety_an_entry_comes_again() {
    let mut cluster = committed();
    cluster.hand_out(1, &[entries(&[(1, 1), (1, 2)])]).unwrap();
    assert_eq!(promise_broken_by(cluster.hand_out(1, &[entries(&[(1, 2)])])), STATE_MACHINE_SAFETY);
}

#[test]
fn state_machine_safety_an_entry_is_not_committed() {
    let mut cluster = Cluster::with_a_leader();
    assert_eq!(promise_broken_by(cluster.hand_out(1, &[entries(&[(1, 1)])])), STATE_MACHINE_SAFETY);
}

#[test]
fn state_machine_safety_another_entry_is_taken_for_committed() {
    let mut cluster = committed();
    cluster.elect(2, 2, &[3]).unwrap();
    cluster.append(2, &[(2, 3)]).unwrap();
    cluster.append(3, &[(2, 3)]).unwrap();
    cluster.append(1, &[(1, 3)]).unwrap();
    cluster.commit(2, 3).unwrap();
    assert_eq!(promise_broken_by(cluster.commit(1, 3)), STATE_MACHINE_SAFETY);
}

#[test]
fn state_machine_safety_a_committed_entry_is_replaced() {
    let mut cluster = committed();
    let replaces = cluster.write(2, write(entries(&[(2, 2)]), Some(hard_state(2, None, 2))));
    assert_eq!(promise_broken_by(replaces), STATE_MACHINE_SAFETY);
}

#[test]
fn state_machine_safety_more_is_applied_than_was_given_out() {
    let mut cluster = committed();
    cluster.hand_out(1, &[entries(&[(1, 1)])]).unwrap();
    let more = cluster.observer.on_applied(NodeId(1), LogIndex(2));
    assert_eq!(promise_broken_by(more), STATE_MACHINE_SAFETY);
}

#[test]
fn monotonic_a_state_machine_goes_back() {
    let mut cluster = committed();
    cluster.hand_out(1, &[entries(&[(1, 1), (1, 2)])]).unwrap();
    cluster.observer.on_applied(NodeId(1), LogIndex(2)).unwrap();
    let back = cluster.observer.on_applied(NodeId(1), LogIndex(1));
    assert_eq!(promise_broken_by(back), MONOTONIC);
}

#[test]
fn durable_on_a_quorum_what_is_applied_is_durable_here_too() {
    let mut cluster = committed();
    cluster.stage(4, write(entries(&[(1, 1), (1, 2)]), Some(hard_state(1, None, 2)))).unwrap();
    assert_eq!(promise_broken_by(cluster.hand_out(4, &[entries(&[(1, 1)])])), DURABLE_ON_QUORUM);
}

#[test]
fn limits_too_much_waits_to_be_applied() {
    let mut cluster = Cluster::new();
    cluster.elect(1, 1, &[2]).unwrap();
    let heavy = |index| Entry::command(EntryId::new(1, index), vec![7; 1 << 20]);
    let runs = [1, 2].map(|index| Entries::try_from(vec![heavy(index)]).unwrap());
    for id in [1, 2] {
        for run in &runs {
            cluster.write(id, write(run.clone(), (id == 2).then_some(hard_state(1, Some(1), 0)))).unwrap();
        }
    }
    cluster.commit(1, 2).unwrap();
    // The first may be of any size; the second waits until it is applied.
    cluster.hand_out(1, &runs[..1]).unwrap();
    assert_eq!(promise_broken_by(cluster.hand_out(1, &runs[1..])), LIMITS);
}

/// n4 is sent a snapshot up to the second entry.
fn install(membership: &Membership) -> WriteJob {
    let snapshot = Some(Box::new(snapshot((1, 2), membership)));
    let hard_state = Some(hard_state(1, None, 2));
    WriteJob::Write(Box::new(Ready { snapshot, hard_state, must_sync: true, ..Ready::default() }))
}

#[test]
fn snapshots_one_is_restored_that_is_not_durable() {
    let mut cluster = committed();
    let membership = cluster.membership.clone();
    cluster.stage(4, install(&membership)).unwrap();
    assert_eq!(promise_broken_by(cluster.restore(4, (1, 2))), SNAPSHOTS);
}

#[test]
fn snapshots_one_is_restored_over_what_is_newer() {
    let mut cluster = committed();
    let membership = cluster.membership.clone();
    cluster.write(4, install(&membership)).unwrap();
    cluster.restore(4, (1, 2)).unwrap();
    assert_eq!(promise_broken_by(cluster.restore(4, (1, 2))), SNAPSHOTS);
}

#[test]
fn snapshots_one_says_that_others_belong_to_the_cluster() {
    let mut cluster = committed();
    let others = Membership::of_voters([NodeId(1), NodeId(2)]);
    assert_eq!(promise_broken_by(cluster.stage(4, install(&others))), SNAPSHOTS);
    let made = WriteJob::Compact { snapshot: snapshot((1, 2), &others), keep: 0 };
    assert_eq!(promise_broken_by(cluster.stage(1, made)), SNAPSHOTS);
}

#[test]
fn snapshots_one_is_made_of_more_than_was_given_out() {
    let mut cluster = committed();
    let made = WriteJob::Compact { snapshot: snapshot((1, 2), &cluster.membership), keep: 0 };
    assert_eq!(promise_broken_by(cluster.stage(1, made)), SNAPSHOTS);
}

#[test]
fn current_reads_an_answer_lacks_what_was_committed() {
    let mut cluster = committed();
    cluster.hand_out(1, &[entries(&[(1, 1)])]).unwrap();
    cluster.observer.on_applied(NodeId(1), LogIndex(1)).unwrap();
    let asked = cluster.observer.committed();
    assert_eq!(promise_broken_by(cluster.observer.on_answered(NodeId(1), asked)), READS);
}

#[test]
fn nothing_committed_is_lost_a_member_has_not_applied_all() {
    let mut cluster = committed();
    let members = BTreeSet::from([NodeId(1)]);
    assert_eq!(promise_broken_by(cluster.observer.check_end(&members)), NOTHING_LOST);
    cluster.hand_out(1, &[entries(&[(1, 1), (1, 2)])]).unwrap();
    cluster.observer.on_applied(NodeId(1), LogIndex(2)).unwrap();
    cluster.observer.check_end(&members).unwrap();
}

//! Who belongs to the cluster.

use super::{
    super::promise::{CONFIGURATIONS, DURABLE_ON_QUORUM, ELECTED_BY_QUORUM},
    cluster::{Cluster, entries, write},
    promise_broken_by,
};
use crate::{
    consensus::{
        ChangeStep, ConfChange, Entries, EntryId, EntryKind, Membership, NodeId, Proposal, RoleKind,
        Transition,
    },
    simulation::{Count, violation::Broken},
};

/// The entry at an index of term 1 that changes the membership.
fn change(index: u64, change: &ConfChange) -> Entries {
    let id = EntryId::new(1, index);
    let proposal = Proposal { kind: EntryKind::ConfChange, ..Proposal::command(change.to_data()) };
    Entries::try_from(vec![proposal.into_entry(id)]).unwrap()
}

fn add(node: u64) -> ConfChange {
    ConfChange::single(ChangeStep::AddVoter(NodeId(node)))
}

/// As with a leader, who has appended this as its third entry, and n2 has it too.
fn with_change(third: &Entries) -> Cluster {
    let mut cluster = Cluster::with_a_leader();
    for id in [1, 2] {
        cluster.write(id, write(third.clone(), None)).unwrap();
    }
    cluster
}

/// The leader has it committed and put in force.
fn put_in_force(cluster: &mut Cluster, third: &Entries, next: Membership) -> Result<(), Broken> {
    cluster.commit(1, 3)?;
    cluster.membership = next;
    cluster.hand_out(1, &[entries(&[(1, 1), (1, 2)]), third.clone()])
}

#[test]
fn changes_are_counted_when_they_are_committed() {
    let joint = ConfChange::of([ChangeStep::AddVoter(NodeId(4))], Transition::Explicit);
    let third = change(3, &joint);
    let mut cluster = with_change(&third);
    let next = cluster.membership.after(&joint).unwrap();
    put_in_force(&mut cluster, &third, next).unwrap();
    let counts = &cluster.counts;
    assert_eq!((counts.of(Count::ConfChanges), counts.of(Count::JointConfigurations)), (1, 1));
}

#[test]
fn configuration_safety_another_membership_is_in_force_than_the_log_says() {
    let third = change(3, &add(4));
    let mut cluster = with_change(&third);
    let other = cluster.membership.after(&add(5)).unwrap();
    assert_eq!(promise_broken_by(put_in_force(&mut cluster, &third, other)), CONFIGURATIONS);
}

#[test]
fn configuration_safety_a_change_is_in_force_before_its_time() {
    let mut cluster = with_change(&change(3, &add(4)));
    cluster.membership = cluster.membership.after(&add(4)).unwrap();
    assert_eq!(promise_broken_by(cluster.commit(1, 2)), CONFIGURATIONS);
}

#[test]
fn configuration_safety_a_second_change_while_the_first_is_not_committed() {
    let mut cluster = with_change(&change(3, &add(4)));
    let second = cluster.write(1, write(change(4, &add(5)), None));
    assert_eq!(promise_broken_by(second), CONFIGURATIONS);
}

#[test]
fn configuration_safety_a_change_that_makes_no_sense_is_committed() {
    let third = change(3, &ConfChange::leave_joint());
    let mut cluster = with_change(&third);
    assert_eq!(promise_broken_by(cluster.commit(1, 3)), CONFIGURATIONS);
}

#[test]
fn configuration_safety_two_memberships_in_a_row_need_have_no_common_node() {
    // By the real rules such a change goes through a joint configuration.
    let before = Membership::of_voters([1, 2, 3].map(NodeId));
    let next = Membership::of_voters([3, 4, 5].map(NodeId));
    assert!(!super::super::memberships::do_overlap(&before, &next));
    let step = before.after(&add(4)).unwrap();
    assert!(super::super::memberships::do_overlap(&before, &step));
}

#[test]
fn durable_on_a_quorum_both_sets_of_a_joint_configuration_decide() {
    let steps = [4, 5].map(|node| ChangeStep::AddVoter(NodeId(node)));
    let joint =
        ConfChange::of(steps.into_iter().chain([ChangeStep::Remove(NodeId(3))]), Transition::Explicit);
    let third = change(3, &joint);
    let mut cluster = with_change(&third);
    for id in [1, 2] {
        cluster.append(id, &[(1, 4)]).unwrap();
    }
    let next = cluster.membership.after(&joint).unwrap();
    put_in_force(&mut cluster, &third, next).unwrap();
    // It takes three of n1, n2, n4 and n5, and two of n1, n2 and n3.
    assert_eq!(promise_broken_by(cluster.commit(1, 4)), DURABLE_ON_QUORUM);
}

#[test]
fn elected_by_a_quorum_a_node_stands_before_it_has_applied_a_change() {
    let mut cluster = with_change(&change(3, &add(4)));
    cluster.commit(1, 3).unwrap();
    cluster.commit(2, 3).unwrap();
    let stands = cluster.show(2, cluster.state_of(2), RoleKind::PreCandidate);
    assert_eq!(promise_broken_by(stands), ELECTED_BY_QUORUM);
}

//! Memberships after arbitrary changes, against what must always be true of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// So many nodes that sets overlap now and then, and so few that all their subsets can be looked at.
const NODES: u64 = 6;

type Nodes = BTreeSet<NodeId>;

fn any_step() -> impl Strategy<Value = ChangeStep> {
    (0..=NODES, 0..3_u8).prop_map(|(node, kind)| match kind {
        0 => ChangeStep::AddVoter(NodeId(node)),
        1 => ChangeStep::AddLearner(NodeId(node)),
        _ => ChangeStep::Remove(NodeId(node)),
    })
}

fn any_change() -> impl Strategy<Value = ConfChange> {
    let transition = prop_oneof![
        3 => Just(Transition::Auto),
        1 => Just(Transition::Implicit),
        1 => Just(Transition::Explicit),
    ];
    // No steps are among them: that leaves a joint configuration.
    let steps = prop::collection::vec(any_step(), 0..4);
    let context = prop::collection::vec(any::<u8>(), 0..4);
    (transition, steps, context).prop_map(|(transition, steps, context)| ConfChange {
        transition,
        steps,
        context: Bytes::from(context),
    })
}

fn any_founders() -> impl Strategy<Value = Membership> {
    prop::collection::btree_set(1..=NODES, 1..4)
        .prop_map(|voters| Membership::of_voters(voters.into_iter().map(NodeId)))
}

/// A membership that some changes have led to.
fn any_membership() -> impl Strategy<Value = Membership> {
    (any_founders(), prop::collection::vec(any_change(), 0..8)).prop_map(|(founders, changes)| {
        changes.iter().fold(founders, |membership, change| membership.after(change).unwrap_or(membership))
    })
}

fn set(nodes: &[NodeId]) -> Nodes {
    nodes.iter().copied().collect()
}

fn is_ascending(nodes: &[NodeId]) -> bool {
    nodes.windows(2).all(|pair| pair[0] < pair[1])
}

/// Every set of nodes that could decide something.
fn quorums(membership: &Membership) -> impl Iterator<Item = u64> + '_ {
    let has = |subset: u64, node: NodeId| subset & (1 << node.0) != 0;
    (0..1 << (NODES + 1)).filter(move |subset| membership.voters.is_quorum(|node| has(*subset, node)))
}

fn check(membership: &Membership) -> Result<(), TestCaseError> {
    let Membership { voters, learners, learners_next, auto_leave } = membership;
    let (incoming, outgoing) = (set(voters.incoming.voters()), set(voters.outgoing.voters()));
    prop_assert!(!incoming.is_empty(), "somebody votes: {membership}");
    prop_assert!(set(learners).is_disjoint(&incoming), "nobody votes and learns: {membership}");
    prop_assert!(set(learners).is_disjoint(&outgoing), "whoever votes on learns later: {membership}");
    prop_assert!(set(learners_next).is_disjoint(&incoming), "who is to learn will not vote: {membership}");
    prop_assert!(set(learners_next).is_subset(&outgoing), "who learns later votes until then: {membership}");
    prop_assert!(!auto_leave || voters.is_joint(), "only what is joint can be left: {membership}");
    prop_assert!(!membership.contains(NodeId(0)), "nobody is no member: {membership}");
    prop_assert!(is_ascending(learners) && is_ascending(learners_next), "ascending: {membership}");
    prop_assert!(is_ascending(&membership.members().collect::<Vec<_>>()), "each once: {membership}");
    Ok(())
}

proptest! {
    #[test]
    fn whatever_is_changed_the_membership_stays_sound(
        founders in any_founders(),
        changes in prop::collection::vec(any_change(), 1..12),
    ) {
        let mut membership = founders;
        for change in &changes {
            if let Ok(next) = membership.after(change) {
                membership = next;
            }
            check(&membership)?;
        }
    }

    #[test]
    fn quorums_before_and_after_a_change_overlap(membership in any_membership(), change in any_change()) {
        let Ok(next) = membership.after(&change) else { return Ok(()) };
        for before in quorums(&membership) {
            for after in quorums(&next) {
                prop_assert_ne!(before & after, 0, "{} and {} decide apart", membership, next);
            }
        }
    }

    #[test]
    fn a_single_step_leads_where_the_joint_way_leads(founders in any_membership(), step in any_step()) {
        let simple = founders.after(&ConfChange::single(step));
        let joint = founders.after(&ConfChange::of([step], Transition::Explicit));
        let joint = joint.and_then(|joint| joint.after(&ConfChange::leave_joint()));
        prop_assert_eq!(simple, joint);
    }

    #[test]
    fn the_outcome_is_that_of_the_steps_one_by_one(founders in any_founders(), change in any_change()) {
        prop_assume!(!change.is_leave());
        let Ok(next) = founders.after(&change) else { return Ok(()) };
        let next = if next.voters.is_joint() { next.after(&ConfChange::leave_joint()).unwrap() } else { next };
        let (mut voters, mut learners) = (set(founders.voters.incoming.voters()), set(&founders.learners));
        for step in &change.steps {
            let (ChangeStep::AddVoter(node) | ChangeStep::AddLearner(node) | ChangeStep::Remove(node)) = step;
            voters.remove(node);
            learners.remove(node);
            match step {
                ChangeStep::AddVoter(_) => voters.insert(*node),
                ChangeStep::AddLearner(_) => learners.insert(*node),
                ChangeStep::Remove(_) => false,
            };
        }
        prop_assert_eq!(set(next.voters.incoming.voters()), voters);
        prop_assert_eq!(set(&next.learners), learners);
    }

    #[test]
    fn a_joint_membership_is_only_left(membership in any_membership(), change in any_change()) {
        match membership.after(&change) {
            Ok(next) => prop_assert!(!membership.voters.is_joint() || (change.is_leave() && !next.voters.is_joint())),
            Err(ChangeError::AlreadyJoint) => prop_assert!(membership.voters.is_joint()),
            Err(ChangeError::NotJoint) => prop_assert!(!membership.voters.is_joint() && change.is_leave()),
            Err(_) => prop_assert!(!change.is_leave()),
        }
    }

    #[test]
    fn a_change_is_read_back_as_it_was_written(change in any_change()) {
        prop_assert_eq!(ConfChange::from_data(&change.to_data()), Some(change));
    }

    #[test]
    fn any_bytes_are_a_change_or_none(data in prop::collection::vec(any::<u8>(), 0..40)) {
        let data = Bytes::from(data);
        if let Some(change) = ConfChange::from_data(&data) {
            prop_assert_eq!(change.to_data(), data);
        }
    }
}

#[test]
fn nothing_follows_from_no_membership() {
    let nobody = Membership::default();
    let change = ConfChange::single(ChangeStep::AddVoter(NodeId(1)));
    assert_eq!(nobody.after(&change), Err(ChangeError::NotFounded));
    assert_eq!(nobody.after(&ConfChange::leave_joint()), Err(ChangeError::NotFounded));
}

#[test]
fn a_step_of_node_0_is_refused_and_if_committed_it_is_none() {
    let membership = Membership::of_voters([NodeId(1)]);
    let change = |transition| {
        ConfChange::of([ChangeStep::Remove(NodeId(0)), ChangeStep::AddVoter(NodeId(2))], transition)
    };
    assert_eq!(membership.after(&change(Transition::Auto)), Err(ChangeError::ZeroId));
    let next = membership.after_committed(&change(Transition::Explicit)).unwrap();
    assert_eq!(next.voters.incoming.voters(), [NodeId(1), NodeId(2)]);
    assert_eq!(next.voters.outgoing.voters(), [NodeId(1)]);
}

//! Changes of membership, one node at a time.

use harness::{Cluster, Node, Pace, add_learner, add_voter, envelope, kind, remove};
use quorate::{
    CampaignError, ChangeError, ConfChange, ConfChangeError, Config, Entries, EntryId, EntryKind, LogIndex,
    MemStorage, Membership, Message, NodeId, Proposal, ProposeError, RawNode, ReadError, ReadOutcome,
    RoleKind, StepError, TransferError, Transition,
};

/// A change of one step.
fn single(step: quorate::ChangeStep) -> ConfChange {
    ConfChange::single(step)
}

/// Elsewhere a new leader began a change before it had committed anything, while one of its predecessor's was still
/// in some logs: each was decided by a majority of its own.
#[test]
fn e1_two_leaders_change_the_same_membership() {
    let mut cluster = Cluster::with_spares(4, 1);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.change(1, [add_voter(5)]);
    cluster.lose("append_accepted");
    cluster.succeed(1, 2);
    assert_eq!(cluster.try_change(2, &single(remove(1))), Err(ConfChangeError::TermNotCommitted));

    // Once it has committed its own entry, nobody can be elected any more who holds n1's change.
    cluster.heal();
    cluster.isolate(1);
    cluster.pass(3);
    cluster.change(2, [remove(1)]);
    cluster.settle();
    cluster.heal();
    cluster.pass(40);
    assert_eq!(cluster.leader(), Some(2));
    assert_eq!((cluster.committed(1), cluster.membership(1)), (1, "voters=[n1 n2 n3 n4]".to_owned()));
    for id in 2..=4 {
        assert_eq!(cluster.membership(id), "voters=[n2 n3 n4]");
    }
}

/// Elsewhere a node stood for election, at its leader's word, before it had applied the changes that were committed:
/// it was elected by the old majority while another node was elected by the new one.
#[test]
fn e2_committed_changes_that_are_not_applied_bar_a_campaign() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.hold_writes(3);
    for node in [4, 5] {
        cluster.change(1, [add_voter(node)]);
        cluster.settle();
        (0..5).for_each(|_| cluster.finish_write(3));
        cluster.settle();
    }
    assert_eq!(cluster.membership(2), "voters=[n1 n2 n3 n4 n5]");
    assert_eq!((cluster.status(3).applied, cluster.last_on_disk(3)), (LogIndex(1), EntryId::new(1, 3)));

    // For n3, n1 and n3 are two of three voters; for n2, n4 and n5 they are two of five.
    cluster.crash(1);
    cluster.restart(1);
    cluster.partition(&[&[1, 3], &[2, 4, 5]]);
    [2, 3, 4, 5].into_iter().for_each(|id| cluster.on(id, RawNode::forget_leader));
    cluster.step(envelope(1, 3, 1, Message::TimeoutNow));
    (0..5).for_each(|_| cluster.finish_write(3));
    cluster.settle();
    assert_eq!((cluster.role(3), cluster.term(3)), (RoleKind::Follower, 1));
    assert!(matches!(cluster.on(3, RawNode::campaign), Err(CampaignError::UnappliedChange)));
    cluster.elect(2);

    // When it has applied them it may stand, and is not elected.
    cluster.finish_writes(3);
    assert_eq!(cluster.membership(3), "voters=[n1 n2 n3 n4 n5]");
    cluster.on(3, RawNode::campaign).unwrap();
    cluster.finish_writes(3);
    cluster.settle();
    assert!(!cluster.leads(3));
}

/// Elsewhere a second change was begun while the first was not applied everywhere that mattered, and the majorities
/// before the first and after the second had no node in common.
#[test]
fn e3_second_change_waits_until_the_first_is_applied() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.change(1, [add_voter(4)]);
    let in_flight = Err(ConfChangeError::InFlight { index: LogIndex(2), applied: LogIndex(1) });
    assert_eq!(cluster.try_change(1, &single(add_voter(5))), in_flight);
    cluster.settle();
    cluster.finish_write(1);
    assert_eq!(cluster.committed(1), 2);
    assert_eq!(cluster.try_change(1, &single(add_voter(5))), in_flight, "committed is not enough");
    cluster.finish_writes(1);
    cluster.change(1, [add_voter(5)]);
}

/// Elsewhere a learner that had been promoted, and did not know it yet, refused its vote, and nobody was elected.
#[test]
fn e4_learner_that_does_not_know_of_its_promotion_votes() {
    let mut cluster = Cluster::with_learners(2, 1);
    cluster.elect(1);
    cluster.isolate(3);
    cluster.change(1, [add_voter(3)]);
    cluster.settle();
    assert_eq!(cluster.membership(2), "voters=[n1 n2 n3]");
    assert_eq!(cluster.membership(3), "voters=[n1 n2] learners=[n3]");
    cluster.heal();
    cluster.crash(1);
    [2, 3].into_iter().for_each(|id| cluster.on(id, RawNode::forget_leader));
    cluster.elect(2);
    assert_eq!(cluster.membership(3), "voters=[n1 n2 n3]");
}

/// Elsewhere a leader that removed itself went on leading, or left before the others knew that it was done.
#[test]
fn e6_leader_that_removed_itself_tells_the_others_and_steps_down() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.change(1, [remove(1)]);
    cluster.deliver(|_| true);
    let late = cluster.network.take(|m| m.from == NodeId(3)).remove(0);
    cluster.deliver(|_| true);
    cluster.finish_write(1);
    assert_eq!(cluster.take_said(), ["n1@1 → n2 CommitNotice commit=2"]);
    // n3's word comes while the change is being applied.
    cluster.node(1).raw().step(late).unwrap();
    cluster.node(1).finish_apply();
    cluster.process(1);
    assert_eq!(cluster.role(1), RoleKind::Follower);
    assert_eq!(cluster.take_said(), ["n1@1 → n3 CommitNotice commit=2"]);
    // That was lost. The others can be elected nevertheless, and n1 does not try.
    cluster.finish_writes(1);
    cluster.pass(40);
    assert!(cluster.leader().is_some_and(|leader| leader != 1), "{:?}", cluster.leader());
    for id in 1..=3 {
        assert_eq!(cluster.membership(id), "voters=[n2 n3]");
    }
}

/// Elsewhere a change that was cut off the log before it was committed went on being counted as the last one, or as
/// the membership.
#[test]
fn e10_change_that_is_overwritten_leaves_no_trace() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.change(1, [add_learner(4)]);
    cluster.settle();
    cluster.isolate(1);
    cluster.change(1, [add_voter(5)]);
    assert_eq!((cluster.changes(1), cluster.membership(1)), (vec![2, 3], before_and_after().0));
    cluster.succeed(1, 2);
    cluster.heal();
    cluster.pass(3);
    assert_eq!((cluster.changes(1), cluster.membership(1)), (vec![2], before_and_after().0));
    cluster.crash(1);
    cluster.restart(1);
    cluster.pass(1);
    assert_eq!(cluster.membership(1), before_and_after().0);
    // Nor does it bar an election, or another change.
    cluster.succeed(2, 1);
    cluster.change(1, [add_voter(4)]);
    cluster.settle();
    assert_eq!(cluster.membership(3), before_and_after().1);
}

fn before_and_after() -> (String, String) {
    ("voters=[n1 n2 n3] learners=[n4]".to_owned(), "voters=[n1 n2 n3 n4]".to_owned())
}

/// Elsewhere commands that were proposed together with a change were committed by the majority before it, also after
/// it was in force.
#[test]
fn e11_command_behind_a_change_needs_the_new_quorum() {
    let mut cluster = Cluster::with_spares(1, 1);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.change(1, [add_voter(2)]);
    cluster.propose(1, "behind it");
    cluster.finish_write(1);
    cluster.node(1).finish_apply();
    cluster.process(1);
    assert_eq!(cluster.membership(1), "voters=[n1 n2]");
    cluster.finish_writes(1);
    assert_eq!((cluster.status(1).durable, cluster.committed(1)), (LogIndex(3), 2), "n2 does not have it");
    cluster.settle();
    assert_eq!(cluster.committed(1), 3);
}

/// Elsewhere a leader that was cut off changed the membership on its side while the others went on: what had been
/// acknowledged was lost.
#[test]
fn e12_both_sides_of_a_partition_change_the_membership() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.isolate(1);
    cluster.change(1, [remove(4)]);
    cluster.propose(1, "never acknowledged");
    cluster.succeed(1, 2);
    cluster.change(2, [remove(5)]);
    cluster.settle();
    cluster.propose(2, "acknowledged");
    cluster.settle();
    // n1 finds only the one that was removed.
    cluster.heal();
    cluster.partition(&[&[1, 5], &[2, 3, 4]]);
    cluster.pass(40);
    assert_eq!((cluster.committed(1), cluster.leader()), (1, Some(2)));
    cluster.heal();
    cluster.pass(40);
    for id in 1..=4 {
        assert_eq!(cluster.membership(id), "voters=[n1 n2 n3 n4]");
        assert_eq!(cluster.applied(id), ["acknowledged"]);
    }
}

/// Elsewhere a change that could not be made was replaced by an empty entry, and whoever had proposed it waited for
/// ever.
#[test]
fn e13_refused_change_is_an_error_and_no_entry() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.settle();
    let refusal = |cluster: &mut Cluster, id, change: ConfChange| {
        let before = cluster.status(id).last_index;
        let refusal = cluster.try_change(id, &change).unwrap_err();
        assert_eq!(cluster.status(id).last_index, before, "{refusal}");
        refusal
    };
    let not_leader = ConfChangeError::NotLeader { leader: Some(NodeId(1)) };
    assert_eq!(refusal(&mut cluster, 2, single(add_voter(4))), not_leader);
    let not_joint = ConfChangeError::Change(ChangeError::NotJoint);
    assert_eq!(refusal(&mut cluster, 1, ConfChange::leave_joint()), not_joint);
    cluster.change(1, [add_voter(4)]);
    let in_flight = ConfChangeError::InFlight { index: LogIndex(2), applied: LogIndex(1) };
    assert_eq!(refusal(&mut cluster, 1, single(add_voter(5))), in_flight);
    cluster.settle();
    cluster.on(1, |raw| raw.transfer_leader(NodeId(2))).unwrap();
    let transferring = ConfChangeError::TransferringLeadership { to: NodeId(2) };
    assert_eq!(refusal(&mut cluster, 1, single(add_voter(5))), transferring);
}

/// Elsewhere the removal of the last voter, proposed or found in the log, brought nodes down.
#[test]
fn e14_last_voter_is_not_removed() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    for step in [remove(1), add_learner(1)] {
        let refused = cluster.try_change(1, &single(step));
        assert_eq!(refused, Err(ConfChangeError::Change(ChangeError::NoVoters)));
    }
    // In the log of a cluster that does not ask first: every node leaves it out.
    let mut cluster = Cluster::of(3);
    let nobody = ConfChange::of((1..=3).map(remove), Transition::Auto);
    let proposal = Proposal { kind: EntryKind::ConfChange, ..Proposal::command(nobody.to_data()) };
    let entries = Entries::try_from(vec![proposal.into_entry(EntryId::new(1, 1))]).unwrap();
    let append = Message::AppendRequest { previous: EntryId::ZERO, entries, commit: LogIndex(1) };
    cluster.step(envelope(2, 1, 1, append));
    assert_eq!(
        (cluster.status(1).applied, cluster.membership(1)),
        (LogIndex(1), "voters=[n1 n2 n3]".to_owned())
    );
}

/// Elsewhere the answers of a member that had just been removed brought the leader down.
#[test]
fn e14_removed_member_still_answers() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.tick(1, 1);
    cluster.deliver(|m| m.to == NodeId(3));
    let late = cluster.network.take(|m| m.from == NodeId(3));
    assert_eq!(late.len(), 2, "an acknowledgement and the answer to a heartbeat");
    cluster.change(1, [remove(3)]);
    cluster.settle();
    cluster.refused.clear();
    late.into_iter().for_each(|answer| cluster.step(answer));
    let refused = &cluster.refused;
    assert!(
        matches!(refused[..], [StepError::UnknownPeer { .. }, StepError::UnknownPeer { .. }]),
        "{refused:?}"
    );
    assert!(cluster.leads(1));
}

/// Elsewhere what had waited for the removed node's word waited on, though the others were now enough.
#[test]
fn e15_smaller_quorum_ends_what_waits() {
    let mut cluster = Cluster::of(2);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.change(1, [remove(2)]);
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.propose(1, "waits");
    cluster.read(1);
    (0..3).for_each(|_| cluster.finish_write(1));
    cluster.deliver(|m| kind(m) == "append_accepted");
    assert_eq!((cluster.status(1).durable, cluster.committed(1)), (LogIndex(3), 2));
    cluster.node(1).finish_apply();
    cluster.process(1);
    assert_eq!((cluster.membership(1), cluster.committed(1)), ("voters=[n1]".to_owned(), 3));
    let reads: Vec<_> = cluster.node(1).reads.iter().map(|read| read.outcome).collect();
    assert_eq!(reads, [ReadOutcome::At(LogIndex(1))]);
}

/// Elsewhere a node that belonged to no cluster yet, and was told to change the membership, went down.
#[test]
fn e18_operations_on_a_node_without_a_cluster_are_refused() {
    let mut cluster = Cluster::of(1);
    let nowhere = MemStorage::with_membership(Membership::default());
    *cluster.node(1) = Node::new(Config::new(NodeId(1), 1), nowhere, Pace::AtOnce);
    cluster.tick(1, 50);
    assert_eq!((cluster.role(1), cluster.term(1), cluster.take_said()), (RoleKind::Follower, 0, vec![]));
    let add = single(add_voter(1));
    assert_eq!(cluster.try_change(1, &add), Err(ConfChangeError::NotLeader { leader: None }));
    assert_eq!(cluster.on(1, |raw| raw.apply_conf_change(&add)), Err(ChangeError::NotFounded));
    assert!(matches!(cluster.on(1, RawNode::campaign), Err(CampaignError::NotVoter)));
    assert_eq!(cluster.on(1, |raw| raw.propose("a")), Err(ProposeError::NoLeader));
    assert_eq!(cluster.on(1, RawNode::read_index), Err(ReadError::NoLeader));
    let transfer = cluster.on(1, |raw| raw.transfer_leader(NodeId(2)));
    assert_eq!(transfer, Err(TransferError::NotLeader { leader: None }));
}

/// Elsewhere a new leader did not notice a change that its predecessor had left in its log, and began another one.
#[test]
fn e20_new_leader_finds_a_change_in_its_log() {
    let mut cluster = Cluster::with_spares(3, 2);
    cluster.elect(1);
    cluster.change(1, [add_voter(4)]);
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.lose_in_flight();
    cluster.lose("append_accepted");
    cluster.succeed(1, 2);
    let in_flight = Err(ConfChangeError::InFlight { index: LogIndex(2), applied: LogIndex(1) });
    assert_eq!(cluster.try_change(2, &single(add_voter(5))), in_flight);
    cluster.heal();
    cluster.pass(5);
    assert_eq!(cluster.membership(2), "voters=[n1 n2 n3 n4]");
    cluster.change(2, [add_voter(5)]);
}

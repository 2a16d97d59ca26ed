//! Changes of membership, and the operations made of them.

use super::*;
use crate::{
    consensus::{ChangeError, ChangeStep, ConfChange, ConfChangeError, Membership, Transition},
    runtime::{MembershipError, membership_goal::MembershipGoal},
};

impl Cluster {
    fn change(&mut self, id: usize, change: &ConfChange) -> Ticket<Membership> {
        let (completion, ticket) = Completion::ticket();
        self.node(id).change_membership(change, completion);
        ticket
    }

    fn operate(&mut self, id: usize, goal: &MembershipGoal) -> Ticket<Membership> {
        let (completion, ticket) = Completion::ticket();
        self.node(id).operate(goal, completion);
        ticket
    }

    fn membership(&mut self, id: usize) -> String {
        self.node(id).status().core.membership.to_string()
    }
}

fn add_voter(node: u64) -> ConfChange {
    ConfChange::single(ChangeStep::AddVoter(NodeId(node)))
}

fn text(outcome: Option<Outcome<Membership>>) -> String {
    match outcome {
        Some(Outcome::Applied(membership)) => membership.to_string(),
        Some(Outcome::NotAccepted(refusal)) => refusal.to_string(),
        Some(Outcome::Unknown(reason)) => format!("unknown: {reason}"),
        None => "pending".to_owned(),
    }
}

#[test]
fn a_change_is_in_force_on_all_nodes_when_it_is_applied() {
    let mut cluster = Cluster::new(3, &options());
    let mut ticket = cluster.change(1, &ConfChange::single(ChangeStep::Remove(NodeId(3))));
    assert_eq!(ticket.try_take(), None);
    cluster.settle();
    assert_eq!(text(ticket.try_take()), "voters=[n1 n2]");
    assert_eq!(
        (cluster.membership(1), cluster.membership(2)),
        (cluster.membership(2), cluster.membership(1))
    );
}

#[test]
fn a_change_is_told_when_the_state_machine_has_come_to_it_so_that_the_next_can_follow() {
    let mut cluster = Cluster::new(1, &options());
    let learner = |node| ConfChange::single(ChangeStep::AddLearner(NodeId(node)));
    let mut first = cluster.change(1, &learner(2));
    cluster.nodes[0].write(&mut Outgoing::default());
    assert_eq!(cluster.membership(1), "voters=[n1] learners=[n2]", "it is in force");
    assert_eq!(first.try_take(), None, "another could not be proposed yet");
    assert!(cluster.node(1).awaits_applied());
    cluster.nodes[0].run(&mut Outgoing::default());
    assert_eq!(text(first.try_take()), "voters=[n1] learners=[n2]");
    assert!(!cluster.node(1).awaits_applied());
    let mut second = cluster.change(1, &learner(3));
    cluster.settle();
    assert_eq!(text(second.try_take()), "voters=[n1] learners=[n2 n3]");
}

#[test]
fn an_operation_that_was_done_before_its_leader_lost_office_is_told_so() {
    let mut cluster = Cluster::new(3, &options());
    let mut ticket = cluster.operate(1, &MembershipGoal::AddLearner(NodeId(4)));
    let mut outgoing = Outgoing::default();
    cluster.nodes[0].write(&mut outgoing);
    for envelope in std::mem::take(&mut outgoing.0) {
        let Some(node) = cluster.nodes.get_mut(usize::try_from(envelope.to.0).unwrap() - 1) else { continue };
        node.driver.on_message(envelope).unwrap();
        node.run(&mut outgoing);
    }
    for envelope in outgoing.0 {
        cluster.node(1).on_message(envelope).unwrap();
    }
    cluster.nodes[0].write(&mut Outgoing::default());
    cluster.node(1).raw.step_down();
    cluster.nodes[0].write(&mut Outgoing::default());
    assert_eq!(ticket.try_take(), None);
    cluster.nodes[0].run(&mut Outgoing::default());
    assert_eq!(text(ticket.try_take()), "voters=[n1 n2 n3] learners=[n4]");
}

#[test]
fn a_change_is_refused_with_its_reason_and_on_a_follower_with_the_leader() {
    let mut cluster = Cluster::new(3, &options());
    let mut elsewhere = cluster.change(2, &add_voter(4));
    assert_eq!(elsewhere.try_take(), Some(refused(RefusalReason::NotLeader, Some(1))));
    let mut elsewhere = cluster.operate(2, &MembershipGoal::Remove(NodeId(3)));
    assert_eq!(elsewhere.try_take(), Some(refused(RefusalReason::NotLeader, Some(1))));
    let nonsense = ConfChangeError::Change(ChangeError::NotJoint);
    let mut leave = cluster.change(1, &ConfChange::leave_joint());
    assert_eq!(leave.try_take(), Some(refused(RefusalReason::ConfChange(nonsense), Some(1))));
    let mut first = cluster.change(1, &add_voter(4));
    let mut second = cluster.change(1, &add_voter(5));
    let Some(Outcome::NotAccepted(refusal)) = second.try_take() else { panic!("one at a time") };
    assert!(
        matches!(refusal.reason, RefusalReason::ConfChange(ConfChangeError::InFlight { .. })),
        "{refusal}"
    );
    cluster.settle();
    assert_eq!(text(first.try_take()), "voters=[n1 n2 n3 n4]");
}

#[test]
fn a_change_that_another_leader_displaces_is_told_so() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let mut lost = cluster.change(1, &add_voter(4));
    cluster.tick(24);
    cluster.propose(2, "kept").on_done(drop);
    cluster.settle();
    cluster.cut_off.clear();
    cluster.tick(2);
    let leader = cluster.node(2).status().core.leader.map(|id| id.0);
    assert_eq!(lost.try_take(), Some(refused(RefusalReason::Overwritten, leader)));
    assert_eq!(cluster.membership(1), "voters=[n1 n2 n3]");
}

#[test]
fn a_snapshot_and_a_restart_keep_the_membership() {
    let mut cluster = Cluster::new(3, &Options { compact_after_bytes: 100, keep_entries: 2, ..options() });
    cluster.change(1, &ConfChange::single(ChangeStep::Remove(NodeId(3)))).on_done(drop);
    cluster.settle();
    while cluster.node(1).counters.snapshots_made == 0 {
        cluster.propose(1, "x").on_done(drop);
        cluster.settle();
        cluster.nodes[0].make_snapshot();
    }
    let again = node(NodeId(1), &cluster.storages[0], &options());
    assert_eq!(again.driver.status().core.membership.to_string(), "voters=[n1 n2]");

    // Node 2 has no snapshot: its log tells.
    let config = Config { applied: cluster.node(2).applied, ..Config::new(NodeId(2), 7) };
    let durable = Member::new(config, &cluster.storages[1], &options());
    assert_eq!(durable.driver.status().core.membership.to_string(), "voters=[n1 n2]");
}

#[test]
fn a_new_voter_is_a_learner_until_it_has_caught_up() {
    let mut cluster = Cluster::new(3, &options());
    (0..20).for_each(|_| cluster.propose(1, "x").on_done(drop));
    cluster.settle();
    let mut ticket = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(4)));
    cluster.tick(5);
    assert_eq!(ticket.try_take(), None);
    assert_eq!(cluster.membership(1), "voters=[n1 n2 n3] learners=[n4]", "it does not even run");
    cluster.join();
    cluster.tick(5);
    assert_eq!(text(ticket.try_take()), "voters=[n1 n2 n3 n4]");
    assert_eq!(cluster.membership(4), "voters=[n1 n2 n3 n4]");
    assert_eq!(cluster.lines(4).len(), 20);
}

#[test]
fn a_slow_round_is_followed_by_another() {
    let mut cluster = Cluster::new(3, &Options { catch_up_rounds: 2, ..options() });
    cluster.join();
    cluster.cut_off.insert(4);
    let mut ticket = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(4)));
    // The first round takes longer than an election timeout, and so does the second.
    for _ in 0..2 {
        cluster.tick(15);
        cluster.cut_off.clear();
        // One heartbeat is answered, and with the next the append is sent again.
        cluster.tick(2);
        cluster.cut_off.insert(4);
        cluster.propose(1, "more").on_done(drop);
        cluster.settle();
    }
    cluster.cut_off.clear();
    cluster.tick(4);
    let told = text(ticket.try_take());
    assert!(told.contains("n4 did not catch up") && told.contains("2 rounds"), "{told}");
    assert_eq!(cluster.membership(1), "voters=[n1 n2 n3] learners=[n4]");
}

#[test]
fn a_voter_that_never_catches_up_is_given_up_and_may_be_tried_again() {
    let mut cluster = Cluster::new(3, &Options { catch_up_ticks: 40, ..options() });
    let mut ticket = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(4)));
    cluster.settle();
    cluster.tick(39);
    let mut second = cluster.operate(1, &MembershipGoal::Remove(NodeId(3)));
    let under_way = RefusalReason::Membership(MembershipError::UnderWay);
    assert_eq!(second.try_take(), Some(refused(under_way, Some(1))));
    let mut third = cluster.change(1, &add_voter(5));
    assert_eq!(third.try_take(), Some(refused(under_way, Some(1))));
    assert_eq!(ticket.try_take(), None);
    cluster.tick(1);
    let error = MembershipError::NotCaughtUp { node: NodeId(4), rounds: 1, ticks: 40 };
    assert_eq!(ticket.try_take(), Some(refused(RefusalReason::Membership(error), Some(1))));
    cluster.join();
    let mut again = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(4)));
    cluster.tick(5);
    assert_eq!(text(again.try_take()), "voters=[n1 n2 n3 n4]");
}

#[test]
fn replacing_a_voter_is_one_change_that_ends_when_the_joint_configuration_is_left() {
    let mut cluster = Cluster::new(3, &options());
    cluster.join();
    let (old, new) = (NodeId(2), NodeId(4));
    let mut ticket = cluster.operate(1, &MembershipGoal::Replace { old, new });
    cluster.tick(5);
    assert_eq!(text(ticket.try_take()), "voters=[n1 n3 n4]");
    let mut again = cluster.operate(1, &MembershipGoal::Replace { old, new });
    assert_eq!(
        text(again.try_take()),
        "not accepted: n2 is no member: there is nothing to replace (n1 leads)"
    );
}

#[test]
fn the_whole_membership_can_be_set_and_the_leader_leave_with_it() {
    let mut cluster = Cluster::new(3, &options());
    (0..2).for_each(|_| cluster.join());
    let goal =
        MembershipGoal::Set { voters: vec![NodeId(3), NodeId(4), NodeId(5)], learners: vec![NodeId(2)] };
    let mut ticket = cluster.operate(1, &goal);
    cluster.tick(40);
    assert_eq!(text(ticket.try_take()), "voters=[n3 n4 n5] learners=[n2]");
    let leader = cluster.node(3).status().core.leader;
    assert!(leader.is_some_and(|leader| leader.0 >= 3), "{leader:?}");
    assert_eq!(cluster.membership(5), "voters=[n3 n4 n5] learners=[n2]");
}

#[test]
fn a_leader_that_removes_itself_tells_that_it_is_done() {
    let mut cluster = Cluster::new(3, &options());
    let mut ticket = cluster.operate(1, &MembershipGoal::Remove(NodeId(1)));
    cluster.settle();
    assert_eq!(text(ticket.try_take()), "voters=[n2 n3]");
    assert_eq!(cluster.node(1).status().core.role, RoleKind::Follower);
}

#[test]
fn what_is_in_force_already_is_done_at_once_and_what_makes_no_sense_is_refused_at_once() {
    let mut cluster = Cluster::new(3, &options());
    let mut done = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(2)));
    assert_eq!(text(done.try_take()), "voters=[n1 n2 n3]");
    let mut done = cluster.operate(1, &MembershipGoal::Remove(NodeId(9)));
    assert_eq!(text(done.try_take()), "voters=[n1 n2 n3]");
    let nobody = MembershipGoal::Set { voters: vec![], learners: vec![] };
    let mut refusal = cluster.operate(1, &nobody);
    let reason = RefusalReason::ConfChange(ChangeError::NoVoters.into());
    assert_eq!(refusal.try_take(), Some(refused(reason, Some(1))));
    let explicit = ConfChange::of([ChangeStep::AddLearner(NodeId(3))], Transition::Explicit);
    cluster.change(1, &explicit).on_done(drop);
    cluster.settle();
    let mut refusal = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(2)));
    let reason = RefusalReason::ConfChange(ChangeError::AlreadyJoint.into());
    assert_eq!(refusal.try_take(), Some(refused(reason, Some(1))));
}

#[test]
fn an_operation_whose_leader_is_deposed_is_unknown() {
    let mut cluster = Cluster::new(3, &options());
    let mut ticket = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(4)));
    cluster.tick(2);
    cluster.cut_off.insert(1);
    cluster.tick(25);
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::LeadershipLost)));
}

#[test]
fn an_operation_right_after_an_election_waits_for_its_turn() {
    let mut cluster = Cluster::new(3, &options());
    cluster.is_lost = |envelope| matches!(envelope.message, Message::AppendAccepted { .. });
    cluster.node(1).transfer_leader(NodeId(2), Completion::callback(drop));
    cluster.settle();
    let mut ticket = cluster.operate(2, &MembershipGoal::AddLearner(NodeId(4)));
    assert_eq!(ticket.try_take(), None, "nothing of the new term is committed yet");
    cluster.is_lost = |_| false;
    cluster.tick(5);
    assert_eq!(text(ticket.try_take()), "voters=[n1 n2 n3] learners=[n4]");
}

/// Elsewhere a new voter that did not run counted from the first moment, and nothing was committed any more.
#[test]
fn e16_voter_that_does_not_run_stops_nobody() {
    let mut cluster = Cluster::new(1, &Options { catch_up_ticks: 40, ..options() });
    let mut ticket = cluster.operate(1, &MembershipGoal::AddVoter(NodeId(2)));
    for _ in 0..50 {
        let mut command = cluster.propose(1, "x");
        cluster.tick(1);
        assert!(matches!(command.try_take(), Some(Outcome::Applied(_))));
    }
    let error = MembershipError::NotCaughtUp { node: NodeId(2), rounds: 1, ticks: 40 };
    assert_eq!(ticket.try_take(), Some(refused(RefusalReason::Membership(error), Some(1))));
    assert_eq!(cluster.membership(1), "voters=[n1] learners=[n2]");
}

/// Elsewhere a change waited for the answer of a follower that hung, and the whole node with it.
#[test]
fn e17_follower_that_hangs_holds_no_change_up() {
    let mut cluster = Cluster::new(3, &options());
    cluster.join();
    cluster.cut_off.insert(3);
    let (old, new) = (NodeId(3), NodeId(4));
    let mut ticket = cluster.operate(1, &MembershipGoal::Replace { old, new });
    cluster.tick(5);
    assert_eq!(text(ticket.try_take()), "voters=[n1 n2 n4]");
    let mut command = cluster.propose(1, "x");
    cluster.settle();
    assert_eq!(command.try_take(), Some(Outcome::Applied(1)));
}

/// A node that was removed is shut down. If the others forgot that it was, they would wait for its vote for ever.
#[test]
fn who_was_removed_is_not_needed_after_a_restart() {
    let mut cluster = Cluster::new(2, &options());
    cluster.nodes.iter_mut().for_each(|node| node.driver.spares_writes = true);
    let mut ticket = cluster.change(1, &ConfChange::single(ChangeStep::Remove(NodeId(2))));
    cluster.settle();
    assert_eq!(text(ticket.try_take()), "voters=[n1]");
    cluster.cut_off = [1, 2].into();
    cluster.nodes[0] = node(NodeId(1), &cluster.storages[0], &options());
    cluster.tick(50);
    assert_eq!(cluster.node(1).status().core.role, RoleKind::Leader);
}

#[test]
fn a_change_is_told_when_its_commit_is_durable() {
    let mut cluster = Cluster::new(2, &options());
    cluster.nodes.iter_mut().for_each(|node| node.driver.spares_writes = true);
    let mut ticket = cluster.change(1, &ConfChange::single(ChangeStep::Remove(NodeId(2))));
    // Node 1 sends and writes the entry, and node 2 acknowledges it.
    let mut outgoing = Outgoing::default();
    cluster.nodes[0].write(&mut outgoing);
    outgoing.0.drain(..).filter(|sent| sent.to == NodeId(2)).for_each(|sent| {
        cluster.nodes[1].driver.on_message(sent).unwrap();
    });
    cluster.nodes[1].write(&mut outgoing);
    outgoing.0.drain(..).for_each(|sent| cluster.nodes[0].driver.on_message(sent).unwrap());
    // It is committed and applied, but that is not written yet.
    let node = &mut cluster.nodes[0];
    while node.driver.has_work() {
        node.driver.run(&mut outgoing).unwrap();
    }
    let applied = node.applier.run(node.driver.take_apply_jobs()).unwrap();
    node.driver.on_applied(applied);
    assert_eq!(ticket.try_take(), None);
    cluster.settle();
    assert_eq!(text(ticket.try_take()), "voters=[n1]");
}

//! What clients are told when their leader loses its office, or their node stops.

use super::*;

#[test]
fn a_deposed_leader_tells_what_surely_was_not_done() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let mut lost = cluster.propose(1, "lost");
    cluster.tick(24);
    let mut kept = cluster.propose(2, "kept");
    cluster.settle();
    assert_eq!(kept.try_take(), Some(Outcome::Applied(1)));
    assert_eq!(lost.try_take(), None);
    cluster.cut_off.clear();
    cluster.tick(2);
    let leader = cluster.node(2).status().core.leader.map(|id| id.0);
    assert!(leader.is_some());
    assert_eq!(lost.try_take(), Some(refused(RefusalReason::Overwritten, leader)));
    for id in 1..=3 {
        assert_eq!(cluster.lines(id), ["kept"]);
    }
}

#[test]
fn i1_a_command_that_the_next_leader_commits_is_never_refused() {
    let mut cluster = Cluster::new(3, &options());
    // The others get it, but n1 never hears of that.
    cluster.is_lost = |envelope| envelope.to == NodeId(1);
    let mut ticket = cluster.propose(1, "a");
    cluster.tick(40);
    assert_ne!(cluster.node(1).status().core.role, RoleKind::Leader, "it has stepped down");
    assert_eq!(cluster.lines(2), ["a"]);
    assert_eq!(ticket.try_take(), None, "all it knows is that it cannot know");
    cluster.is_lost = |_| false;
    cluster.tick(3);
    assert_eq!(ticket.try_take(), Some(Outcome::Applied(1)));
}

#[test]
fn i4_each_client_is_told_of_its_own_command_after_a_change_of_leaders() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let mut lost = ["a", "b", "c"].map(|command| cluster.propose(1, command));
    cluster.tick(24);
    let mut kept = ["d", "e"].map(|command| cluster.propose(2, command));
    cluster.settle();
    cluster.cut_off.clear();
    cluster.tick(2);
    let mut later = cluster.propose(1, "f");
    cluster.settle();
    assert_eq!(cluster.lines(1), ["d", "e", "f"]);
    let leader = cluster.node(1).status().core.leader.map(|id| id.0);
    for ticket in &mut lost {
        assert_eq!(ticket.try_take(), Some(refused(RefusalReason::Overwritten, leader)));
    }
    for (ticket, line) in kept.iter_mut().chain([&mut later]).zip(1..) {
        assert_eq!(ticket.try_take(), Some(Outcome::Applied(line)));
    }
}

#[test]
fn i3_a_deposed_leader_that_stays_cut_off_does_not_know() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let mut ticket = cluster.propose(1, "a");
    // It steps down within two election timeouts, and is patient for 30 ticks more.
    cluster.tick(30);
    assert_eq!(ticket.try_take(), None);
    cluster.tick(30);
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::Undecided)));
}

#[test]
fn i3_a_forward_that_nobody_answers_is_unknown() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let mut ticket = cluster.propose(2, "a");
    cluster.tick(30);
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::ForwardUnanswered)));
}

#[test]
fn i3_a_node_that_stops_tells_who_waits_for_what() {
    let mut cluster = Cluster::new(3, &options());
    cluster.cut_off.insert(1);
    let (mut appended, mut query) = (cluster.propose(1, "a"), cluster.query(1));
    let mut forwarded = cluster.propose(2, "b");
    cluster.settle();
    cluster.node(1).stop();
    cluster.node(2).stop();
    assert_eq!(appended.try_take(), Some(Outcome::Unknown(UnknownReason::Stopped)));
    assert_eq!(forwarded.try_take(), Some(Outcome::Unknown(UnknownReason::Stopped)));
    assert_eq!(query.try_take(), Some(refused(RefusalReason::Stopped, None)));
}

/// Its command is committed, and with the state machine, which is slow: whoever leads then, that is what becomes of it.
#[test]
fn i1_a_command_in_the_state_machines_hands_outlives_its_leaders_office() {
    let mut cluster = Cluster::new(1, &options());
    let mut command = cluster.propose(1, "a");
    cluster.nodes[0].write(&mut Outgoing::default());
    cluster.node(1).raw.step_down();
    let mut query = cluster.query(1);
    for _ in 0..200 {
        cluster.node(1).on_tick();
        cluster.nodes[0].write(&mut Outgoing::default());
    }
    assert_eq!(command.try_take(), None, "it is patient: nothing is in doubt");
    let status = cluster.node(1).status();
    assert_eq!((status.waiting_proposals, status.entries_being_applied > 0), (1, true));
    cluster.nodes[0].run(&mut Outgoing::default());
    assert_eq!(command.try_take(), Some(Outcome::Applied(1)));
    assert_eq!(query.try_take(), Some(Outcome::Applied(vec!["a".to_owned()])));
    assert_eq!(cluster.node(1).status().waiting_proposals, 0);
}

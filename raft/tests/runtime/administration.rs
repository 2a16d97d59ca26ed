//! Changing who belongs to the cluster and who leads it, while it works.

use quorate::{
    ConfChange, Handle, LogIndex, Membership, NodeId, Outcome, RoleKind, Ticket,
    runtime::{Consistency, MembershipError, RefusalReason, StopReason},
};

use crate::cluster::{Cluster, Journal, eventually, options, outcome};

/// The membership, when the operation is done; refusals for the moment are tried again.
fn done(what: &str, mut operation: impl FnMut() -> Ticket<Membership>) -> String {
    eventually(what, || match outcome(operation()) {
        Outcome::Applied(membership) => Some(membership.to_string()),
        Outcome::NotAccepted(_) | Outcome::Unknown(_) => None,
    })
}

/// Whoever leads, though some of the nodes do not know.
fn who_leads(cluster: &Cluster, size: u64) -> Handle<Journal> {
    eventually("somebody leads", || {
        let mut handles = (1..=size).map(|id| cluster.handle(NodeId(id)));
        handles.find(|handle| handle.status().core.role == RoleKind::Leader)
    })
}

#[test]
fn a_fourth_voter_comes_and_the_leader_goes() {
    let mut cluster = Cluster::start(3, options());
    cluster.apply(cluster.leader(), "before");
    cluster.join(NodeId(4));
    let membership = done("a voter is added", || who_leads(&cluster, 4).add_voter(NodeId(4)));
    assert_eq!(membership, "voters=[n1 n2 n3 n4]");
    cluster.apply(cluster.leader(), "between");
    let gone = cluster.leader();
    let membership = done("the leader is removed", || who_leads(&cluster, 4).remove(gone));
    let rest: Vec<_> = (1..=4).map(NodeId).filter(|id| *id != gone).map(|id| id.to_string()).collect();
    assert_eq!(membership, format!("voters=[{}]", rest.join(" ")));
    cluster.take(gone).stop().unwrap();
    cluster.journals.remove(&gone);
    let leader = cluster.leader();
    assert_ne!(leader, gone);
    cluster.apply(leader, "after");
    assert_eq!(cluster.agree_with(leader), ["before", "between", "after"]);
}

#[test]
fn a_voter_that_does_not_run_is_given_up() {
    let mut impatient = options();
    impatient.catch_up_ticks = 5;
    let cluster = Cluster::start(3, impatient);
    let error = eventually("it is given up", || {
        match outcome(cluster.handle(cluster.leader()).add_voter(NodeId(4))) {
            Outcome::NotAccepted(refusal) => Some(refusal.reason),
            Outcome::Applied(membership) => panic!("{membership}"),
            Outcome::Unknown(_) => None,
        }
    });
    assert!(
        matches!(error, RefusalReason::Membership(MembershipError::NotCaughtUp { node: NodeId(4), .. })),
        "{error}"
    );
}

#[test]
fn a_follower_names_the_leader_that_may_change_the_membership() {
    let cluster = Cluster::start(3, options());
    let handle = cluster.handle(cluster.follower());
    for ticket in [handle.change_membership(ConfChange::leave_joint()), handle.remove(NodeId(1))] {
        let Outcome::NotAccepted(refusal) = outcome(ticket) else { panic!("a follower changed it") };
        assert_eq!(refusal.reason == RefusalReason::NotLeader, refusal.leader.is_some(), "{refusal}");
    }
}

#[test]
fn a_transfer_under_load_loses_nothing_that_was_acknowledged() {
    let cluster = Cluster::start(3, options());
    let leader = cluster.leader();
    let target = cluster.follower();
    let mut tickets: Vec<_> = (0..200).map(|_| cluster.handle(leader).propose("x")).collect();
    let transfer = cluster.handle(leader).transfer_leader(target);
    tickets.extend((0..200).map(|_| cluster.handle(leader).propose("x")));
    let transferred = outcome(transfer);
    let outcomes: Vec<_> = tickets.into_iter().map(outcome).collect();
    let applied = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Applied(_))).count();
    let unknown = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Unknown(_))).count();
    if transferred == Outcome::Applied(()) {
        eventually("the target leads", || (cluster.leader() == target).then_some(()));
    }
    let lines = cluster.agree_with(cluster.leader()).len();
    assert!((applied..=applied + unknown).contains(&lines), "{applied} and {unknown}, but {lines} lines");
}

#[test]
fn a_leader_that_is_stopped_has_handed_over() {
    let mut slow = options();
    // An election timeout is long: who leads soon was not elected by one.
    slow.tick = std::time::Duration::from_secs(2);
    slow.hand_over_ticks = 100;
    let mut cluster = Cluster::start(3, slow);
    cluster.handle(NodeId(1)).campaign();
    eventually("it leads", || {
        let core = cluster.handle(NodeId(1)).status().core;
        (core.role == RoleKind::Leader).then_some(())
    });
    assert_eq!(cluster.apply(NodeId(1), "before"), 1);
    let handle = cluster.handle(NodeId(1));
    let ticks_before = cluster.handle(NodeId(2)).status().counters.ticks;
    cluster.take(NodeId(1)).stop().unwrap();
    assert!(matches!(handle.stop_reason(), Some(StopReason::Requested)));
    let ticks = eventually("another leads", || {
        let statuses = [2, 3].map(|id| cluster.handle(NodeId(id)).status());
        let leader = statuses.iter().find(|status| status.core.role == RoleKind::Leader);
        leader.map(|status| status.counters.ticks)
    });
    assert!(ticks < ticks_before + 8, "it leads since tick {ticks}: it was elected, not handed over to");
}

#[test]
fn queries_say_how_current_they_must_be() {
    let cluster = Cluster::start(3, options());
    let leader = cluster.leader();
    cluster.apply(leader, "x");
    for id in (1..=3).map(NodeId) {
        let handle = cluster.handle(id);
        assert!(matches!(outcome(handle.query_at((), Consistency::Local)), Outcome::Applied(_)));
        // The election's own entry, and the command.
        let own = outcome(handle.query_at((), Consistency::AtLeast(LogIndex(2))));
        assert_eq!(own, Outcome::Applied(vec!["x".to_owned()]));
        let lease =
            eventually("a leader answers", || outcome(handle.query_at((), Consistency::Lease)).applied());
        assert_eq!(lease, ["x"]);
    }
}

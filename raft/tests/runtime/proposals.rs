//! Commands, from whoever takes them to every state machine.

use std::time::Duration;

use quorate::{
    Envelope, LogIndex, Message, NodeId, Outcome, Term,
    runtime::{RefusalReason, UnknownReason},
};

use crate::cluster::{Cluster, eventually, options, outcome};

#[test]
fn commands_through_leader_and_follower_are_applied_once_on_every_node() {
    let cluster = Cluster::start(3, options());
    let (leader, follower) = (cluster.leader(), cluster.follower());
    let mut tickets = Vec::new();
    for number in 0..200 {
        let id = if number % 2 == 0 { leader } else { follower };
        tickets.push((number, cluster.handle(id).propose(number.to_string())));
    }
    let mut applied = Vec::new();
    for (number, ticket) in tickets {
        match outcome(ticket) {
            Outcome::Applied(line) => applied.push((line, number.to_string())),
            // The leader may change on a busy machine: then some are refused, surely.
            Outcome::NotAccepted(_) => {}
            Outcome::Unknown(reason) => panic!("{number}: {reason}"),
        }
    }
    let lines = cluster.agree_with(leader);
    assert_eq!(lines.len(), applied.len(), "what was not accepted is nowhere");
    for (line, command) in applied {
        assert_eq!(lines[line - 1], command, "the response is to this very command");
    }
}

#[test]
fn the_group_goes_on_without_its_leader_and_takes_it_up_again() {
    let mut cluster = Cluster::start(3, options());
    let first = cluster.leader();
    cluster.apply(first, "before");
    cluster.take(first).stop().unwrap();
    let second = cluster.leader();
    cluster.apply(second, "without");
    cluster.start_node(first);
    assert_eq!(cluster.agree_with(second), ["before", "without"]);
}

#[test]
fn a_leader_that_is_cut_off_leaves_nobody_waiting() {
    let mut options = options();
    options.unknown_after_ticks = 20;
    let cluster = Cluster::start(3, options);
    let first = cluster.leader();
    cluster.apply(first, "before");
    cluster.network.isolate(first);
    let undecided = cluster.handle(first).propose("undecided");
    let query = cluster.handle(first).query(());
    assert_eq!(outcome(undecided), Outcome::Unknown(UnknownReason::Undecided));
    assert!(
        matches!(outcome(query), Outcome::NotAccepted(refusal) if refusal.reason == RefusalReason::ReadTimeout)
    );

    let second = cluster.leader_other_than(Some(first));
    cluster.apply(second, "after");
    cluster.network.heal_all();
    assert_eq!(cluster.agree_with(second), ["before", "after"]);
}

#[test]
fn i7_a_flood_of_commands_does_not_cost_the_leader_its_office() {
    let mut options = options();
    options.max_pending_requests = 1_000;
    options.tick = Duration::from_millis(100);
    let cluster = Cluster::start(3, options);
    let leader = cluster.leader();
    let term = cluster.handle(leader).status().core.hard_state.term;
    let ticks = cluster.handle(leader).status().counters.ticks;
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let handle = cluster.handle(leader);
                // Two election timeouts of the shortest kind.
                while handle.status().counters.ticks < ticks + 20 {
                    for _ in 0..100 {
                        handle.propose_with("x", drop);
                    }
                }
            });
        }
    });
    let status = cluster.handle(leader).status();
    assert!(status.counters.requests_refused > 0, "it was no flood: {status}");
    assert_eq!(status.core.hard_state.term, term, "somebody stood for election: {status}");
    assert_eq!(status.core.leader, Some(leader));
}

#[test]
fn a_full_queue_is_told_at_once() {
    let mut options = options();
    options.max_pending_requests = 10;
    let cluster = Cluster::start(1, options);
    let leader = cluster.leader();
    let mut is_busy = |_| {
        let outcome = outcome(cluster.handle(leader).propose("x"));
        matches!(outcome, Outcome::NotAccepted(refusal) if refusal.reason == RefusalReason::Busy)
    };
    // A callback that waits keeps the loop, so that the queue fills.
    let (release, wait) = crossbeam_channel::bounded::<()>(0);
    cluster
        .handle(leader)
        .propose_with("x", move |_| assert!(wait.recv().is_err(), "it waits until the other end is dropped"));
    let tickets: Vec<_> = (0..40).map(|_| cluster.handle(leader).propose("y")).collect();
    drop(release);
    let outcomes: Vec<_> = tickets.into_iter().map(outcome).collect();
    let busy = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::NotAccepted(_))).count();
    assert!(busy >= 20, "{outcomes:?}");
    assert!(!(0..100).all(&mut is_busy), "it is not busy for ever");
}

#[test]
fn nonsense_from_nowhere_stops_nobody() {
    let cluster = Cluster::start(3, options());
    let leader = cluster.leader();
    let handle = cluster.handle(leader);
    let messages = [
        Message::AppendAccepted { matched: LogIndex(u64::MAX) },
        Message::CommitNotice { commit: LogIndex(u64::MAX) },
        Message::VoteResponse { granted: true, committed: None },
        Message::ReadIndexResponse { token: "?".into(), index: LogIndex(u64::MAX) },
        Message::ProposeRefused { sequences: vec![0, 1, u64::MAX] },
    ];
    for (number, message) in messages.into_iter().cycle().take(5_000).enumerate() {
        let from = NodeId(u64::try_from(number).unwrap() % 9);
        // Of the time before the first term, so that it is nonsense and no election.
        handle.deliver(Envelope { from, to: NodeId(1 + from.0 % 4), term: Term(0), message });
    }
    handle.deliver_many([]);
    handle.report_unreachable(NodeId(77));
    handle.report_snapshot(NodeId(77), true);
    cluster.apply(leader, "still here");
    eventually("it is counted", || (handle.status().counters.messages_rejected > 0).then_some(()));
    assert!(handle.stop_reason().is_none());
}

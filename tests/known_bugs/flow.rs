//! Flow control, and followers that get stuck.

use harness::{Cluster, command, envelope, kind};
use quorate::{
    ChangeStep, ConfChange, ConfChangeError, Inflight, LogIndex, Message, NodeId, ProgressState,
    ProposeError, Transition,
};

/// What is on its way to a follower whose log is known to agree.
fn window(cluster: &Cluster, leader: u64, follower: u64) -> Inflight {
    let state = cluster.progress(leader, follower).state;
    let window = if let ProgressState::Replicate { inflight, .. } = state { Some(inflight) } else { None };
    window.unwrap()
}

/// Elsewhere the count of uncommitted bytes leaked, until every proposal was refused.
#[test]
fn h1_uncommitted_bytes_come_back_to_nothing() {
    let mut cluster = Cluster::with_config(3, |config| config.max_uncommitted_bytes = 100);
    cluster.elect(1);
    assert_eq!(cluster.status(1).uncommitted_bytes, 0);
    for round in 0..20 {
        cluster.propose(1, "twenty bytes or more");
        cluster.propose(1, "twenty bytes or more");
        let refused = cluster.on(1, |raw| raw.propose(command("this is too much by a lot")));
        assert_eq!(refused, Err(ProposeError::Busy { uncommitted: 72 }), "round {round}");
        cluster.settle();
        assert_eq!(cluster.status(1).uncommitted_bytes, 0);
    }
}

/// Here, until it was read closely: the entry that opens a term was given back without having been counted.
#[test]
fn h1_blank_entry_is_no_proposal() {
    let mut cluster = Cluster::of(3);
    cluster.lose("append_request");
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.heal();
    cluster.step(envelope(2, 1, 1, Message::AppendAccepted { matched: LogIndex(1) }));
    assert_eq!((cluster.committed(1), cluster.status(1).uncommitted_bytes), (1, 17), "a alone was counted");
    cluster.pass(5);
    assert_eq!((cluster.committed(1), cluster.status(1).uncommitted_bytes), (2, 0));
}

#[test]
fn what_is_not_committed_still_counts() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("append_request");
    cluster.propose(1, "a");
    cluster.propose(1, "b");
    cluster.settle();
    cluster.step(envelope(2, 1, 1, Message::AppendAccepted { matched: LogIndex(2) }));
    assert_eq!((cluster.committed(1), cluster.status(1).uncommitted_bytes), (2, 17), "b still counts");
}

/// Elsewhere a leader whose disk was slower than its followers' piled up in memory what it had yet to write.
#[test]
fn leader_behind_its_followers_takes_no_more_than_it_may_hold() {
    let mut cluster = Cluster::with_config(3, |config| config.max_uncommitted_bytes = 100);
    cluster.elect(1);
    cluster.hold_writes(1);
    for _ in 0..2 {
        cluster.propose(1, "twenty bytes or more");
        cluster.settle();
    }
    assert_eq!(cluster.committed(1), 3, "the followers hold all of it");
    let refused = cluster.on(1, |raw| raw.propose(command("this is too much by a lot")));
    assert_eq!(refused, Err(ProposeError::Busy { uncommitted: 72 }));
    cluster.finish_writes(1);
    assert_eq!(cluster.status(1).uncommitted_bytes, 0);
}

/// And a change of membership, or the refusal of one, was counted otherwise than given back.
#[test]
fn h1_changes_of_membership_come_back_to_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    let there = ConfChange::of([ChangeStep::AddLearner(NodeId(4))], Transition::Implicit);
    let back = ConfChange::single(ChangeStep::Remove(NodeId(4)));
    for change in [&there, &back, &there, &back] {
        cluster.on(1, |raw| raw.propose_conf_change(change)).unwrap();
        let counted = cluster.status(1).uncommitted_bytes;
        let refused = cluster.on(1, |raw| raw.propose_conf_change(change));
        assert!(matches!(refused, Err(ConfChangeError::InFlight { .. })));
        assert!(counted > 0 && cluster.status(1).uncommitted_bytes == counted);
        cluster.settle();
        assert_eq!(cluster.status(1).uncommitted_bytes, 0);
    }
}

/// Elsewhere what had been on its way before the leader began to probe was counted still when it went on.
#[test]
fn h2_window_of_bytes_is_empty_after_a_reset() {
    let mut cluster = Cluster::with_config(3, |config| {
        config.max_inflight_bytes = 100;
        config.max_message_bytes = 1;
    });
    cluster.elect(1);
    for round in 0..5 {
        cluster.lose("append_request");
        (0..4)
            .for_each(|_| assert!(cluster.on(1, |raw| raw.propose(command("weighs thirty bytes"))).is_ok()));
        assert!(window(&cluster, 1, 2).is_full(), "round {round}");
        cluster.on(1, |raw| raw.report_unreachable(NodeId(2)));
        cluster.heal();
        cluster.pass(3);
        assert_eq!((window(&cluster, 1, 2).bytes(), window(&cluster, 1, 3).bytes()), (0, 0));
    }
    cluster.assert_agreement();
}

/// Elsewhere a window that was full when its messages were lost stayed full, or opened by one place a heartbeat.
#[test]
fn h3_and_h10_full_window_opens_after_losses() {
    let mut cluster = Cluster::with_config(3, |config| {
        config.max_inflight_messages = 2;
        config.max_message_bytes = 1;
    });
    cluster.elect(1);
    cluster.lose("append_request");
    let texts: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    for text in &texts {
        cluster.propose(1, text);
    }
    assert!(window(&cluster, 1, 2).is_full());
    cluster.heal();
    cluster.pass(4);
    cluster.assert_agreement();
    assert_eq!(cluster.applied(3), texts);
}

/// Elsewhere a follower that had all entries was probed for ever.
#[test]
fn h4_follower_that_has_everything_leaves_probing() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("append_request");
    cluster.on(1, |raw| raw.report_unreachable(NodeId(2)));
    assert!(matches!(cluster.progress(1, 2).state, ProgressState::Probe { sent: true }));
    cluster.heal();
    cluster.pass(2);
    assert!(matches!(cluster.progress(1, 2).state, ProgressState::Replicate { .. }));
}

/// Elsewhere appends that were lost without anybody's noticing were never sent again, if nothing new was proposed.
#[test]
fn h5_lost_appends_are_sent_again() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.lose("append_request");
    cluster.propose(1, "a");
    cluster.heal();
    cluster.pass(3);
    cluster.assert_agreement();
    assert_eq!(cluster.progress(1, 3).matched, LogIndex(2));
}

/// Here, until the simulation found it: each answer to a heartbeat counted against appends under way. With many reads,
/// each a round of heartbeats, everything was sent again and again to followers that were only writing.
#[test]
fn h5_heartbeats_of_reads_send_nothing_again() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    (2..=3).for_each(|id| cluster.hold_writes(id));
    cluster.propose(1, "a");
    cluster.settle();
    for _ in 0..50 {
        cluster.read(1);
        assert!(
            cluster.network.in_flight.iter().all(|m| kind(m) == "heartbeat"),
            "only the round of the read"
        );
        cluster.settle();
    }
    assert_eq!(cluster.node(1).reads.len(), 50);
    assert!(matches!(cluster.progress(1, 2).state, ProgressState::Replicate { .. }));
}

/// And an acknowledgement that was late already when the leader began to probe opened the whole window at once.
#[test]
fn h5_late_acknowledgement_ends_no_probe() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.deliver(|m| kind(m) == "append_request");
    let late = cluster.network.take(|m| m.from == NodeId(2)).pop().unwrap();
    cluster.settle();
    for text in ["b", "c"] {
        cluster.propose(1, text);
        cluster.deliver(|m| m.to == NodeId(2));
        cluster.settle();
    }
    cluster.on(1, |raw| raw.report_unreachable(NodeId(2)));
    cluster.lose_in_flight();
    cluster.step(late);
    assert!(matches!(cluster.progress(1, 2).state, ProgressState::Probe { sent: true }));
    cluster.pass(2);
    assert!(matches!(cluster.progress(1, 2).state, ProgressState::Replicate { .. }));
}

/// Each kind of message may be lost for a while, and nothing stays behind.
#[test]
fn h5_any_kind_of_message_is_lost_for_a_while() {
    for lost in [
        "append_request",
        "append_accepted",
        "append_rejected",
        "heartbeat",
        "heartbeat_response",
        "commit_notice",
    ] {
        let mut cluster = Cluster::with_logs(&[&[1, 2, 2], &[1, 2, 2], &[1, 1, 1, 1]]);
        cluster.lose(lost);
        cluster.on(1, quorate::RawNode::campaign).unwrap();
        cluster.settle();
        cluster.propose(1, "a");
        // Less than an election timeout, or the leader would rightly give up.
        cluster.pass(5);
        cluster.heal();
        cluster.pass(5);
        assert!(cluster.leads(1), "without {lost}");
        cluster.assert_agreement();
        assert!(cluster.network.take(|m| kind(m) != "heartbeat").is_empty());
    }
}

/// Elsewhere a leader that had met with errors went on hesitating when all was well again.
#[test]
fn h9_burst_of_errors_leaves_no_trace() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.network.cut(NodeId(1), NodeId(2));
    for _ in 0..100 {
        cluster.propose(1, "during the errors");
        cluster.on(1, |raw| raw.report_unreachable(NodeId(2)));
        cluster.on(1, |raw| raw.report_snapshot(NodeId(2), false));
        cluster.settle();
    }
    cluster.heal();
    cluster.pass(2);
    for number in 1..=3 {
        cluster.propose(1, "afterwards");
        assert_eq!(window(&cluster, 1, 2).len(), number, "each leaves at once, and waits for none");
    }
    cluster.settle();
    cluster.assert_agreement();
}

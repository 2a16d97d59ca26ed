//! Flow control, and followers that get stuck.

use harness::{Cluster, command, envelope, kind};
use quorate::{LogIndex, Message, NodeId, ProgressState, ProposeError};

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

/// Elsewhere a window that was full when its messages were lost stayed full.
#[test]
fn h3_and_h10_full_window_opens_after_losses() {
    let mut cluster = Cluster::with_config(3, |config| config.max_inflight_messages = 2);
    cluster.elect(1);
    cluster.lose("append_request");
    for text in ["a", "b", "c", "d"] {
        cluster.propose(1, text);
    }
    assert!(!cluster.progress(1, 2).may_append());
    cluster.heal();
    cluster.pass(4);
    cluster.assert_agreement();
    assert_eq!(cluster.applied(3), ["a", "b", "c", "d"]);
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

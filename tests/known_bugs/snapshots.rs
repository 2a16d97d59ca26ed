//! Snapshots and compaction.

use bytes::Bytes;
use harness::{Cluster, add_learner, envelope, kind, run_after};
use quorate::{
    CampaignError, Config, EntryId, Envelope, ForwardOutcome, LogIndex, Membership, Message, NodeId,
    ProgressState, RawNode, Snapshot, StepError,
};

fn snapshot(from: u64, to: u64, term: u64, last: EntryId) -> Envelope {
    let membership = Membership::of_voters((1..=3).map(NodeId));
    let snapshot = Snapshot { last, membership, data: Bytes::copy_from_slice(&7_u64.to_be_bytes()).into() };
    envelope(from, to, term, Message::SnapshotRequest { snapshot: Box::new(snapshot) })
}

/// Old entries are read from disk, so that what is compacted is gone.
fn forget(config: &mut Config) {
    (config.snapshot_ticks, config.max_log_bytes_in_memory) = (20, 0);
}

fn forgetful() -> Cluster {
    Cluster::with_config(3, forget)
}

/// n1 leads and has compacted its log; n3 has none of it and can be reached again.
fn n3_needs_a_snapshot() -> Cluster {
    let mut cluster = forgetful();
    cluster.leave_behind(1, 3);
    cluster
}

/// Elsewhere a follower that died while it received a snapshot was waited for, for ever.
#[test]
fn d1_receiver_dies() {
    let mut cluster = n3_needs_a_snapshot();
    cluster.lose("snapshot_request");
    cluster.pass(5);
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Snapshot { .. }));
    cluster.crash(3);
    cluster.restart(3);
    cluster.heal();
    cluster.pass(30);
    cluster.assert_agreement();
}

/// The same, when the transport says so: then nobody waits for a timeout.
#[test]
fn d1_transport_reports_the_failure() {
    let mut cluster = n3_needs_a_snapshot();
    cluster.lose("snapshot_request");
    cluster.pass(5);
    cluster.heal();
    cluster.on(1, |raw| raw.report_snapshot(NodeId(3), false));
    cluster.pass(2);
    cluster.assert_agreement();
}

/// Elsewhere a follower whose snapshot reached exactly the leader's last entry was probed for ever.
#[test]
fn d2_snapshot_up_to_the_last_entry() {
    let mut cluster = n3_needs_a_snapshot();
    cluster.pass(3);
    assert_eq!(cluster.progress(1, 3).matched, LogIndex(3));
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Replicate { .. }));
}

/// Elsewhere a follower that caught up by another way, short of the snapshot under way, was still waited for.
#[test]
fn d3_follower_catches_up_short_of_the_snapshot() {
    let mut cluster = forgetful();
    cluster.elect(1);
    cluster.isolate(3);
    for text in ["a", "b", "c", "d"] {
        cluster.propose(1, text);
        cluster.settle();
    }
    cluster.node(1).compact(2);
    cluster.heal();
    cluster.lose("snapshot_request");
    cluster.pass(3);
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Snapshot { last: LogIndex(5), .. }));
    // An older snapshot reaches n3 after all, up to where the leader's log now begins.
    cluster.heal();
    cluster.step(snapshot(1, 3, 1, EntryId::new(1, 3)));
    cluster.settle();
    assert_eq!(cluster.progress(1, 3).matched, LogIndex(5));
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Replicate { .. }));
}

/// Elsewhere one Ready held a snapshot and entries to apply, and it was not clear which came first.
#[test]
fn d4_no_entries_to_apply_beside_a_snapshot() {
    let mut cluster = Cluster::of(3);
    let raw = cluster.node(1).raw();
    let entries =
        Message::AppendRequest { previous: EntryId::ZERO, entries: run_after(0, &[1]), commit: LogIndex(1) };
    raw.step(envelope(2, 1, 1, entries)).unwrap();
    raw.step(snapshot(2, 1, 1, EntryId::new(1, 5))).unwrap();
    let more = Message::AppendRequest {
        previous: EntryId::new(1, 5),
        entries: run_after(5, &[1]),
        commit: LogIndex(6),
    };
    raw.step(envelope(2, 1, 1, more)).unwrap();
    cluster.node(1).take_ready(|ready| {
        assert!(ready.snapshot.is_some() && ready.committed.is_empty());
        assert_eq!(
            ready.entries.iter().flat_map(|run| run.iter()).count(),
            1,
            "only what follows the snapshot"
        );
    });
    cluster.process(1);
    assert_eq!(cluster.status(1).applied, LogIndex(6));
}

/// Elsewhere entries below an installed snapshot stayed in the log, and a crash brought them back.
#[test]
fn d5_conflicting_entries_below_a_snapshot() {
    let mut cluster = Cluster::with_logs(&[&[1, 2, 2, 2, 2, 2], &[1], &[1]]);
    // A crash finds all of it on disk, or nothing.
    cluster.hold_writes(1);
    cluster.step(snapshot(2, 1, 3, EntryId::new(3, 4)));
    cluster.crash(1);
    cluster.restart(1);
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![1, 2, 2, 2, 2, 2], 0));
    cluster.step(snapshot(2, 1, 3, EntryId::new(3, 4)));
    cluster.finish_write(1);
    assert_eq!(cluster.last_on_disk(1), EntryId::new(3, 4), "what followed in term 2 is gone, too");
    cluster.crash(1);
    cluster.restart(1);
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![], 4));
    assert_eq!(cluster.status(1).last_index, LogIndex(4));
}

/// Elsewhere a snapshot that named another entry at a committed index was installed.
#[test]
fn d6_snapshot_that_contradicts_the_commit() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.step(snapshot(2, 1, 9, EntryId::new(8, 2)));
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![1, 1], 2));
    assert_eq!(cluster.applied(1), ["a"], "nothing was restored");
}

/// Elsewhere a leader whose whole log was compacted never found out where a follower stood that it did not know, or
/// sent it one snapshot after another.
#[test]
fn d8_leader_without_entries_meets_an_unknown_follower() {
    let mut cluster = Cluster::with_spares_and_config(3, 1, forget);
    cluster.elect(1);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.isolate(4);
    cluster.change(1, [add_learner(4)]);
    cluster.settle();
    for id in 1..=3 {
        cluster.compact(id);
        assert_eq!(cluster.terms(id), [0_u64; 0], "nothing is left of n{id}'s log");
    }
    cluster.heal();
    assert_eq!(snapshots_sent(&mut cluster, 20), 1);
    assert!(matches!(cluster.progress(1, 4).state, ProgressState::Replicate { .. }));
    cluster.assert_agreement();
    // A new leader knows nothing of anybody, and all of them have what it has.
    cluster.succeed(1, 2);
    cluster.heal();
    assert_eq!(snapshots_sent(&mut cluster, 20), 0);
    cluster.assert_agreement();
}

/// What the leader's ticks send to the others, who get it all.
fn snapshots_sent(cluster: &mut Cluster, ticks: u32) -> usize {
    let mut sent = 0;
    let leader = cluster.leader().unwrap();
    for _ in 0..ticks {
        cluster.tick(leader, 1);
        while !cluster.network.in_flight.is_empty() {
            sent += cluster.network.in_flight.iter().filter(|m| kind(m) == "snapshot_request").count();
            cluster.deliver(|_| true);
        }
    }
    sent
}

/// Elsewhere a proposal that waited below a snapshot hung, or brought the node down.
#[test]
fn d10_proposal_disappears_into_a_snapshot() {
    let mut cluster = forgetful();
    cluster.elect(1);
    cluster.propose(3, "from n3");
    cluster.deliver(|m| kind(m) == "propose");
    cluster.isolate(3);
    cluster.settle();
    cluster.compact(1);
    cluster.heal();
    cluster.pass(30);
    assert_eq!(cluster.committed(3), 2);
    let outcomes: Vec<_> = cluster.node(3).forwards.iter().map(|forward| forward.outcome).collect();
    assert_eq!(outcomes, [ForwardOutcome::Unknown]);
}

/// Elsewhere a snapshot that was still on its way from an earlier time in office was taken for the present one.
#[test]
fn d13_snapshot_of_an_earlier_term_in_office() {
    let mut cluster = n3_needs_a_snapshot();
    let old = hold_snapshot(&mut cluster);
    cluster.isolate(3);
    for (former, next) in [(1, 2), (2, 1)] {
        cluster.on(former, RawNode::step_down);
        cluster.on(next, RawNode::forget_leader);
        cluster.elect(next);
    }
    cluster.compact(1);
    cluster.heal();
    let new = hold_snapshot(&mut cluster);
    assert_eq!((old.term.0, new.term.0), (1, 3));
    // The old one arrives, and its transport says so.
    cluster.step(old);
    assert_eq!(cluster.status(3).last_index, LogIndex(1), "n3 is in a newer term");
    cluster.on(1, |raw| raw.report_snapshot(NodeId(3), true));
    cluster.settle();
    assert_eq!(cluster.progress(1, 3).matched, LogIndex::ZERO);
    cluster.step(new);
    cluster.pass(5);
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Replicate { .. }));
    cluster.assert_agreement();
}

/// The snapshot that n1 sends to n3, which does not get it.
fn hold_snapshot(cluster: &mut Cluster) -> Envelope {
    let mut tick = || {
        cluster.tick(1, 1);
        while cluster.deliver(|m| kind(m) != "snapshot_request") > 0 {}
        cluster.network.take(|_| true).pop()
    };
    (0..10).find_map(|_| tick()).unwrap()
}

/// Elsewhere half of a snapshot that was refused stayed unread, and was taken for what came next.
#[test]
fn d14_refused_snapshot_leaves_nothing_behind() {
    let mut cluster = Cluster::of(3);
    cluster.step(snapshot(2, 1, 1, EntryId::new(9, 5)));
    assert!(matches!(cluster.refused[..], [StepError::MalformedSnapshot { .. }]));
    assert_eq!((cluster.take_said(), cluster.status(1).last_index), (vec![], LogIndex::ZERO));
    cluster.step(snapshot(2, 1, 1, EntryId::new(1, 4)));
    assert_eq!(cluster.take_said(), ["n1@1 → n2 AppendAccepted matched=4"]);
}

/// Elsewhere a node voted, or stood for election, with a log that it was just replacing.
#[test]
fn d15_nobody_is_elected_while_installing() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(snapshot(2, 1, 1, EntryId::new(1, 5)));
    assert!(matches!(cluster.on(1, RawNode::campaign), Err(CampaignError::InstallingSnapshot)));
    cluster.tick(1, 20);
    cluster.step(envelope(
        3,
        1,
        2,
        Message::VoteRequest { last: EntryId::new(1, 9), priority: 0, committed: None, transfer: false },
    ));
    cluster.finish_writes(1);
    let said = cluster.take_said();
    assert_eq!(
        said,
        ["n1@1 → n2 AppendAccepted matched=5", "n1@2 → n3 VoteResponse granted=false committed=5@1"]
    );
}

/// Elsewhere two snapshots under way at once left the first one's end for the second one's.
#[test]
fn c8_second_snapshot_while_the_first_is_written() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(snapshot(2, 1, 1, EntryId::new(1, 10)));
    cluster.step(snapshot(2, 1, 1, EntryId::new(1, 20)));
    cluster.finish_write(1);
    assert!(matches!(cluster.on(1, RawNode::campaign), Err(CampaignError::InstallingSnapshot)));
    cluster.finish_writes(1);
    assert_eq!((cluster.status(1).durable, cluster.status(1).applied), (LogIndex(20), LogIndex(20)));
}

/// Elsewhere a node that was restarted while it received a snapshot could not start any more.
#[test]
fn d17_restart_while_installing() {
    let mut cluster = n3_needs_a_snapshot();
    cluster.hold_writes(3);
    cluster.pass(3);
    cluster.crash(3);
    cluster.restart(3);
    assert_eq!(cluster.status(3).last_index, LogIndex(1));
    for _ in 0..40 {
        cluster.pass(1);
        cluster.finish_writes(3);
    }
    cluster.assert_agreement();
}

/// A follower of whom nobody has heard for an election timeout gets none either when its link is reported broken.
#[test]
fn d18_no_snapshot_over_a_broken_link() {
    let mut cluster = Cluster::with_config(3, |config| config.max_log_bytes_in_memory = 0);
    cluster.elect(1);
    cluster.crash(3);
    cluster.propose(1, "n3 is gone");
    cluster.pass(30);
    cluster.node(1).compact(0);
    cluster.on(1, |raw| raw.report_unreachable(NodeId(3)));
    let said = cluster.take_said();
    assert!(!said.iter().any(|line| line.contains("SnapshotRequest")), "{said:?}");
}

/// Elsewhere snapshots were sent again and again to a follower that could not take them, or was not there.
#[test]
fn d18_one_snapshot_at_a_time_and_none_to_the_dead() {
    let mut cluster = n3_needs_a_snapshot();
    let sent: usize = (0..15).map(|_| snapshots_lost_in_a_tick(&mut cluster)).sum();
    assert_eq!(sent, 1);
    cluster.crash(3);
    let sent: usize = (0..100).map(|_| snapshots_lost_in_a_tick(&mut cluster)).sum();
    assert!(sent <= 1, "{sent} snapshots to a dead node");
}

fn snapshots_lost_in_a_tick(cluster: &mut Cluster) -> usize {
    let mut lost = 0;
    cluster.tick(1, 1);
    while !cluster.network.in_flight.is_empty() {
        lost += cluster.network.take(|m| kind(m) == "snapshot_request").len();
        cluster.deliver(|_| true);
    }
    lost
}

/// Elsewhere a snapshot of nothing brought a node down.
#[test]
fn d19_snapshot_of_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.step(snapshot(2, 1, 1, EntryId::ZERO));
    assert_eq!(cluster.status(1).last_index, LogIndex::ZERO);
    assert_eq!(cluster.take_said(), ["n1@1 → n2 AppendAccepted matched=0"]);
}

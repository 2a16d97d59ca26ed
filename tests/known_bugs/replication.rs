//! Replication and commitment.

use harness::{Cluster, Node, Pace, envelope, kind, run_after};
use quorate::{
    Config, Entries, EntryId, HardState, LogIndex, MemStorage, Message, NodeId, ProgressState, StepError,
    Term,
};

fn append(
    from: u64,
    to: u64,
    term: u64,
    previous: EntryId,
    entries: Entries,
    commit: u64,
) -> quorate::Envelope {
    envelope(from, to, term, Message::AppendRequest { previous, entries, commit: LogIndex(commit) })
}

/// Three nodes, of which n1 leads and all have the given commands.
fn cluster_with(commands: &[&str]) -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for text in commands {
        cluster.propose(1, text);
        cluster.settle();
    }
    cluster
}

/// Elsewhere an entry of an earlier term was committed because a majority had it (Figure 8).
#[test]
fn b1_entry_of_an_earlier_term_on_a_majority() {
    let mut cluster = Cluster::with_logs(&[&[1, 2], &[1, 2], &[1], &[1], &[1, 3]]);
    cluster.restart_with(1, 3, None, 0);
    cluster.network.cut(NodeId(1), NodeId(5));
    cluster.lose("append_request");
    cluster.elect(1);
    assert_eq!(cluster.term(1), 4);
    // n2 and n3 get the entry of term 2, and not yet that of term 4.
    for follower in [2, 3] {
        cluster.step(append(1, follower, 4, EntryId::new(1, 1), run_after(1, &[2]), 0));
        cluster.settle();
        assert_eq!(cluster.progress(1, follower).matched, LogIndex(2), "so that a majority holds it");
    }
    assert_eq!(cluster.committed(1), 0);
}

/// Elsewhere an old append that came again cut off what had been appended, and acknowledged, since.
#[test]
fn b2_append_that_comes_again_removes_nothing() {
    let mut cluster = cluster_with(&[]);
    cluster.propose(1, "a");
    let old: Vec<_> = cluster.network.in_flight.iter().filter(|m| m.to == NodeId(2)).cloned().collect();
    cluster.propose(1, "b");
    cluster.deliver(|m| m.to == NodeId(2));
    assert_eq!(
        (cluster.terms(2), cluster.committed(2)),
        (vec![1, 1, 1], 1),
        "only the blank entry is committed"
    );
    cluster.take_said();
    old.into_iter().for_each(|message| cluster.step(message));
    assert_eq!(cluster.terms(2), [1, 1, 1]);
    assert_eq!(cluster.status(2).durable, LogIndex(3));
    assert_eq!(
        cluster.take_said(),
        ["n2@1 → n1 AppendAccepted matched=2"],
        "of \"b\" the old append says nothing"
    );
}

/// And from the very first entry on, before which there is nothing.
#[test]
fn b2_no_old_append_removes_anything() {
    let log = [1, 1, 2, 2];
    for (first, last) in (0..4).flat_map(|first| (first..=4).map(move |last| (first, last))) {
        let mut cluster = Cluster::with_logs(&[&log, &[], &[]]);
        let before = first as u64;
        let previous = run_after(0, &log[..first]).last_id().unwrap_or_default();
        cluster.step(append(2, 1, 2, previous, run_after(before, &log[first..last]), 0));
        assert_eq!((cluster.terms(1), cluster.status(1).durable), (log.to_vec(), LogIndex(4)));
        assert_eq!(cluster.take_said(), [format!("n1@2 → n2 AppendAccepted matched={last}")]);
    }
}

/// Elsewhere a probe whose previous entry was compacted had term 0, which "matched" beyond the follower's log.
#[test]
fn b3_probe_after_compaction_matches_nothing() {
    let mut cluster = Cluster::of(3);
    cluster.step(append(2, 1, 3, EntryId::new(0, 7), Entries::EMPTY, 7));
    assert_eq!(cluster.take_said(), ["n1@3 → n2 AppendRejected rejected=7 hint=0@0"]);
    assert_eq!(cluster.committed(1), 0);

    let mut cluster = cluster_with(&[]);
    cluster.isolate(3);
    for text in ["a", "b", "c"] {
        cluster.propose(1, text);
        cluster.settle();
    }
    cluster.compact(1);
    cluster.heal();
    cluster.pass(5);
    cluster.assert_agreement();
}

/// Elsewhere the leader searched for the place where long logs part one entry, or one page, at a time, or never.
#[test]
fn b4_and_b17_long_logs_that_differ_meet_in_few_turns() {
    let (mut old, mut new) = (vec![1], vec![1]);
    old.extend([2; 100]);
    new.extend([3; 100]);
    let mut cluster = Cluster::with_logs(&[&old, &new, &new]);
    cluster.on(3, quorate::RawNode::campaign).unwrap();
    let mut appends = 0;
    while !cluster.network.in_flight.is_empty() {
        appends +=
            cluster.network.in_flight.iter().filter(|m| kind(m) == "append_request" && m.to.0 == 1).count();
        cluster.deliver(|_| true);
    }
    assert_eq!(cluster.terms(1), cluster.terms(3));
    assert!(appends <= 3, "{appends} appends for one difference");
}

/// Elsewhere an answer to a heartbeat that came after newer acknowledgements was taken for a log that shrank.
#[test]
fn b6_answer_to_a_heartbeat_comes_late() {
    let mut cluster = cluster_with(&[]);
    cluster.tick(1, 1);
    cluster.deliver(|m| kind(m) == "heartbeat");
    let late = cluster.network.take(|m| kind(m) == "heartbeat_response");
    cluster.propose(1, "a");
    cluster.settle();
    late.into_iter().for_each(|message| cluster.step(message));
    cluster.settle();
    assert_eq!((cluster.committed(1), cluster.progress(1, 2).matched), (2, LogIndex(2)));
}

/// Elsewhere an acknowledgement from before the leader began to probe again counted for what was never acknowledged.
#[test]
fn b7_acknowledgement_from_before_a_reset() {
    let mut cluster = cluster_with(&["a"]);
    cluster.network.cut(NodeId(1), NodeId(3));
    cluster.propose(1, "b");
    cluster.deliver(|m| kind(m) == "append_request");
    let late = cluster.network.take(|m| kind(m) == "append_accepted");
    cluster.propose(1, "c");
    cluster.lose_in_flight();
    cluster.on(1, |raw| raw.report_unreachable(NodeId(2)));
    cluster.lose_in_flight();
    late.into_iter().for_each(|message| cluster.step(message));
    assert_eq!(cluster.progress(1, 2).matched, LogIndex(3), "b, and not c");
    assert_eq!(cluster.committed(1), 3);
    cluster.settle();
    assert_eq!(cluster.committed(1), 4, "and c is sent again");
}

/// And one that is as old as an earlier office of the same leader, for what its follower has lost since.
#[test]
fn b7_acknowledgement_from_an_earlier_office() {
    // n1 and n2 had 3@1, which n2 acknowledged; then n3 led, and replaced it on n2.
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[1, 1, 2], &[1, 1, 2], &[1, 1], &[1, 1]]);
    let late = envelope(2, 1, 1, Message::AppendAccepted { matched: LogIndex(3) });
    cluster.partition(&[&[1, 4, 5], &[2, 3]]);
    cluster.restart_with(1, 2, None, 0);
    cluster.elect(1);
    cluster.step(late);
    assert_eq!(cluster.progress(1, 2).matched, LogIndex::ZERO);
}

/// Elsewhere a leader that became a follower let the new leader replace what it had committed.
#[test]
fn b9_committed_entries_outlive_the_office() {
    let mut cluster = cluster_with(&["a"]);
    cluster.step(append(2, 1, 2, EntryId::ZERO, run_after(0, &[2, 2, 2]), 0));
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![1, 1], 2));
    cluster.step(append(2, 1, 2, EntryId::new(1, 1), run_after(1, &[2]), 0));
    assert_eq!((cluster.terms(1), cluster.committed(1)), (vec![1, 1], 2));
}

/// Elsewhere fuzzing found appends that made a follower read beyond the end of its log, or of the message.
#[test]
fn b11_any_append_is_survived() {
    let mut cluster = Cluster::of(3);
    let runs: [&[u64]; 7] = [&[], &[1], &[2], &[3], &[1, 1], &[1, 2, 3, 3], &[9]];
    for previous in (0..=5).chain([u64::MAX]) {
        for term in [0, 1, 2, 3, 9, u64::MAX] {
            for commit in (0..=8).chain([u64::MAX]) {
                // Also runs that do not follow the entry that they are said to follow.
                for (before, terms) in (0..=5).flat_map(|before| runs.map(|terms| (before, terms))) {
                    *cluster.node(1) = follower();
                    let entries = run_after(before, terms);
                    cluster.step(append(2, 1, 3, EntryId::new(term, previous), entries, commit));
                    assert_eq!(cluster.terms(1)[0], 1, "what is committed stays");
                    cluster.take_said();
                }
            }
        }
    }
    let is_refusal = |error: &StepError| matches!(error, StepError::MalformedAppend { .. });
    assert!(!cluster.refused.is_empty() && cluster.refused.iter().all(is_refusal));
}

/// With entries of the terms 1, 1 and 2, of which the first is committed.
fn follower() -> Node {
    let disk = MemStorage::with_voters((1..=3).map(NodeId));
    disk.append(&run_after(0, &[1, 1, 2])).unwrap();
    disk.set_hard_state(HardState { term: Term(2), vote: None, commit: LogIndex(1) });
    Node::new(Config::new(NodeId(1), 1), disk, Pace::AtOnce)
}

/// Elsewhere an append from below the compacted log brought the follower down.
#[test]
fn b12_append_from_below_the_first_entry() {
    let mut cluster = cluster_with(&["a", "b"]);
    cluster.compact(2);
    cluster.step(append(1, 2, 1, EntryId::ZERO, run_after(0, &[1]), 0));
    assert_eq!(cluster.take_said(), ["n2@1 → n1 AppendAccepted matched=3"]);
    cluster.step(append(3, 2, 4, EntryId::new(2, 1), run_after(1, &[3]), 0));
    assert_eq!(cluster.terms(2), [] as [u64; 0]);
}

/// Elsewhere acknowledgements in the wrong order left `next` at or below `match`.
#[test]
fn b13_acknowledgements_in_the_wrong_order() {
    let mut cluster = cluster_with(&[]);
    for text in ["a", "b", "c"] {
        cluster.propose(1, text);
    }
    cluster.deliver(|m| kind(m) == "append_request");
    let mut answers = cluster.network.take(|m| kind(m) == "append_accepted");
    assert_eq!(answers.len(), 6);
    answers.reverse();
    answers.into_iter().for_each(|message| cluster.step(message));
    let progress = cluster.progress(1, 2);
    assert_eq!((progress.matched, progress.next), (LogIndex(4), LogIndex(5)));
}

/// Elsewhere a follower that missed the commit index never learned it, for nothing else was to be sent.
#[test]
fn b16_commit_index_is_told_again() {
    let mut cluster = cluster_with(&[]);
    cluster.lose("commit_notice");
    cluster.lose("heartbeat");
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!((cluster.committed(1), cluster.committed(2)), (2, 1));
    cluster.heal();
    cluster.pass(1);
    assert_eq!(cluster.committed(2), 2);
}

/// Elsewhere the leader sent the same append again and again at once to a follower that could only refuse it.
#[test]
fn b18_follower_that_lost_its_log_is_asked_with_each_heartbeat() {
    let mut cluster = cluster_with(&["a", "b"]);
    cluster.crash(3);
    // A new disk under an old id: not allowed, and yet nobody must spin.
    let disk = MemStorage::with_voters((1..=3).map(NodeId));
    *cluster.node(3) = Node::new(Config::new(NodeId(3), 9), disk, Pace::AtOnce);
    cluster.propose(1, "c");
    // That this settles at all is the point.
    cluster.pass(5);
    assert!(matches!(cluster.progress(1, 3).state, ProgressState::Probe { .. }));
}

/// And one whose messages ended before the place where the logs part said the same for ever, and was agreed with.
#[test]
fn b18_logs_part_beyond_the_first_message() {
    let logs: [&[u64]; 3] = [&[1, 1, 1, 1, 3], &[1, 1, 1, 1, 3], &[1, 1, 1, 2]];
    let mut cluster = Cluster::with_logs_and_config(&logs, |config| config.max_message_bytes = 1);
    cluster.elect(1);
    assert_eq!(cluster.terms(3), [1, 1, 1, 1, 3, 4]);
}

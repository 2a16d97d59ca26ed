//! Writes and applies that take their time: what may not be said before they are done.

use harness::{Cluster, envelope, kind, run_after};
use quorate::{Echo, Entries, EntryId, LogIndex, Message, NodeId, Proposed, RawNode, RoleKind};

fn append(from: u64, term: u64, previous: EntryId, entries: Entries) -> quorate::Envelope {
    envelope(from, 1, term, Message::AppendRequest { previous, entries, commit: LogIndex::ZERO })
}

/// Elsewhere a node that was alone committed, applied and acknowledged an entry before it was durable.
#[test]
fn c1_alone_and_not_durable() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.propose(1, "a");
    cluster.propose(1, "b");
    cluster.finish_applies(1);
    assert_eq!((cluster.committed(1), cluster.applied(1).len()), (1, 0));
    cluster.finish_write(1);
    cluster.finish_applies(1);
    assert_eq!(
        (cluster.committed(1), cluster.applied(1)),
        (2, vec!["a".to_owned()]),
        "b is still being written"
    );
    cluster.finish_writes(1);
    assert_eq!((cluster.committed(1), cluster.applied(1).len()), (3, 2));
}

/// Elsewhere a client was told that its entry was replicated, although it had been cut off the log between the write
/// and the look at the term.
#[test]
fn b10_write_ends_when_its_entry_is_replaced() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.hold_writes(1);
    assert_eq!(cluster.propose(1, "a"), Proposed::Appended(EntryId::new(1, 2)));
    cluster.lose_in_flight();
    cluster.step(append(2, 2, EntryId::new(1, 1), run_after(1, &[2])));
    cluster.finish_write(1);
    assert_eq!(cluster.terms(1), [1, 1], "2@1 is on disk");
    assert_eq!(cluster.status(1).durable, LogIndex(1), "and no longer in the log");
    let heartbeat = Message::Heartbeat { commit: LogIndex(2), echo: Echo::default() };
    cluster.step(envelope(2, 1, 2, heartbeat));
    cluster.finish_writes(1);
    assert_eq!(
        cluster.node(1).machine.last(),
        EntryId::new(2, 2),
        "who waits for 2@1 is told that 2@2 took its place"
    );
}

/// Elsewhere entries on their way to the disk shared memory with later ones, and changed under the writer's hands.
#[test]
fn b15_what_a_ready_holds_never_changes() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    let mut held = Vec::new();
    cluster.node(1).raw().propose("a").unwrap();
    cluster.node(1).take_ready(|ready| held.extend(ready.entries.clone()));
    cluster.propose(1, "b");
    assert_eq!((held.len(), held[0].to_string(), &**held[0][0].data()), (1, "[2@1]".to_owned(), &b"a"[..]));

    let mut cluster = Cluster::of(3);
    held.clear();
    cluster.node(1).raw().step(append(2, 1, EntryId::ZERO, run_after(0, &[1, 1, 1]))).unwrap();
    cluster.node(1).take_ready(|ready| held.extend(ready.entries.clone()));
    cluster.step(append(3, 2, EntryId::new(1, 1), run_after(1, &[2, 2])));
    assert_eq!((cluster.terms(1), held), (vec![1, 2, 2], vec![run_after(0, &[1, 1, 1])]));
}

/// Elsewhere a new leader counted its own first entry while it was still being written.
#[test]
fn c2_leader_counts_itself_when_it_has_written() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.on(1, RawNode::campaign).unwrap();
    cluster.settle();
    cluster.finish_writes(1);
    cluster.deliver(|m| kind(m) == "vote_request");
    cluster.deliver(|m| kind(m) == "vote_response");
    assert!(cluster.leads(1), "its vote is durable, and the entry that opens its term is not");
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.deliver(|m| m.to == NodeId(1));
    assert_eq!((cluster.terms(2), cluster.committed(1)), (vec![1], 0), "n2 alone has written it");
    cluster.deliver(|m| m.to == NodeId(3));
    cluster.deliver(|m| m.to == NodeId(1));
    assert_eq!(cluster.committed(1), 1, "n2 and n3 are a quorum without it");
    cluster.finish_applies(1);
    assert_eq!(cluster.status(1).applied, LogIndex(0), "but it applies only what it has written itself");
    cluster.finish_writes(1);
    assert_eq!(cluster.status(1).applied, LogIndex(1));
}

/// Elsewhere an empty append, or one that came twice, was acknowledged while the entries were still being written.
#[test]
fn c3_acknowledgement_waits_for_the_write() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    let entries = run_after(0, &[1, 1]);
    cluster.step(append(2, 1, EntryId::ZERO, entries.clone()));
    cluster.step(append(2, 1, EntryId::ZERO, entries));
    cluster.step(append(2, 1, EntryId::new(1, 2), Entries::EMPTY));
    assert_eq!(cluster.take_said(), [] as [&str; 0]);
    cluster.finish_write(1);
    assert_eq!(cluster.take_said(), ["n1@1 → n2 AppendAccepted matched=2"]);
}

/// Elsewhere entries were replaced, and replaced again by what had stood there first, while all three writes were
/// under way; the first one's end was taken for the last one's.
#[test]
fn c4_same_entries_come_back_while_they_are_written() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(append(2, 1, EntryId::ZERO, run_after(0, &[1, 1, 1])));
    cluster.step(append(3, 2, EntryId::new(1, 1), run_after(1, &[2])));
    cluster.step(append(2, 3, EntryId::new(1, 1), run_after(1, &[1, 1])));
    cluster.finish_write(1);
    assert_eq!(cluster.status(1).durable, LogIndex(1), "2@1 is on disk, but the disk will lose it once more");
    assert!(!cluster.take_said().iter().any(|line| line.starts_with("n1@3")));
    cluster.finish_write(1);
    assert_eq!(cluster.status(1).durable, LogIndex(1));
    cluster.finish_write(1);
    assert_eq!(cluster.status(1).durable, LogIndex(3));
    assert_eq!(cluster.take_said().last().unwrap(), "n1@3 → n2 AppendAccepted matched=3");
}

/// And the write ends when the entries are replaced already, but nothing of that is on its way yet.
#[test]
fn c4_write_ends_when_its_entries_are_replaced_in_memory() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(append(2, 1, EntryId::ZERO, run_after(0, &[1, 1, 1])));
    cluster.node(1).raw().step(append(3, 2, EntryId::new(1, 1), run_after(1, &[2, 2]))).unwrap();
    cluster.node(1).finish_write();
    assert_eq!(cluster.status(1).durable, LogIndex(1));
    cluster.process(1);
    cluster.finish_write(1);
    assert_eq!(cluster.status(1).durable, LogIndex(3));
}

/// And what was durable before is no longer, from where it is replaced, until its successor is.
#[test]
fn c4_durable_entries_are_replaced() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 1], &[], &[]]);
    cluster.hold_writes(1);
    cluster.step(append(3, 2, EntryId::new(1, 1), run_after(1, &[2, 2])));
    assert_eq!(cluster.status(1).durable, LogIndex(1));
    cluster.finish_write(1);
    assert_eq!(cluster.status(1).durable, LogIndex(3));
}

/// Elsewhere the next page of committed entries was computed without those that were still being applied.
#[test]
fn c6_pages_of_committed_entries_while_none_is_applied() {
    let mut cluster = Cluster::with_config(1, |config| config.max_committed_bytes_per_ready = 20);
    cluster.elect(1);
    let commands: Vec<_> = (0..10).map(|number| number.to_string()).collect();
    cluster.hold_writes(1);
    for text in &commands {
        cluster.propose(1, text);
    }
    while cluster.committed(1) < 11 {
        cluster.finish_write(1);
    }
    assert_eq!(cluster.status(1).applied, LogIndex(1), "ten Readys with entries are under way");
    // The state machine itself refuses entries out of order, or twice.
    cluster.finish_writes(1);
    assert_eq!(cluster.applied(1), commands);
}

/// Elsewhere reports of writes that came in the wrong order lost progress.
#[test]
fn c7_reports_of_writes_in_the_wrong_order() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    let mut numbers = Vec::new();
    for (term, before) in [(1, 0), (1, 1)] {
        let previous = EntryId::new(before.min(1), before);
        cluster.node(1).raw().step(append(2, term, previous, run_after(before, &[1]))).unwrap();
        cluster.node(1).take_ready(|ready| numbers.push(ready.number));
    }
    cluster.node(1).raw().on_written(numbers[1]);
    assert_eq!(cluster.status(1).durable, LogIndex(2));
    cluster.node(1).raw().on_written(numbers[0]);
    assert_eq!(cluster.status(1).durable, LogIndex(2));
}

/// Elsewhere entries that were read for a follower were sent when their reader no longer led, as if it did.
#[test]
fn c9_leader_changes_between_reading_and_sending() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, "a");
    let read = cluster.network.take(|m| kind(m) == "append_request");
    cluster.tick(1, 20);
    cluster.tick(2, 10);
    cluster.tick(3, 10);
    cluster.lose_in_flight();
    cluster.elect(2);
    read.into_iter().for_each(|message| cluster.step(message));
    cluster.settle();
    assert!(cluster.leads(2) && cluster.refused.is_empty(), "{:?}", cluster.refused);
    assert!((1..=3).all(|id| cluster.terms(id) == [1, 2] && cluster.applied(id).is_empty()));
}

/// Elsewhere what was committed and not yet durable was applied, where that was allowed to leaders only.
#[test]
fn c10_nothing_is_applied_that_a_crash_takes_away() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.hold_writes(3);
    cluster.propose(1, "a");
    cluster.settle();
    cluster.finish_write(3);
    cluster.settle();
    assert_eq!(cluster.committed(1), 2, "by the disks of n2 and n3");
    cluster.finish_applies(1);
    assert_eq!(cluster.status(1).applied, LogIndex(1), "not while it leads");
    cluster.step(envelope(2, 1, 2, Message::Heartbeat { commit: LogIndex(2), echo: Echo::default() }));
    cluster.finish_applies(1);
    assert_eq!(
        (cluster.role(1), cluster.applied(1).len()),
        (RoleKind::Follower, 0),
        "nor when it no longer does"
    );
    cluster.crash(1);
    assert!(cluster.node(1).machine.index() <= cluster.last_on_disk(1).index);
    // n3 has written the entry, and not yet that it is committed.
    cluster.finish_writes(3);
    assert_eq!(cluster.applied(3), ["a"]);
}

/// Elsewhere a node that stood for election while entries were being written never got anywhere.
#[test]
fn c19_candidate_whose_entries_are_still_being_written() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.hold_writes(2);
    cluster.propose(1, "a");
    cluster.deliver(|m| m.to == NodeId(2));
    cluster.crash(1);
    cluster.tick(3, 10);
    cluster.lose_in_flight();
    cluster.tick(2, 20);
    cluster.settle();
    assert_eq!(cluster.role(2), RoleKind::Candidate, "its request for votes waits for its own vote");
    for _ in 0..3 {
        cluster.finish_writes(2);
        cluster.settle();
    }
    assert!(cluster.leads(2));
    assert_eq!(cluster.applied(2), ["a"]);
}

/// Elsewhere the answer to an append was sent in the term, and the role, that the node had when the write ended.
#[test]
fn c20_term_changes_while_entries_are_written() {
    let mut cluster = Cluster::of(3);
    cluster.hold_writes(1);
    cluster.step(append(2, 1, EntryId::ZERO, run_after(0, &[1])));
    cluster.step(envelope(
        3,
        1,
        5,
        Message::VoteRequest { last: EntryId::new(4, 4), priority: 0, committed: None, transfer: false },
    ));
    cluster.finish_write(1);
    let ack = cluster.network.take(|_| true).pop().unwrap();
    assert_eq!(ack.to_string(), "n1@1 → n2 AppendAccepted matched=1");
    // Whoever leads a newer term by then is not misled.
    cluster.on(2, RawNode::campaign).unwrap();
    cluster.settle();
    cluster.step(ack);
    assert!(cluster.refused.is_empty());
}

/// Elsewhere the commit index that a leader learned from others was told to nobody until its own slow disk was done.
#[test]
fn c2_slow_leader_still_serves_its_followers() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.hold_writes(1);
    cluster.propose(1, "a");
    cluster.settle();
    assert_eq!(cluster.applied(2), ["a"]);
    assert!(cluster.network.take(|m| kind(m) == "append_request").is_empty());
}

//! The order in which a Ready is handed out.

use std::sync::Arc;

use parking_lot::Mutex;
use slog::{Discard, Logger, o};

use super::*;
use crate::{
    consensus::{
        Config, Entry, Forward, ForwardId, ForwardOutcome, LogIndex, Membership, Message, NodeId, Snapshot,
        StorageError, Term,
    },
    runtime::{
        Applier, Completion, Options, Outcome, UnknownReason, Writer, compaction::Compaction,
        journal::Journal,
    },
    storage::{MemStorage, SnapshotSaver, StorageWriter},
};

/// Notes what is written and sent, in order.
#[derive(Clone)]
struct Recorder {
    inner: MemStorage,
    events: Arc<Mutex<Vec<&'static str>>>,
}

impl Transport for Recorder {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        self.events.lock().extend(messages.drain(..).map(|envelope| envelope.message.name()));
    }
}

impl StorageWriter for Recorder {
    type Reader = MemStorage;

    fn reader(&self) -> MemStorage {
        self.inner.reader()
    }

    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        self.events.lock().push("write");
        self.inner.stage(ready)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        self.events.lock().push("sync");
        self.inner.sync()
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        self.inner.snapshot_saver()
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        self.inner.compact(snapshot, keep)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        StorageWriter::snapshot(&self.inner)
    }
}

/// Node 1 of two.
struct Node {
    driver: Driver<Journal>,
    writer: Writer<Recorder>,
    applier: Applier<Journal>,
    recorder: Recorder,
}

impl Node {
    fn new() -> Self {
        let recorder =
            Recorder { inner: MemStorage::with_voters([1, 2].map(NodeId)), events: Arc::default() };
        let (logger, options) = (Logger::root(Discard, o!()), Options::default());
        let config = Config { pre_vote: false, ..Config::new(NodeId(1), 1) };
        let (driver, writer, applier) =
            Driver::open(config, options, Journal::default(), recorder.clone(), logger).unwrap();
        Self { driver, writer, applier, recorder }
    }

    /// Takes in a message from node 2.
    fn deliver(&mut self, term: u64, message: Message) {
        let envelope = Envelope { from: NodeId(2), to: NodeId(1), term: Term(term), message };
        self.driver.on_message(envelope).unwrap();
    }

    /// Hands out all that is wanted before anything of it is done; what was sent.
    fn hand_out(&mut self) -> Vec<&'static str> {
        while self.driver.has_work() {
            self.driver.run(&mut self.recorder).unwrap();
        }
        self.events()
    }

    /// Writes all that was handed out; what happened then.
    fn write(&mut self) -> Vec<&'static str> {
        let report = self.writer.run(self.driver.take_write_jobs()).unwrap();
        self.driver.on_written(report, &mut self.recorder).unwrap();
        self.events()
    }

    fn apply(&mut self) {
        let report = self.applier.run(self.driver.take_apply_jobs()).unwrap();
        self.driver.on_applied(report);
    }

    fn events(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.recorder.events.lock())
    }

    fn lines(&self) -> &[String] {
        &self.applier.state_machine().lines
    }
}

fn append(term: u64, previous: EntryId, commands: &[&'static str], commit: u64) -> Message {
    let ids = (previous.index.0 + 1..).map(|index| EntryId::new(term, index));
    let entries: Vec<_> = ids.zip(commands).map(|(id, command)| Entry::command(id, *command)).collect();
    let entries = Entries::try_from(entries).unwrap();
    Message::AppendRequest { previous, entries, commit: LogIndex(commit) }
}

fn vote_request(last: EntryId) -> Message {
    Message::VoteRequest { last, priority: 0, committed: None, transfer: true }
}

#[test]
fn what_promises_something_is_sent_after_it_is_written() {
    let mut node = Node::new();
    node.deliver(1, append(1, EntryId::ZERO, &["a"], 0));
    assert!(node.hand_out().is_empty());
    assert_eq!(node.write(), ["write", "sync", "append_accepted"]);
    node.deliver(2, vote_request(EntryId::new(1, 1)));
    assert!(node.hand_out().is_empty());
    assert_eq!(node.write(), ["write", "sync", "vote_response"]);
}

#[test]
fn a_leader_sends_its_entries_before_it_writes_them() {
    let mut node = Node::new();
    node.driver.campaign();
    node.hand_out();
    node.write();
    node.deliver(1, Message::VoteResponse { granted: true, committed: None });
    assert!(node.hand_out().contains(&"append_request"));
    assert_eq!(node.write(), ["write", "sync"]);
}

#[test]
fn several_readys_are_written_with_one_sync() {
    let mut node = Node::new();
    for index in 0..3 {
        let previous = EntryId::new(u64::from(index > 0), index);
        node.deliver(1, append(1, previous, &["a"], 0));
        assert!(node.hand_out().is_empty());
    }
    let accepted = "append_accepted";
    assert_eq!(node.write(), ["write", "write", "write", "sync", accepted, accepted, accepted]);
    assert_eq!(node.driver.status().core.durable, LogIndex(3));
}

/// Elsewhere a doubled append was acknowledged at once, while its first copy was still being written.
#[test]
fn an_acknowledgement_that_writes_nothing_waits_for_the_writes_before_it() {
    let mut node = Node::new();
    for _ in 0..2 {
        node.deliver(1, append(1, EntryId::ZERO, &["a"], 0));
        assert!(node.hand_out().is_empty(), "nothing of it is durable");
    }
    assert_eq!(node.write(), ["write", "sync", "append_accepted", "append_accepted"]);
    node.deliver(1, append(1, EntryId::ZERO, &["a"], 0));
    assert_eq!(node.hand_out(), ["append_accepted"], "now it is");
}

#[test]
fn what_is_committed_is_handed_out_when_it_is_durable_here() {
    let mut node = Node::new();
    node.deliver(1, append(1, EntryId::ZERO, &["a"], 1));
    node.hand_out();
    assert_eq!(node.driver.take_apply_jobs().len(), 0, "a crash could take it back");
    node.write();
    node.hand_out();
    node.apply();
    assert_eq!(node.lines(), ["a"]);
}

#[test]
fn a_commit_index_alone_wakes_no_disk_and_is_written_with_what_comes_next() {
    let mut node = Node::new();
    let hard_state = |node: &Node| node.recorder.inner.hard_state().commit;
    node.deliver(1, append(1, EntryId::ZERO, &["a"], 0));
    node.hand_out();
    node.write();
    node.deliver(1, Message::CommitNotice { commit: LogIndex(1) });
    node.hand_out();
    assert_eq!(node.driver.take_write_jobs().len(), 0);
    node.apply();
    assert_eq!((node.lines().len(), hard_state(&node)), (1, LogIndex(0)));
    node.deliver(1, append(1, EntryId::new(1, 1), &["b"], 1));
    node.hand_out();
    node.write();
    assert_eq!(hard_state(&node), LogIndex(1));
}

#[test]
fn a_forward_that_is_appended_and_committed_in_one_ready_is_answered() {
    let mut node = Node::new();
    let (mut completion, mut ticket) = Completion::ticket();
    completion.put_in_doubt();
    let id = ForwardId { origin: NodeId(1), sequence: 7 };
    node.driver.waiters.wait_for_forward(id, completion);
    let entries = Entries::try_from(vec![Entry::command(EntryId::new(1, 1), "a")]).unwrap();
    let ready = Ready {
        committed: vec![entries],
        forwards: vec![Forward { id, outcome: ForwardOutcome::Appended(EntryId::new(1, 1)) }],
        ..Ready::default()
    };
    node.driver.hand_out(Box::new(ready), &mut node.recorder).unwrap();
    node.apply();
    assert_eq!(ticket.try_take(), Some(Outcome::Applied(1)));
}

/// The leader's snapshot up to `5@2`.
fn snapshot() -> Message {
    let membership = Membership::of_voters([1, 2].map(NodeId));
    let snapshot = Snapshot { last: EntryId::new(2, 5), membership, data: "a\nb\n".into() };
    Message::SnapshotRequest { snapshot: Box::new(snapshot) }
}

#[test]
fn a_state_machine_is_restored_when_the_snapshot_is_durable() {
    let mut node = Node::new();
    node.deliver(2, snapshot());
    assert!(node.hand_out().is_empty());
    assert_eq!(node.driver.take_apply_jobs().len(), 0, "a crash would leave it ahead of its log");
    assert_eq!(node.write(), ["write", "sync", "append_accepted"]);
    node.apply();
    assert_eq!(node.lines(), ["a", "b"]);
    assert_eq!(node.driver.status().core.applied, LogIndex(5));
}

#[test]
fn what_was_handed_out_before_a_snapshot_came_is_applied_before_it_is_restored() {
    let mut node = Node::new();
    node.deliver(2, append(2, EntryId::ZERO, &["x", "y"], 2));
    node.hand_out();
    node.write();
    node.hand_out();
    node.deliver(2, snapshot());
    node.hand_out();
    node.write();
    let jobs: Vec<_> = node.driver.take_apply_jobs().collect();
    assert!(matches!(jobs[..], [ApplyJob::Apply(_), ApplyJob::Restore { .. }]));
    let report = node.applier.run(jobs).unwrap();
    node.driver.on_applied(report);
    assert_eq!(node.lines(), ["a", "b"]);
}

#[test]
fn who_waits_for_what_a_snapshot_contains_is_told() {
    let mut node = Node::new();
    let (completion, mut ticket) = Completion::ticket();
    node.driver.waiters.wait_for_entry(EntryId::new(1, 3), completion, 0);
    node.deliver(2, snapshot());
    node.hand_out();
    node.write();
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::PassedBySnapshot)));
}

#[test]
fn a_snapshot_that_the_leader_has_overtaken_is_not_put_in_force() {
    let mut node = Node::new();
    node.driver.compaction = Compaction::new(0, LogIndex::ZERO, node.recorder.snapshot_saver());
    node.deliver(2, append(2, EntryId::ZERO, &["x"], 1));
    node.hand_out();
    node.write();
    node.hand_out();
    node.apply();
    let task = node.driver.take_snapshot_task().unwrap();
    node.deliver(2, snapshot());
    node.hand_out();
    node.driver.on_snapshot_made(task.run());
    assert!(node.driver.take_write_jobs().all(|job| matches!(job, WriteJob::Write(_))));
}

#[test]
fn a_transport_that_panics_is_told_from_the_core() {
    struct Broken;
    impl Transport for Broken {
        fn send(&mut self, _messages: &mut Vec<Envelope>) {
            panic!("no route");
        }
    }
    let mut node = Node::new();
    node.driver.campaign();
    node.driver.run(&mut Broken).unwrap();
    let report = node.writer.run(node.driver.take_write_jobs()).unwrap();
    let reason = node.driver.on_written(report, &mut Broken).unwrap_err();
    assert!(matches!(reason, StopReason::Panicked { part: Part::Transport, .. }), "{reason}");
}

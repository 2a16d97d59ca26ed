//! The order in which a Ready is carried out.

use std::sync::Arc;

use parking_lot::Mutex;
use slog::{Discard, Logger, o};

use super::*;
use crate::{
    consensus::{
        Config, Entries, Entry, EntryId, Forward, ForwardId, ForwardOutcome, LogIndex, Membership, Message,
        NodeId, StorageError, Term,
    },
    runtime::{Completion, Options, UnknownReason, journal::Journal},
    storage::{MemStorage, SnapshotSaver},
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
fn node() -> (Driver<Journal, Recorder>, Recorder) {
    let recorder = Recorder { inner: MemStorage::with_voters([1, 2].map(NodeId)), events: Arc::default() };
    let logger = Logger::root(Discard, o!());
    let config = Config { pre_vote: false, ..Config::new(NodeId(1), 1) };
    let node = Driver::new(config, Options::default(), Journal::default(), recorder.clone(), logger).unwrap();
    (node, recorder)
}

/// Delivers a message from node 2, and tells what is done then.
fn after(
    (node, recorder): &mut (Driver<Journal, Recorder>, Recorder),
    term: u64,
    message: Message,
) -> Vec<&'static str> {
    node.on_message(Envelope { from: NodeId(2), to: NodeId(1), term: Term(term), message }).unwrap();
    while node.has_work() {
        node.run(recorder).unwrap();
    }
    std::mem::take(&mut *recorder.events.lock())
}

fn entry() -> Entries {
    Entries::try_from(vec![Entry::command(EntryId::new(1, 1), "a")]).unwrap()
}

#[test]
fn what_promises_something_is_sent_after_it_is_written() {
    let mut node = node();
    let append = Message::AppendRequest { previous: EntryId::ZERO, entries: entry(), commit: LogIndex::ZERO };
    assert_eq!(after(&mut node, 1, append), ["write", "append_accepted"]);
    let vote_request =
        Message::VoteRequest { last: EntryId::new(1, 1), priority: 0, committed: None, transfer: true };
    assert_eq!(after(&mut node, 2, vote_request), ["write", "vote_response"]);
}

#[test]
fn a_leader_sends_its_entries_before_it_writes_them() {
    let mut node = node();
    node.0.campaign();
    let won = after(&mut node, 1, Message::VoteResponse { granted: true, committed: None });
    let position = |name| won.iter().rposition(|event| *event == name);
    assert!(position("append_request").is_some_and(|sent| Some(sent) < position("write")), "{won:?}");
}

#[test]
fn a_forward_that_is_appended_and_committed_in_one_ready_is_answered() {
    let (mut node, mut recorder) = node();
    let (mut completion, mut ticket) = Completion::ticket();
    completion.put_in_doubt();
    let id = ForwardId { origin: NodeId(1), sequence: 7 };
    node.waiters.wait_for_forward(id, completion);
    let ready = Ready {
        committed: vec![entry()],
        forwards: vec![Forward { id, outcome: ForwardOutcome::Appended(EntryId::new(1, 1)) }],
        ..Ready::default()
    };
    node.execute(ready, &mut recorder).unwrap();
    assert_eq!(ticket.try_take(), Some(Outcome::Applied(1)));
}

#[test]
fn who_waits_for_what_a_snapshot_contains_is_told() {
    let (mut node, mut recorder) = node();
    let (completion, mut ticket) = Completion::ticket();
    node.waiters.wait_for_entry(EntryId::new(1, 3), completion, 0);
    let membership = Membership::of_voters([1, 2].map(NodeId));
    let snapshot = Snapshot { last: EntryId::new(2, 5), membership, data: "a\nb\n".into() };
    let ready = Ready { snapshot: Some(Box::new(snapshot)), ..Ready::default() };
    node.execute(ready, &mut recorder).unwrap();
    assert_eq!(node.state_machine.lines, ["a", "b"]);
    assert_eq!(ticket.try_take(), Some(Outcome::Unknown(UnknownReason::PassedBySnapshot)));
}

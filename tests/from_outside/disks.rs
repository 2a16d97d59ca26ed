//! What a disk may answer, and what it cannot have been left with.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use harness::{envelope, kind, log_of};
use quorate::{
    Config, Entries, EntryId, HardState, InitialState, LogIndex, MemStorage, Message, NewError, NodeId,
    RawNode, Snapshot, Storage, StorageError, StorageWriter, Term,
};
use slog::{Discard, Logger, o};

/// n1's disk among three voters, with the entries 1 to 5 of term 2, all committed; the first three are in a snapshot.
fn compacted() -> MemStorage {
    let disk = MemStorage::with_voters((1..=3).map(NodeId));
    disk.append(&log_of(&[2; 5])).unwrap();
    disk.set_hard_state(HardState { term: Term(2), vote: None, commit: LogIndex(5) });
    disk.create_snapshot(LogIndex(3), Bytes::from_static(b"state")).unwrap();
    disk.compact_to(LogIndex(3)).unwrap();
    disk
}

fn config() -> Config {
    let mut config = Config::new(NodeId(1), 7);
    config.pre_vote = false;
    config
}

fn start(config: Config, storage: impl Storage + 'static) -> Result<RawNode, NewError> {
    RawNode::new(config, storage, Logger::root(Discard, o!()))
}

fn refused(change: impl FnOnce(&mut Config, &MemStorage)) -> NewError {
    let (mut config, disk) = (config(), compacted());
    change(&mut config, &disk);
    start(config, disk).err().expect("no crash leaves that behind")
}

/// Each piece is sound by itself; together they cannot come from one node's life.
#[test]
fn what_no_crash_leaves_behind_is_refused_with_the_reason() {
    let set = |term: u64, commit| {
        let hard_state = HardState { term: Term(term), vote: None, commit: LogIndex(commit) };
        refused(|_, disk| disk.set_hard_state(hard_state))
    };
    assert!(matches!(set(2, 6), NewError::CommitBeyondLog { commit: LogIndex(6), last: LogIndex(5) }));
    assert!(matches!(set(1, 5), NewError::TermBehindLog { term: Term(1), last_term: Term(2) }));
    assert!(matches!(set(u64::MAX, 5), NewError::BeyondLast { .. }));
    let applied = |index| refused(|config, _| config.applied = LogIndex(index));
    assert!(matches!(applied(6), NewError::AppliedBeyondLog { applied: LogIndex(6), last: LogIndex(5) }));
    assert!(matches!(applied(2), NewError::AppliedBeforeLog { applied: LogIndex(2), first: LogIndex(4) }));
}

/// A disk whose snapshot takes its time.
struct Slow {
    disk: MemStorage,
    is_made: Arc<AtomicBool>,
}

impl Storage for Slow {
    fn initial_state(&self) -> Result<InitialState, StorageError> {
        self.disk.initial_state()
    }

    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        self.disk.entries(first, last, max_bytes)
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        self.disk.term(index)
    }

    fn first_index(&self) -> Result<LogIndex, StorageError> {
        self.disk.first_index()
    }

    fn last_index(&self) -> Result<LogIndex, StorageError> {
        Storage::last_index(&self.disk)
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        let is_made = self.is_made.load(Ordering::Relaxed);
        if is_made {
            Storage::snapshot(&self.disk)
        } else {
            Err(StorageError::SnapshotTemporarilyUnavailable)
        }
    }
}

/// Carries out all that the node wants done; what it sends to n3.
fn sent_to_the_third(node: &mut RawNode, disk: &mut MemStorage) -> Vec<&'static str> {
    let mut sent = Vec::new();
    while node.has_ready() {
        let ready = node.ready().unwrap();
        let messages = ready.messages.iter().chain(&ready.messages_after_write);
        sent.extend(messages.filter(|message| message.to == NodeId(3)).map(kind));
        disk.write(&ready).unwrap();
        node.advance(ready);
    }
    sent
}

/// Asked once, the disk is still at it: the leader goes on, and asks again when the follower shows that it is there.
#[test]
fn a_snapshot_that_is_still_being_made_is_asked_for_again() {
    let (mut disk, is_made) = (compacted(), Arc::new(AtomicBool::new(false)));
    let slow = Slow { disk: disk.clone(), is_made: Arc::clone(&is_made) };
    let mut node = start(config(), slow).unwrap();
    let from = |id, message| envelope(id, 1, 3, message);

    node.campaign().unwrap();
    sent_to_the_third(&mut node, &mut disk);
    node.step(from(2, Message::VoteResponse { granted: true, committed: None })).unwrap();
    assert_eq!(sent_to_the_third(&mut node, &mut disk), ["append_request"]);
    let nothing = Message::AppendRejected { rejected: LogIndex(5), hint: EntryId::ZERO };
    node.step(from(3, nothing)).unwrap();
    assert!(sent_to_the_third(&mut node, &mut disk).is_empty(), "there is no snapshot to send");

    is_made.store(true, Ordering::Relaxed);
    node.tick();
    assert_eq!(sent_to_the_third(&mut node, &mut disk), ["heartbeat"]);
    node.step(from(3, Message::HeartbeatResponse { echo: quorate::Echo::default() })).unwrap();
    node.tick();
    assert_eq!(sent_to_the_third(&mut node, &mut disk), ["heartbeat", "snapshot_request"]);
}

//! Storage that fails, that gives more than it was asked for, and that has lost something.

use std::{
    collections::VecDeque,
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use harness::{envelope, log_of};
use quorate::{
    Config, Entries, EntryId, Envelope, HardState, InitialState, LogIndex, MemStorage, Message, NewError,
    NodeId, RawNode, RestoreError, Snapshot, SnapshotWriter, StateMachine, StepError, Storage, StorageError,
    StorageWriter, Term,
    runtime::{Driver, Options, StartError},
};
use slog::{Discard, Logger, o};

/// Two of the entries that [`log_of`] makes.
const PAGE_BYTES: usize = 40;

/// Old entries are read from the disk, two at a time.
fn config() -> Config {
    let mut config = Config::new(NodeId(1), 1);
    (config.pre_vote, config.max_log_bytes_in_memory) = (false, 0);
    (config.max_message_bytes, config.max_committed_bytes_per_ready) = (PAGE_BYTES, PAGE_BYTES);
    config
}

fn disk(terms: &[u64], term: u64, commit: u64) -> MemStorage {
    let disk = MemStorage::with_voters((1..=3).map(NodeId));
    disk.append(&log_of(terms)).unwrap();
    disk.set_hard_state(HardState { term: Term(term), vote: None, commit: LogIndex(commit) });
    disk
}

fn logger() -> Logger {
    Logger::root(Discard, o!())
}

/// The read side of a disk that is not what it should be.
struct Reader {
    disk: MemStorage,
    /// After so many reads, one fails.
    reads_left: Arc<AtomicUsize>,
    /// Whether it gives all entries that it has, whatever it was asked for.
    is_generous: bool,
}

impl Reader {
    fn new(disk: &MemStorage) -> Self {
        Self { disk: disk.clone(), reads_left: Arc::new(usize::MAX.into()), is_generous: false }
    }

    fn count(&self) -> Result<(), StorageError> {
        match self.reads_left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(std::io::Error::other("the disk did not answer").into()),
            _ => Ok(()),
        }
    }
}

impl Storage for Reader {
    fn initial_state(&self) -> Result<InitialState, StorageError> {
        self.disk.initial_state()
    }

    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError> {
        self.count()?;
        let (last, max_bytes) =
            if self.is_generous { (LogIndex::LAST, usize::MAX) } else { (last, max_bytes) };
        self.disk.entries(first, last, max_bytes)
    }

    fn term(&self, index: LogIndex) -> Result<Term, StorageError> {
        self.count()?;
        self.disk.term(index)
    }

    fn first_index(&self) -> Result<LogIndex, StorageError> {
        self.disk.first_index()
    }

    fn last_index(&self) -> Result<LogIndex, StorageError> {
        Storage::last_index(&self.disk)
    }

    fn snapshot(&self) -> Result<Snapshot, StorageError> {
        Storage::snapshot(&self.disk)
    }
}

/// n2, which has the first entry and takes whatever else it is given, but for what cannot be.
struct Follower {
    /// The leader's log.
    log: Entries,
    matched: LogIndex,
}

impl Follower {
    fn answer(&mut self, Envelope { to, term, message, .. }: Envelope) -> Option<Envelope> {
        if to != NodeId(2) {
            return None;
        }
        let answer = if let Message::AppendRequest { previous, entries, .. } = message {
            self.take(previous, &entries)
        } else if let Message::VoteRequest { .. } = message {
            Message::VoteResponse { granted: true, committed: None }
        } else {
            return None;
        };
        Some(envelope(2, 1, term.0, answer))
    }

    fn take(&mut self, previous: EntryId, entries: &Entries) -> Message {
        let at = |index| self.log.at(index).map(|entry| entry.id);
        assert_eq!(at(previous.index), Some(previous), "an append follows what is in the log");
        let last = entries.last_id().map_or(previous.index, |id| id.index);
        let in_log = self.log.slice(previous.index.next(), last);
        assert_eq!(entries.to_string(), in_log.to_string(), "and goes on as the log does");
        assert!(entries.bytes() <= PAGE_BYTES, "{} bytes are too many", entries.bytes());
        if previous.index > self.matched {
            let hint = at(self.matched).unwrap();
            return Message::AppendRejected { rejected: previous.index, hint };
        }
        self.matched = self.matched.max(last);
        Message::AppendAccepted { matched: last }
    }
}

/// n1 starts with six entries of which three are committed, is elected by n2, and brings it up to date. Whatever fails
/// is tried again; how often something did, and whether there were so many reads at all.
fn lead(mut disk: MemStorage, reader: Reader, reads: usize) -> (usize, bool) {
    let reads_left = Arc::clone(&reader.reads_left);
    let mut node = RawNode::new(config(), reader, logger()).unwrap();
    reads_left.store(reads, Ordering::Relaxed);
    let mut follower = Follower { log: log_of(&[1, 1, 1, 1, 1, 1, 2]), matched: LogIndex(1) };
    let (mut answers, mut applied, mut failures) = (VecDeque::new(), Vec::new(), 0);
    node.campaign().unwrap();
    loop {
        while node.has_ready() {
            let Ok(mut ready) = node.ready() else {
                failures += 1;
                continue;
            };
            let mut sent = std::mem::take(&mut ready.messages);
            disk.write(&ready).unwrap();
            sent.append(&mut ready.messages_after_write);
            answers.extend(sent.into_iter().filter_map(|message| follower.answer(message)));
            applied.extend(ready.committed.iter().flat_map(|run| run.iter()).map(|entry| entry.id.index.0));
            node.advance(ready);
        }
        let Some(answer) = answers.front().cloned() else { break };
        match node.step(answer) {
            Ok(()) => drop(answers.pop_front()),
            Err(error) => {
                assert!(matches!(error, StepError::Storage(_)), "{error}");
                failures += 1;
            }
        }
    }
    assert_eq!(Storage::last_index(&disk).unwrap(), LogIndex(7), "what was to be written is written");
    assert_eq!(follower.matched, LogIndex(7), "n2 has all of it");
    assert_eq!(applied, [1, 2, 3, 4, 5, 6, 7], "and all of it is applied, each once, in order");
    // Counting down, the failed read went below 0.
    (failures, reads_left.load(Ordering::Relaxed) > reads)
}

/// Elsewhere a read that failed was taken for the end of the log, and what follows was sent as if nothing came before.
#[test]
fn b14_read_that_fails_is_no_end_of_the_log() {
    for reads in 0.. {
        let disk = disk(&[1; 6], 1, 3);
        let (failures, has_failed) = lead(disk.clone(), Reader::new(&disk), reads);
        if !has_failed {
            assert!(reads > 5, "it reads at least for each page");
            break;
        }
        // A hint for others is left out if it cannot be read; whatever else fails is said.
        assert!(failures <= 1, "read {reads} failed");
    }
}

/// Elsewhere storage that returned one entry more than it was asked for made the next page of committed entries begin
/// too late, and the commit index go back.
#[test]
fn c5_storage_gives_more_than_it_was_asked_for() {
    let disk = disk(&[1; 6], 1, 3);
    let generous = || Reader { is_generous: true, ..Reader::new(&disk) };
    let mut node = RawNode::new(config(), generous(), logger()).unwrap();
    let mut pages = Vec::new();
    for commit in [3, 6] {
        let heartbeat = Message::Heartbeat { commit: LogIndex(commit), echo: quorate::Echo::default() };
        node.step(envelope(2, 1, 1, heartbeat)).unwrap();
        while node.has_ready() {
            let ready = node.ready().unwrap();
            pages.extend(ready.committed.iter().map(ToString::to_string));
            node.on_written(ready.number);
        }
        assert_eq!(node.status().hard_state.commit, LogIndex(commit));
    }
    assert_eq!(pages, ["[1@1 2@1]", "[3@1]", "[4@1 5@1]", "[6@1]"]);
    lead(disk.clone(), generous(), usize::MAX);
}

/// Elsewhere a file that was damaged or gone was taken for one that had always been empty, and what was left of the
/// others was cleared away.
#[test]
fn c21_what_a_disk_has_lost_is_missed() {
    let start = |disk: &MemStorage, applied, reads| {
        let reader = Reader::new(disk);
        reader.reads_left.store(reads, Ordering::Relaxed);
        let mut config = config();
        config.applied = LogIndex(applied);
        RawNode::new(config, reader, logger()).map(|_| ())
    };
    let never = usize::MAX;
    let without_log = disk(&[], 1, 3);
    assert!(matches!(start(&without_log, 0, never), Err(NewError::CommitBeyondLog { .. })));
    let without_hard_state = disk(&[1, 1, 1], 0, 0);
    assert!(matches!(start(&without_hard_state, 0, never), Err(NewError::TermBehindLog { .. })));
    let shorter_than_the_state_machine = disk(&[1, 1], 1, 1);
    assert!(matches!(
        start(&shorter_than_the_state_machine, 3, never),
        Err(NewError::AppliedBeyondLog { .. })
    ));
    let without_its_beginning = disk(&[1, 1, 1], 1, 3);
    without_its_beginning.create_snapshot(LogIndex(2), Bytes::new()).unwrap();
    without_its_beginning.compact_to(LogIndex(2)).unwrap();
    assert!(matches!(start(&without_its_beginning, 1, never), Err(NewError::AppliedBeforeLog { .. })));
    let sound = disk(&[1, 1, 1], 1, 3);
    for reads in 0..2 {
        assert!(
            matches!(start(&sound, 1, reads), Err(NewError::Storage(_))),
            "nor is it guessed what it holds"
        );
    }
    assert!(start(&sound, 1, never).is_ok());
}

/// A text that only grows.
#[derive(Default)]
struct Text(String);

impl StateMachine for Text {
    type Response = ();
    type Query = ();
    type Answer = ();

    fn apply(&mut self, _index: LogIndex, command: &Bytes) {
        self.0.push_str(&String::from_utf8_lossy(command));
    }

    fn query(&self, (): ()) {}

    fn snapshot(&self) -> SnapshotWriter {
        let text = self.0.clone();
        Box::new(move |output| output.write_all(text.as_bytes()))
    }

    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
        self.0 = std::io::read_to_string(snapshot)?;
        Ok(())
    }
}

/// And a snapshot with a bit that has flipped: the node does not start without it, and leaves all as it is.
#[test]
fn c21_damaged_snapshot_is_no_empty_one() {
    let disk = disk(&[1, 1, 1], 1, 3);
    let start =
        || Driver::open(config(), Options::default(), Text::default(), disk.clone(), logger()).map(|_| ());
    disk.create_snapshot(LogIndex(2), Bytes::from_static(b"sound")).unwrap();
    disk.compact_to(LogIndex(2)).unwrap();
    assert!(start().is_ok());
    let damaged = Bytes::from_static(b"so\xf5nd");
    disk.create_snapshot(LogIndex(2), damaged.clone()).unwrap();
    assert!(matches!(start(), Err(StartError::Restore(_))));
    assert_eq!(Storage::snapshot(&disk).unwrap().data, damaged.into());
    assert_eq!((Storage::last_index(&disk).unwrap(), disk.hard_state().commit), (LogIndex(3), LogIndex(3)));
}

//! One node: the real core, its disk, and the writes that are on their way there.

use std::collections::VecDeque;

use bytes::Bytes;
use quorate::{
    Config, EntryId, Envelope, HardState, LogIndex, MemStorage, Message, NodeId, RawNode, Ready, RoleKind,
    Storage, StorageWriter, Term,
};
use slog::{Discard, Logger, o};

use crate::Start;

/// What is done to a node.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// Its election timeout has passed.
    Timeout,
    /// One tick on a leader: heartbeats are due.
    Heartbeat,
    /// A client's command comes.
    Propose(Bytes),
    /// A message comes.
    Receive(Envelope),
    /// What was sent to this node is lost, and the transport has noticed.
    Unreachable(NodeId),
    /// The oldest write is durable.
    FinishWrite,
    /// The process dies with its writes, and starts again from its disk.
    Crash,
}

/// A bug that is planted around the core, to see that it is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Flaw {
    /// Votes and acknowledgements leave before they are durable.
    SendsBeforeWriting,
    /// The core is told that a write is durable when it has only begun.
    ReportsTooEarly,
    /// A vote is written without whom it was for.
    ForgetsVotes,
}

/// One entry, as far as it matters here.
pub type Line = (EntryId, Bytes);

/// What a node shows of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// Its term.
    pub term: Term,
    /// Its role.
    pub role: RoleKind,
    /// How much of its log is committed.
    pub commit: usize,
    /// Its log as it is in memory.
    pub log: Vec<Line>,
    /// Its log as a crash would leave it.
    pub disk: Vec<Line>,
    /// Whether a write is under way.
    pub is_writing: bool,
}

/// A node that lives.
pub struct Node {
    id: NodeId,
    raw: RawNode,
    disk: MemStorage,
    /// The hard state as of the last write that had to be durable: all that a crash is sure to leave.
    synced: HardState,
    /// Under way, oldest first.
    writes: VecDeque<Box<Ready>>,
    /// The answers that the present election has brought in, which the core does not show.
    ballot: Vec<(NodeId, bool)>,
    flaw: Option<Flaw>,
}

impl Node {
    /// A node as it is at the start.
    #[must_use]
    pub fn new(id: NodeId, start: Start, flaw: Option<Flaw>) -> Self {
        let disk = start.disk(id);
        let (raw, synced) = (core(id, &disk), disk.hard_state());
        Self { id, raw, disk, synced, writes: VecDeque::new(), ballot: Vec::new(), flaw }
    }

    /// Does something to it; what it sends by that.
    ///
    /// # Errors
    /// What the core refuses, in words: among correct nodes it refuses nothing.
    pub fn take(&mut self, input: &Input) -> Result<Vec<Envelope>, String> {
        let mut sent = Vec::new();
        let before = (self.raw.role(), self.raw.status().hard_state.term);
        match input {
            // A timeout that leads to no candidacy is one in which nothing happens.
            Input::Timeout => drop(self.raw.campaign()),
            Input::Heartbeat => self.raw.tick(),
            Input::Propose(command) => drop(self.raw.propose(command.clone())),
            Input::Receive(envelope) => self.receive(envelope)?,
            Input::Unreachable(to) => self.raw.report_unreachable(*to),
            Input::FinishWrite => self.finish_write(&mut sent),
            Input::Crash => self.crash(),
        }
        if before != (self.raw.role(), self.raw.status().hard_state.term) {
            self.ballot.clear();
        }
        self.carry_out(&mut sent)?;
        Ok(sent)
    }

    fn receive(&mut self, envelope: &Envelope) -> Result<(), String> {
        if let Message::VoteResponse { granted, .. } = &envelope.message
            && self.raw.role() == RoleKind::Candidate
            && self.ballot.iter().all(|(voter, _)| *voter != envelope.from)
        {
            self.ballot.push((envelope.from, *granted));
            self.ballot.sort_unstable();
        }
        self.raw.step(envelope.clone()).map_err(|error| error.to_string())
    }

    /// Carries out what the core wants done. What must be durable is queued; what promises nothing leaves, and what is
    /// committed is applied.
    fn carry_out(&mut self, sent: &mut Vec<Envelope>) -> Result<(), String> {
        while self.raw.has_ready() {
            let mut ready = self.raw.ready().map_err(|error| error.to_string())?;
            sent.append(&mut ready.messages);
            let applied = ready.committed.last().and_then(|run| run.last_id());
            match self.flaw {
                Some(Flaw::SendsBeforeWriting) => sent.append(&mut ready.messages_after_write),
                Some(Flaw::ReportsTooEarly) => self.raw.on_written(ready.number),
                Some(Flaw::ForgetsVotes) | None => {}
            }
            self.writes.push_back(ready);
            if let Some(id) = applied {
                self.raw.on_applied(id.index);
            }
            // A write that nobody waits for is done before anything else happens.
            if self.writes.len() == 1 && !self.writes[0].must_sync {
                self.finish_write(sent);
            }
        }
        Ok(())
    }

    fn finish_write(&mut self, sent: &mut Vec<Envelope>) {
        let Some(mut ready) = self.writes.pop_front() else { return };
        if self.flaw == Some(Flaw::ForgetsVotes)
            && let Some(hard_state) = &mut ready.hard_state
        {
            hard_state.vote = None;
        }
        self.disk.stage(&ready).expect("the write fits what the disk holds");
        if ready.must_sync {
            self.synced = self.disk.hard_state();
        }
        sent.append(&mut ready.messages_after_write);
        self.raw.on_written(ready.number);
    }

    fn crash(&mut self) {
        self.writes.clear();
        self.ballot.clear();
        self.disk.set_hard_state(self.synced);
        self.raw = core(self.id, &self.disk);
    }

    /// What it shows of itself.
    #[must_use]
    pub fn view(&self) -> View {
        let status = self.raw.status();
        let disk = lines(&self.disk);
        let mut log = disk.clone();
        for entry in self.writes.iter().flat_map(|ready| &ready.entries).flat_map(|run| run.iter()) {
            log.truncate(position(entry.id.index.previous()));
            log.push((entry.id, entry.data().clone()));
        }
        View {
            term: status.hard_state.term,
            role: status.role,
            commit: position(status.hard_state.commit),
            log,
            disk,
            is_writing: !self.writes.is_empty(),
        }
    }

    /// All that bears on what this node will do. Two nodes with the same key behave alike.
    ///
    /// The rest of what the core holds is either said by these, or of no use here: timers do not run, but when the
    /// schedule says so; nobody reads, forwards, hands over, or changes the membership.
    #[must_use]
    pub fn key(&self) -> String {
        let mut status = self.raw.status();
        status.ignored = 0;
        let writes: Vec<_> = self
            .writes
            .iter()
            .map(|ready| (&ready.entries, ready.hard_state, ready.must_sync, &ready.messages_after_write))
            .collect();
        let disk = (lines(&self.disk), self.disk.hard_state(), self.synced);
        format!("{status:?} {disk:?} {writes:?} {:?}", self.ballot)
    }
}

fn core(id: NodeId, disk: &MemStorage) -> RawNode {
    let mut config = Config::new(id, id.0);
    // The schedule decides who stands and when, and whether anybody is thought dead.
    config.pre_vote = false;
    config.check_quorum = false;
    config.election_ticks = 1 << 20;
    config.write_stall_ticks = 1 << 20;
    config.forward_proposals = false;
    // One entry for each append: more that can come in another order.
    config.max_message_bytes = 0;
    RawNode::new(config, disk.clone(), Logger::root(Discard, o!())).expect("a crash leaves a sound disk")
}

fn lines(disk: &MemStorage) -> Vec<Line> {
    let last = Storage::last_index(disk).expect("memory can be read");
    if last == LogIndex::ZERO {
        return Vec::new();
    }
    let entries = disk.entries(LogIndex(1), last, usize::MAX).expect("nothing is ever compacted");
    entries.iter().map(|entry| (entry.id, entry.data().clone())).collect()
}

fn position(index: LogIndex) -> usize {
    usize::try_from(index.0).expect("logs are short")
}

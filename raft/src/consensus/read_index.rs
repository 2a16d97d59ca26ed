//! Linearizable reads without writing to the log (thesis §6.4).
//!
//! The leader notes its commit index, makes sure by a round of heartbeats that nobody has replaced it since, and
//! lets the read see the state up to that index. A follower asks its leader for the index. All reads that
//! begin between two Readys share one round.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    error::ReadError,
    message::{Echo, Envelope, Message},
    raft::Raft,
    ready::{Read, ReadId, ReadOutcome},
    role::Role,
    types::{LogIndex, NodeId, Term},
};

impl Raft {
    /// Begins a read.
    pub(super) fn read_index(&mut self) -> Result<ReadId, ReadError> {
        let leader = self.leader().ok_or(ReadError::NoLeader)?;
        let id = self.reads.next_id();
        if leader == self.id {
            self.begin_read(Reader::Here(id));
        } else {
            self.reads.wait(id);
            self.send(leader, Message::ReadIndex { token: id.to_token() });
        }
        Ok(id)
    }

    /// Begins a read that a leader answers at once while its lease lasts; anything else is an ordinary read.
    pub(super) fn read_lease(&mut self) -> Result<ReadId, ReadError> {
        if !self.config.lease_reads {
            return Err(ReadError::LeaseReadsOff);
        }
        if !self.has_lease() {
            return self.read_index();
        }
        let id = self.reads.next_id();
        self.reads.end(id, ReadOutcome::At(self.log.committed()));
        Ok(id)
    }

    /// Thesis §6.4.1: a quorum has answered a heartbeat that was **sent** less than a lease ago, and everybody in it
    /// refuses to vote until an election timeout after it **came**. Not when somebody was told to stand in this
    /// term: that node need not wait.
    fn has_lease(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let lease_ticks = u64::from(self.config.election_ticks) * 3 / 4;
        let is_fresh = leader.reads.lease_since.is_some_and(|since| self.ticks < since + lease_ticks);
        is_fresh && !leader.has_told_to_stand && self.log.committed() >= leader.first_of_term
    }

    /// Time has passed that no tick has told of.
    pub(super) fn expire_lease(&mut self) {
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.lease_since = None;
            leader.reads.lease_rounds.clear();
        }
    }

    /// A follower asks on behalf of its clients.
    pub(super) fn on_read_index(&mut self, from: NodeId, term: Term, token: Bytes) {
        let is_ours = term == self.term || term == Term::ZERO;
        if self.is_leader() && is_ours {
            self.begin_read(Reader::At(from, token));
        } else {
            // The follower finds out by itself, and asks again where it is of use.
            self.ignore(from, "read_index", "this node does not lead that term");
        }
    }

    fn begin_read(&mut self, reader: Reader) {
        let committed = self.log.committed();
        let Role::Leader(leader) = &mut self.role else { return };
        if committed < leader.first_of_term {
            // §8: until an entry of its own term is committed, the leader does not know what is.
            leader.reads.early.push(reader);
        } else {
            leader.reads.join_round(reader, committed);
            self.finish_reads();
        }
    }

    /// The first entry of the term is committed: reads that came before can begin.
    pub(super) fn begin_early_reads(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        for reader in std::mem::take(&mut leader.reads.early) {
            self.begin_read(reader);
        }
    }

    /// Sends the heartbeats that the reads since the last Ready wait for.
    pub(super) fn send_read_round(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reads.has_unsent_round() {
            leader.reads.is_open = false;
            self.send_heartbeats();
        }
    }

    /// A follower has answered a heartbeat.
    pub(super) fn on_round_answered(&mut self, from: NodeId, echo: &Echo) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(round) = echo.round().filter(|round| *round <= leader.reads.round) else { return };
        if let Some(progress) = leader.progress.of_mut(from) {
            progress.acknowledged_round = progress.acknowledged_round.max(round);
        }
        self.finish_reads();
    }

    /// Answers the reads whose round a quorum has answered: all of them still followed this leader when the
    /// round began, so nobody else can have committed anything before.
    pub(super) fn finish_reads(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let (id, round) = (self.id, leader.reads.round);
        if leader.reads.waiting.is_empty() && leader.reads.lease_rounds.is_empty() {
            return;
        }
        let progress = &leader.progress;
        let answered = |node| {
            if node == id { round } else { progress.of(node).map_or(0, |p| p.acknowledged_round) }
        };
        let confirmed = self.membership.voters.agreed(answered);
        leader.reads.confirm_lease(confirmed);
        while leader.reads.waiting.front().is_some_and(|read| read.round <= confirmed) {
            let Some(read) = leader.reads.waiting.pop_front() else { break };
            match read.reader {
                Reader::Here(id) => self.reads.end(id, ReadOutcome::At(read.index)),
                Reader::At(node, token) => {
                    let message = Message::ReadIndexResponse { token, index: read.index };
                    let (from, term) = (self.id, self.term);
                    self.outbox.at_once.push(Envelope { from, to: node, term, message });
                }
            }
        }
    }

    /// The leader answers: our state must contain `index`.
    pub(super) fn on_read_index_response(&mut self, token: &Bytes, index: LogIndex) {
        if let Some(id) = ReadId::from_token(token) {
            self.reads.answered(id, index);
        }
    }
}

impl ReadId {
    fn to_token(self) -> Bytes {
        Bytes::copy_from_slice(&self.0.to_be_bytes())
    }

    fn from_token(token: &Bytes) -> Option<Self> {
        <[u8; 8]>::try_from(&**token).ok().map(|bytes| Self(u64::from_be_bytes(bytes)))
    }
}

impl Echo {
    fn of_round(round: u64) -> Self {
        Self(if round == 0 { Bytes::new() } else { Bytes::copy_from_slice(&round.to_be_bytes()) })
    }

    fn round(&self) -> Option<u64> {
        <[u8; 8]>::try_from(&*self.0).ok().map(u64::from_be_bytes)
    }
}

/// The reads that a leader has taken on.
#[derive(Default)]
pub(super) struct LeaderReads {
    /// The latest round of heartbeats. Counts up within the term; an answer to round `n` confirms every read
    /// that began before round `n` was sent, and none that began after.
    round: u64,
    /// The latest round has not been sent yet: more reads may join it.
    is_open: bool,
    /// In the order of their rounds.
    waiting: VecDeque<WaitingRead>,
    /// Came before the term's first entry was committed.
    early: Vec<Reader>,
    /// Rounds that a lease could rest on, and the ticks in which they were sent, oldest first.
    lease_rounds: VecDeque<(u64, u64)>,
    /// The tick in which the latest confirmed of them was sent.
    lease_since: Option<u64>,
}

struct WaitingRead {
    round: u64,
    index: LogIndex,
    reader: Reader,
}

enum Reader {
    Here(ReadId),
    At(NodeId, Bytes),
}

impl LeaderReads {
    fn join_round(&mut self, reader: Reader, index: LogIndex) {
        if !self.is_open {
            self.round += 1;
            self.is_open = true;
        }
        self.waiting.push_back(WaitingRead { round: self.round, index, reader });
    }

    /// With leases, every round of heartbeats is counted, also one that no read waits for.
    pub(super) fn begin_lease_round(&mut self, ticks: u64) {
        if !self.is_open {
            self.round += 1;
        }
        self.is_open = false;
        self.lease_rounds.push_back((self.round, ticks));
    }

    fn confirm_lease(&mut self, confirmed: u64) {
        while let Some((_, sent)) =
            self.lease_rounds.front().copied().filter(|(round, _)| *round <= confirmed)
        {
            self.lease_rounds.pop_front();
            self.lease_since = Some(sent);
        }
    }

    pub(super) fn has_unsent_round(&self) -> bool {
        // A leader without followers has confirmed it already.
        self.is_open && !self.waiting.is_empty()
    }

    /// What the heartbeats of the latest round carry.
    pub(super) fn echo(&self) -> Echo {
        Echo::of_round(if self.is_open { self.round - 1 } else { self.round })
    }

    /// The reads of this node's own clients that are not answered yet.
    pub(super) fn local_ids(&self) -> impl Iterator<Item = ReadId> {
        let readers = self.waiting.iter().map(|read| &read.reader).chain(&self.early);
        readers.filter_map(|reader| match reader {
            Reader::Here(id) => Some(*id),
            Reader::At(..) => None,
        })
    }
}

/// The reads of this node's clients.
pub(super) struct PendingReads {
    next: u64,
    /// Those that the leader was asked about, and their ages in ticks, oldest first.
    asked: VecDeque<(ReadId, u32)>,
    ended: Vec<Read>,
}

impl PendingReads {
    /// `next` comes from the seed, so that an earlier life of this node used other numbers.
    pub(super) fn starting_at(next: u64) -> Self {
        Self { next, asked: VecDeque::new(), ended: Vec::new() }
    }

    fn next_id(&mut self) -> ReadId {
        let id = ReadId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    fn wait(&mut self, id: ReadId) {
        self.asked.push_back((id, 0));
    }

    fn answered(&mut self, id: ReadId, index: LogIndex) {
        // Nearly always the oldest.
        if let Some(position) = self.asked.iter().position(|(asked, _)| *asked == id) {
            self.asked.remove(position);
            self.end(id, ReadOutcome::At(index));
        }
    }

    fn end(&mut self, id: ReadId, outcome: ReadOutcome) {
        self.ended.push(Read { id, outcome });
    }

    pub(super) fn lose(&mut self, ids: impl Iterator<Item = ReadId>) {
        self.ended.extend(ids.map(|id| Read { id, outcome: ReadOutcome::Lost }));
    }

    /// The leader was asked in a term that is over, so nothing will come of it.
    pub(super) fn lose_asked(&mut self) {
        while let Some((id, _)) = self.asked.pop_front() {
            self.end(id, ReadOutcome::Lost);
        }
    }

    pub(super) fn tick(&mut self, election_ticks: u32) {
        self.asked.iter_mut().for_each(|(_, age)| *age += 1);
        while let Some((id, _)) = self.asked.front().copied().filter(|(_, age)| *age > election_ticks) {
            self.asked.pop_front();
            self.end(id, ReadOutcome::Lost);
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    pub(super) fn take_ended(&mut self, ended: &mut Vec<Read>) {
        ended.append(&mut self.ended);
    }
}

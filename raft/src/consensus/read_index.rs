//! Linearizable reads without writing to the log (thesis §6.4).
//!
//! The leader notes its commit index, makes sure by a round of heartbeats that nobody has replaced it since, and
//! lets the read see the state up to that index. A follower asks its leader for the index. All reads that
//! begin between two Readys share one round.

use bytes::Bytes;

use super::{
    error::ReadError,
    message::{Echo, Envelope, Message},
    raft::Raft,
    reads::{Asked, Reader, WaitingRead},
    ready::{ReadId, ReadOutcome},
    role::Role,
    types::{LogIndex, NodeId, Term},
};

impl Raft {
    /// Begins a read.
    pub(super) fn read_index(&mut self) -> Result<ReadId, ReadError> {
        let leader = self.leader().ok_or(ReadError::NoLeader)?;
        self.require_room_for_read()?;
        let id = self.reads.next_id();
        if leader == self.id {
            self.begin_read(Asked { reader: Reader::Here(id), since: self.ticks });
        } else {
            self.reads.wait(id);
            self.send(leader, Message::ReadIndex { token: id.to_token() });
        }
        Ok(id)
    }

    fn require_room_for_read(&self) -> Result<(), ReadError> {
        let pending = self.pending_reads();
        if pending < self.config.max_pending_reads { Ok(()) } else { Err(ReadError::Busy { pending }) }
    }

    /// How many reads this node has begun, or taken on for others, that have not ended.
    pub(super) fn pending_reads(&self) -> usize {
        self.reads.len() + self.role.as_leader().map_or(0, |leader| leader.reads.len())
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
        let is_fresh = leader.reads.lease_since().is_some_and(|since| self.ticks < since + lease_ticks);
        is_fresh && !leader.has_told_to_stand && self.log.committed() >= leader.first_of_term
    }

    /// Time has passed that no tick has told of.
    pub(super) fn expire_lease(&mut self) {
        if let Role::Leader(leader) = &mut self.role {
            leader.reads.expire_lease();
        }
    }

    /// A follower asks on behalf of its clients.
    pub(super) fn on_read_index(&mut self, from: NodeId, term: Term, token: Bytes) {
        let is_ours = term == self.term || term == Term::ZERO;
        // What is ignored, the follower finds out by itself, and asks again where it is of use.
        if !self.is_leader() || !is_ours {
            self.ignore(from, "read_index", "this node does not lead that term");
        } else if self.require_room_for_read().is_err() {
            self.ignore(from, "read_index", "too many reads wait already");
        } else {
            self.begin_read(Asked { reader: Reader::At(from, token), since: self.ticks });
        }
    }

    fn begin_read(&mut self, asked: Asked) {
        let committed = self.log.committed();
        let Role::Leader(leader) = &mut self.role else { return };
        if committed < leader.first_of_term {
            // §8: until an entry of its own term is committed, the leader does not know what is.
            leader.reads.wait_for_first_commit(asked);
        } else {
            leader.reads.join_round(asked, committed);
            self.finish_reads();
        }
    }

    /// The first entry of the term is committed: reads that came before can begin.
    pub(super) fn begin_early_reads(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reads.has_early() {
            for asked in leader.reads.take_early() {
                self.begin_read(asked);
            }
        }
    }

    /// One tick: what was asked for an election timeout ago is lost, at whoever was asked. A leader without
    /// CheckQuorum that is cut off stays one, and would keep its reads for ever.
    pub(super) fn tick_reads(&mut self) {
        let patience = self.config.election_ticks;
        self.reads.tick(patience);
        let oldest = self.ticks.saturating_sub(u64::from(patience));
        let Role::Leader(leader) = &mut self.role else { return };
        while let Some(asked) = leader.reads.take_older_than(oldest) {
            match asked.reader {
                Reader::Here(id) => self.reads.end(id, ReadOutcome::Lost),
                // Its own clock has told that node as much.
                Reader::At(..) => {}
            }
        }
    }

    /// Sends the heartbeats that the reads since the last Ready wait for.
    pub(super) fn send_read_round(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reads.has_unsent_round() {
            leader.reads.close_round();
            self.send_heartbeats();
        }
    }

    /// A follower has answered a heartbeat.
    pub(super) fn on_round_answered(&mut self, from: NodeId, echo: &Echo) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(round) = echo.round().filter(|round| *round <= leader.reads.round()) else { return };
        if let Some(progress) = leader.progress.of_mut(from) {
            progress.acknowledged_round = progress.acknowledged_round.max(round);
        }
        self.finish_reads();
    }

    /// Answers the reads whose round a quorum has answered: all of them still followed this leader when the
    /// round began, so nobody else can have committed anything before.
    pub(super) fn finish_reads(&mut self) {
        let Role::Leader(leader) = &mut self.role else { return };
        let (id, round) = (self.id, leader.reads.round());
        if !leader.reads.awaits_answers() {
            return;
        }
        let progress = &leader.progress;
        let answered = |node| {
            if node == id { round } else { progress.of(node).map_or(0, |p| p.acknowledged_round) }
        };
        let confirmed = self.membership.voters.agreed(answered);
        leader.reads.confirm_lease(confirmed);
        while let Some(WaitingRead { index, asked, .. }) = leader.reads.take_confirmed(confirmed) {
            match asked.reader {
                Reader::Here(id) => self.reads.end(id, ReadOutcome::At(index)),
                Reader::At(node, token) => {
                    let message = Message::ReadIndexResponse { token, index };
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
    pub(super) fn of_round(round: u64) -> Self {
        Self(if round == 0 { Bytes::new() } else { Bytes::copy_from_slice(&round.to_be_bytes()) })
    }

    fn round(&self) -> Option<u64> {
        <[u8; 8]>::try_from(&*self.0).ok().map(u64::from_be_bytes)
    }
}

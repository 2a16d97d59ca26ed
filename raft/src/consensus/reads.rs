//! The reads that a node has begun or taken on, and that have not ended.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{
    message::Echo,
    ready::{Read, ReadId, ReadOutcome},
    types::{LogIndex, NodeId},
};

/// The reads that a leader has taken on.
#[derive(Default)]
pub(super) struct LeaderReads {
    /// The latest round of heartbeats. Counts up within the term; an answer to round `n` confirms every read
    /// that began before round `n` was sent, and none that began after.
    round: u64,
    /// The latest round has not been sent yet: more reads may join it.
    is_open: bool,
    /// In the order of their rounds, and so of their ages.
    waiting: VecDeque<WaitingRead>,
    /// Came before the term's first entry was committed; oldest first.
    early: VecDeque<Asked>,
    /// Rounds that a lease could rest on, and the ticks in which they were sent, oldest first.
    lease_rounds: VecDeque<(u64, u64)>,
    /// The tick in which the latest confirmed of them was sent.
    lease_since: Option<u64>,
}

/// A read, and the tick in which the leader was asked for it.
pub(super) struct Asked {
    pub(super) reader: Reader,
    pub(super) since: u64,
}

/// A read that a round of heartbeats confirms.
pub(super) struct WaitingRead {
    round: u64,
    pub(super) index: LogIndex,
    pub(super) asked: Asked,
}

/// Who wants to know.
pub(super) enum Reader {
    Here(ReadId),
    At(NodeId, Bytes),
}

impl LeaderReads {
    /// How many have not ended.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.early.len()
    }

    /// The term's first entry is not committed yet.
    pub(super) fn wait_for_first_commit(&mut self, asked: Asked) {
        self.early.push_back(asked);
    }

    pub(super) fn has_early(&self) -> bool {
        !self.early.is_empty()
    }

    pub(super) fn take_early(&mut self) -> VecDeque<Asked> {
        std::mem::take(&mut self.early)
    }

    pub(super) fn join_round(&mut self, asked: Asked, index: LogIndex) {
        if !self.is_open {
            self.round += 1;
            self.is_open = true;
        }
        self.waiting.push_back(WaitingRead { round: self.round, index, asked });
    }

    /// The latest round.
    pub(super) fn round(&self) -> u64 {
        self.round
    }

    /// The latest round is sent: what comes now needs another.
    pub(super) fn close_round(&mut self) {
        self.is_open = false;
    }

    /// Whether any answer to a heartbeat is waited for.
    pub(super) fn awaits_answers(&self) -> bool {
        !self.waiting.is_empty() || !self.lease_rounds.is_empty()
    }

    /// The next read that is confirmed when `round` is.
    pub(super) fn take_confirmed(&mut self, round: u64) -> Option<WaitingRead> {
        self.waiting.front().filter(|read| read.round <= round)?;
        self.waiting.pop_front()
    }

    /// The next read that was asked for before tick `since`.
    pub(super) fn take_older_than(&mut self, since: u64) -> Option<Asked> {
        // At most one of the two holds any: the early ones join a round before others come.
        if self.early.front().is_some_and(|asked| asked.since < since) {
            return self.early.pop_front();
        }
        self.waiting.front().filter(|read| read.asked.since < since)?;
        self.waiting.pop_front().map(|read| read.asked)
    }

    pub(super) fn lease_since(&self) -> Option<u64> {
        self.lease_since
    }

    /// The lease ends, and no answer to a heartbeat that was sent before renews it.
    pub(super) fn expire_lease(&mut self) {
        self.lease_since = None;
        self.lease_rounds.clear();
    }

    /// With leases, every round of heartbeats is counted, also one that no read waits for.
    pub(super) fn begin_lease_round(&mut self, ticks: u64) {
        if !self.is_open {
            self.round += 1;
        }
        self.is_open = false;
        self.lease_rounds.push_back((self.round, ticks));
    }

    pub(super) fn confirm_lease(&mut self, confirmed: u64) {
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
        let asked = self.waiting.iter().map(|read| &read.asked).chain(&self.early);
        asked.filter_map(|asked| match &asked.reader {
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

    pub(super) fn next_id(&mut self) -> ReadId {
        let id = ReadId(self.next);
        self.next = self.next.wrapping_add(1);
        id
    }

    /// How many the leader was asked about.
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn wait(&mut self, id: ReadId) {
        self.asked.push_back((id, 0));
    }

    pub(super) fn answered(&mut self, id: ReadId, index: LogIndex) {
        // Nearly always the oldest.
        if let Some(position) = self.asked.iter().position(|(asked, _)| *asked == id) {
            self.asked.remove(position);
            self.end(id, ReadOutcome::At(index));
        }
    }

    pub(super) fn end(&mut self, id: ReadId, outcome: ReadOutcome) {
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

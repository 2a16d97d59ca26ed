//! What nodes say to each other: what it promises must hold.

use super::{
    super::{
        counts::Counts,
        violation::{Broken, ensure},
    },
    Observer,
    promise::{COMMITMENT, DURABLE_BEFORE_SENT, ELECTION_SAFETY, LOG_MATCHING},
};
use crate::consensus::{Entries, EntryId, Envelope, HardState, LogIndex, Message, NodeId, Term};

impl Observer {
    /// A node sends something.
    pub(in crate::simulation) fn on_sent(
        &mut self,
        envelope: &Envelope,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        let Envelope { from, to, term, message } = envelope;
        let (from, to, term) = (*from, *to, *term);
        match message {
            Message::VoteRequest { .. } => self.on_vote_sent(from, term, from),
            Message::VoteResponse { granted: true, .. } => self.on_vote_sent(from, term, to),
            Message::AppendRequest { previous, entries, commit } => {
                self.check_speaks_as_leader(from, term, *commit)?;
                self.on_append_sent(from, term, *previous, entries)
            }
            Message::AppendAccepted { matched } => self.on_append_accepted(from, term, *matched),
            Message::Heartbeat { commit, .. } | Message::CommitNotice { commit } => {
                self.check_speaks_as_leader(from, term, *commit)
            }
            Message::SnapshotRequest { snapshot } => {
                self.check_speaks_as_leader(from, term, snapshot.last.index)?;
                self.check_snapshot(from, snapshot.last, &snapshot.membership)
            }
            Message::TimeoutNow => {
                self.elections.tell_to_stand(to, term, counts);
                self.check_speaks_as_leader(from, term, LogIndex::ZERO)
            }
            Message::VoteResponse { granted: false, .. }
            | Message::PreVoteRequest { .. }
            | Message::PreVoteResponse { .. }
            | Message::AppendRejected { .. }
            | Message::HeartbeatResponse { .. }
            | Message::Propose { .. }
            | Message::ProposeRefused { .. }
            | Message::TransferRequest
            | Message::ReadIndex { .. }
            | Message::ReadIndexResponse { .. } => Ok(()),
        }
    }

    fn on_vote_sent(&mut self, voter: NodeId, term: Term, candidate: NodeId) -> Result<(), Broken> {
        self.elections.vote(voter, term, candidate)?;
        let HardState { term: held, vote, .. } = self.node(voter).disk.durable().hard_state;
        let is_durable = held > term || (held == term && vote == Some(candidate));
        ensure(is_durable, DURABLE_BEFORE_SENT, || {
            format!("{voter} votes for {candidate} in term {term}; its disk says {vote:?} in term {held}")
        })
    }

    /// A message that only a leader sends, by which its receiver takes `commit` for committed.
    fn check_speaks_as_leader(&mut self, id: NodeId, term: Term, commit: LogIndex) -> Result<(), Broken> {
        ensure(self.elections.leads(id, term), ELECTION_SAFETY, || {
            format!("{id} speaks as the leader of term {term}, and is not")
        })?;
        let held = self.node(id).disk.durable().term();
        ensure(held >= term, DURABLE_BEFORE_SENT, || {
            format!("{id} leads term {term}; its disk says {held}")
        })?;
        let last = self.commits.last();
        ensure(commit <= last.index, COMMITMENT, || {
            format!("{id} tells that {commit} is committed, and nothing is beyond {last}")
        })
    }

    fn on_append_sent(
        &mut self,
        leader: NodeId,
        term: Term,
        previous: EntryId,
        entries: &Entries,
    ) -> Result<(), Broken> {
        self.limits.check_append(entries)?;
        let mut follows = previous;
        for entry in entries {
            ensure(self.entries.may_know(entry.id), LOG_MATCHING, || {
                format!("{} is sent, and in no log", entry.id)
            })?;
            self.entries.meet(follows, entry)?;
            follows = entry.id;
        }
        let node = self.node(leader);
        let is_in_log = node.leads() != Some(term) || node.log.may_hold(follows);
        ensure(is_in_log, LOG_MATCHING, || format!("{leader} sends {follows}, which is not in its log"))
    }

    /// A follower acknowledges that its log equals that of its leader up to here, durably.
    fn on_append_accepted(&mut self, id: NodeId, term: Term, matched: LogIndex) -> Result<(), Broken> {
        let durable = self.node(id).disk.durable();
        ensure(durable.term() >= term, DURABLE_BEFORE_SENT, || {
            format!("{id} acknowledges entry {matched} in term {term}; its disk says {}", durable.term())
        })?;
        // One in a term that the node has left since may name entries that were replaced since.
        if durable.term() > term || matched < durable.log.base().index {
            return Ok(());
        }
        let held = durable.log.id_at(matched);
        let Some(held) = held else {
            let message = format!("{id} acknowledges entry {matched}; its disk says {durable}");
            return Err(Broken::new(DURABLE_BEFORE_SENT, message));
        };
        ensure(self.elections.may_hold(term, held), LOG_MATCHING, || {
            format!("{id} acknowledges {held} to the leader of term {term}, who had another entry there")
        })
    }
}

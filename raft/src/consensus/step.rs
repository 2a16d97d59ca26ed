//! What becomes of a message: terms are compared, then one table says who handles it.

use slog::debug;

use super::{
    election::Claim,
    error::StepError,
    message::{Echo, Envelope, Message},
    raft::Raft,
    role::RoleKind,
    types::{NodeId, Term},
};

impl Raft {
    /// Takes in one message from another node. Whatever it holds, this node stays sound.
    pub(super) fn step(&mut self, envelope: Envelope) -> Result<(), StepError> {
        let Envelope { from, to, term, message } = envelope;
        if to != self.id || from == self.id {
            return Err(StepError::Misdirected { from, to, id: self.id });
        }
        if term > Term::LAST {
            return Err(StepError::BeyondLastTerm { from, term });
        }
        // What a leader is asked for does not change terms; the request is for the term it was made in.
        if let Message::Propose { proposals } = message {
            self.on_propose(from, term, proposals);
            return Ok(());
        }
        if let Message::ReadIndex { token } = message {
            self.on_read_index(from, term, token);
            return Ok(());
        }
        if term < self.term {
            self.answer_older_term(from, term, &message);
            return Ok(());
        }
        if term > self.term && !self.adopt_newer_term(from, term, &message) {
            return Ok(());
        }
        if message.shows_leader() {
            if !self.follows(from) {
                self.follow_another(from)?;
            }
            self.election_elapsed = 0;
            self.loyal_until = self.ticks + u64::from(self.config.election_ticks);
        }
        self.dispatch(from, term, message)
    }

    /// §5.1: a node that sees a newer term updates its own and becomes a follower.
    ///
    /// Whether the message is still to be handled.
    #[cold]
    fn adopt_newer_term(&mut self, from: NodeId, term: Term, message: &Message) -> bool {
        let asks_for_vote = matches!(message, Message::VoteRequest { transfer: false, .. });
        if asks_for_vote && self.has_living_leader() {
            self.ignore(from, message.name(), "the leader is alive");
            return false;
        }
        // These speak of a term to come, which nobody has entered yet.
        if matches!(message, Message::PreVoteRequest { .. } | Message::PreVoteResponse { granted: true, .. })
        {
            return true;
        }
        let leader = message.shows_leader().then_some(from);
        debug!(self.logger, "{from} is in term {term}, after {} -> adopt it", self.term);
        self.become_follower(term, leader);
        true
    }

    /// §5.1: a request with an older term is refused; the sender learns the term from the answer.
    #[cold]
    fn answer_older_term(&mut self, from: NodeId, term: Term, message: &Message) {
        match message {
            // Deviation: the paper answers with a refusal, which has fields that would have to lie. The
            // answer to a heartbeat says as much: "I am in a newer term". It also frees a candidate that no
            // leader can reach, because it has moved on to a term of its own (thesis §6.2).
            Message::AppendRequest { .. } | Message::SnapshotRequest { .. } | Message::Heartbeat { .. } => {
                debug!(self.logger, "{from} leads term {term}, before {} -> tell it", self.term);
                self.send(from, Message::HeartbeatResponse { echo: Echo::default() });
            }
            Message::PreVoteRequest { .. } => {
                self.send(from, Message::PreVoteResponse { granted: false, committed: None });
            }
            Message::VoteRequest { .. } => {
                self.send_after_write(from, Message::VoteResponse { granted: false, committed: None });
            }
            Message::PreVoteResponse { .. }
            | Message::VoteResponse { .. }
            | Message::AppendAccepted { .. }
            | Message::AppendRejected { .. }
            | Message::HeartbeatResponse { .. }
            | Message::CommitNotice { .. }
            | Message::Propose { .. }
            | Message::ProposeRefused { .. }
            | Message::TransferRequest
            | Message::TimeoutNow
            | Message::ReadIndex { .. }
            | Message::ReadIndexResponse { .. } => {
                self.ignore(from, message.name(), "it is of an older term");
            }
        }
    }

    /// Who handles what, in which role. Here the terms are equal, but for pre-votes.
    fn dispatch(&mut self, from: NodeId, term: Term, message: Message) -> Result<(), StepError> {
        use RoleKind::{Candidate, Follower, Leader, PreCandidate};
        match (message, self.role.kind()) {
            (
                Message::PreVoteRequest { last, priority, committed },
                Follower | PreCandidate | Candidate | Leader,
            ) => {
                return self.on_pre_vote_request(from, term, Claim { last, priority, committed });
            }
            (
                Message::VoteRequest { last, priority, committed, transfer },
                Follower | PreCandidate | Candidate | Leader,
            ) => return self.on_vote_request(from, Claim { last, priority, committed }, transfer),
            (Message::PreVoteResponse { granted, committed }, PreCandidate) => {
                return self.on_pre_vote_response(from, term, granted, committed);
            }
            (Message::VoteResponse { granted, committed }, Candidate) => {
                return self.on_vote_response(from, granted, committed);
            }

            (Message::AppendRequest { previous, entries, commit }, Follower | PreCandidate | Candidate) => {
                return self.on_append_request(from, previous, entries, commit);
            }
            (Message::SnapshotRequest { snapshot }, Follower | PreCandidate | Candidate) => {
                return self.on_snapshot_request(from, snapshot);
            }
            (Message::Heartbeat { commit, echo }, Follower | PreCandidate | Candidate) => {
                return self.on_heartbeat(from, commit, echo);
            }
            (Message::CommitNotice { commit }, Follower | PreCandidate | Candidate) => {
                return self.on_commit_notice(from, commit);
            }

            (Message::AppendAccepted { matched }, Leader) => return self.on_append_accepted(from, matched),
            (Message::AppendRejected { rejected, hint }, Leader) => {
                return self.on_append_rejected(from, rejected, hint);
            }
            (Message::HeartbeatResponse { echo }, Leader) => return self.on_heartbeat_response(from, &echo),

            (Message::ProposeRefused { sequences }, Follower | PreCandidate | Candidate) => {
                self.forwards.refused(&sequences);
            }
            (Message::ReadIndexResponse { token, index }, Follower) => {
                self.on_read_index_response(&token, index);
            }
            (Message::TransferRequest, Leader) => self.on_transfer_request(from),
            (Message::TimeoutNow, Follower) => self.on_timeout_now(from),

            // Answers to a question that this node no longer asks.
            (message @ Message::PreVoteResponse { .. }, Follower | Candidate | Leader)
            | (message @ Message::VoteResponse { .. }, Follower | PreCandidate | Leader)
            | (message @ Message::AppendAccepted { .. }, Follower | PreCandidate | Candidate)
            | (message @ Message::AppendRejected { .. }, Follower | PreCandidate | Candidate)
            | (message @ Message::HeartbeatResponse { .. }, Follower | PreCandidate | Candidate)
            | (message @ Message::ProposeRefused { .. }, Leader)
            | (message @ Message::TransferRequest, Follower | PreCandidate | Candidate)
            | (message @ Message::TimeoutNow, PreCandidate | Candidate | Leader)
            | (message @ Message::ReadIndexResponse { .. }, PreCandidate | Candidate | Leader)
            // And those that `step` has handled, or refused.
            | (message @ Message::Propose { .. }, Follower | PreCandidate | Candidate | Leader)
            | (message @ Message::ReadIndex { .. }, Follower | PreCandidate | Candidate | Leader)
            | (message @ Message::AppendRequest { .. }, Leader)
            | (message @ Message::SnapshotRequest { .. }, Leader)
            | (message @ Message::Heartbeat { .. }, Leader)
            | (message @ Message::CommitNotice { .. }, Leader) => {
                self.ignore(from, message.name(), "nobody waits for it");
            }
        }
        Ok(())
    }

    /// §5.2: whoever leads the current term is the leader.
    #[cold]
    fn follow_another(&mut self, from: NodeId) -> Result<(), StepError> {
        if let Some(leader) = self.leader() {
            // Its entries may bear the same names as those of the one we know, and be others.
            return Err(StepError::SecondLeader { from, leader, term: self.term });
        }
        self.become_follower(self.term, Some(from));
        Ok(())
    }
}

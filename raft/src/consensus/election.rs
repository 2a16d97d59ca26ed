//! Elections: who becomes the leader of a term (§5.2, §5.4.1), and pre-votes (thesis §9.6).
//!
//! In the order of the conversation: the timer, the campaign, the voter, the candidate, the leader's own doubt.

use slog::debug;

use super::{
    error::{CampaignError, StepError},
    message::Message,
    quorum::VoteResult,
    raft::Raft,
    role::Role,
    types::{EntryId, NodeId, Term},
};

/// What a candidate has to offer.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) last: EntryId,
    pub(super) priority: i64,
}

impl Raft {
    /// One tick on a node that does not lead.
    pub(super) fn tick_election(&mut self) {
        self.election_elapsed = self.election_elapsed.saturating_add(1);
        if self.election_elapsed < self.election_timeout {
            return;
        }
        if let Err(error) = self.campaign() {
            debug!(self.logger, "{error} -> do not stand for election");
            // But the leader is dead to this node as to any other, and so no reason to refuse others a vote.
            self.become_follower(self.term, None);
        }
    }

    /// Stands for election, or asks first whether it would be elected.
    pub(super) fn campaign(&mut self) -> Result<(), CampaignError> {
        self.require_electable()?;
        // The leader's lease may rest on this node's word, and its own vote would break that.
        if self.config.lease_reads && self.has_living_leader() && !self.membership.voters.is_only(self.id) {
            return Err(CampaignError::BoundByLease);
        }
        if self.config.pre_vote {
            self.ask_for_pre_votes();
        } else {
            self.ask_for_votes(false);
        }
        Ok(())
    }

    /// Thesis §3.10: the leader itself wants this node to stand, so there is nobody to ask first.
    pub(super) fn stand_at_leaders_request(&mut self) -> Result<(), CampaignError> {
        self.require_electable()?;
        self.ask_for_votes(true);
        Ok(())
    }

    fn require_electable(&mut self) -> Result<(), CampaignError> {
        if self.is_leader() {
            return Err(CampaignError::AlreadyLeader);
        }
        if !self.membership.voters.contains(self.id) {
            return Err(CampaignError::NotVoter);
        }
        // The log is about to be another one: neither the old nor the new is durable as a whole.
        if self.log.is_installing() {
            return Err(CampaignError::InstallingSnapshot);
        }
        // It could win by a majority of voters who are no longer the voters.
        if self.log.has_unapplied_change()? {
            return Err(CampaignError::UnappliedChange);
        }
        if self.term >= Term::LAST {
            return Err(CampaignError::LastTerm);
        }
        Ok(())
    }

    fn ask_for_pre_votes(&mut self) {
        self.become_pre_candidate();
        let Claim { last, priority } = self.claim();
        // The request speaks of the term in which this node would stand.
        let term = self.term.next();
        for voter in self.other_voters() {
            self.send_in_term(voter, term, Message::PreVoteRequest { last, priority });
        }
        self.count_pre_vote(self.id, true);
    }

    fn ask_for_votes(&mut self, transfer: bool) {
        self.become_candidate();
        let Claim { last, priority } = self.claim();
        // Whom the leader has chosen is preferred to anybody, by voters of any kind.
        let priority = if transfer { i64::MAX } else { priority };
        for voter in self.other_voters() {
            // Not before its own vote is durable: else, after a crash, it could vote for another in this term.
            self.send_after_write(voter, Message::VoteRequest { last, priority, transfer });
        }
    }

    /// §5.2: the candidate votes for itself, and like any other vote this one counts when it is durable.
    pub(super) fn count_own_vote(&mut self, written: u64) {
        let Role::Candidate(candidate) = &self.role else { return };
        if written >= candidate.vote_write {
            self.count_vote(self.id, true);
        }
    }

    fn claim(&self) -> Claim {
        Claim { last: self.log.last_id(), priority: self.config.priority }
    }

    /// §5.4.1: a candidate must be at least as up to date as the voter. If it is no more than that, the voter may
    /// prefer others.
    fn accepts(&self, claim: Claim) -> bool {
        let own = self.log.last_id();
        claim.last > own || (claim.last == own && claim.priority >= self.config.priority)
    }

    fn other_voters(&self) -> Vec<NodeId> {
        self.membership.voters.voters().filter(|voter| *voter != self.id).collect()
    }

    /// Whether this node has lately heard from a leader, or leads with a quorum: then nobody needs another one
    /// (thesis §4.2.3), and a node that only lost its own link does not get votes.
    pub(super) fn has_living_leader(&self) -> bool {
        if self.is_bound_by_past_lease() {
            return true;
        }
        self.config.check_quorum
            && self.leader().is_some()
            && self.election_elapsed < self.config.election_ticks
    }

    /// Before a restart, this node may have answered a heartbeat on which a leader's lease rests.
    fn is_bound_by_past_lease(&self) -> bool {
        self.config.lease_reads && self.ticks < u64::from(self.config.election_ticks)
    }

    /// Answers a node that asks whether we would vote for it in `term`. Changes nothing here.
    pub(super) fn on_pre_vote_request(&mut self, candidate: NodeId, term: Term, claim: Claim) {
        let vote_is_free = term > self.term || self.vote == Some(candidate);
        let candidate_is_current = self.accepts(claim);
        if vote_is_free && candidate_is_current && !self.has_living_leader() {
            debug!(self.logger, "{candidate} could win term {term} -> grant pre-vote");
            // Of the same term as the request, or the candidate would think it late.
            self.send_in_term(candidate, term, Message::PreVoteResponse { granted: true });
        } else {
            // With our own term, so that a candidate that is behind catches up and can win the next time.
            self.explain_refusal(candidate, claim);
            self.send(candidate, Message::PreVoteResponse { granted: false });
        }
    }

    /// Answers a candidate that asks for our vote in the current term.
    pub(super) fn on_vote_request(&mut self, candidate: NodeId, claim: Claim) {
        // §5.2: each server votes for at most one candidate in a term, first come, first served.
        let vote_is_free = match self.vote {
            Some(voted_for) => voted_for == candidate,
            None => self.leader().is_none(),
        };
        // §5.4.1: the voter denies its vote if its own log is more up to date.
        let candidate_is_current = self.accepts(claim);

        let granted = vote_is_free && candidate_is_current && !self.log.is_installing();
        if granted {
            debug!(self.logger, "{candidate} asks first in term {} -> grant vote", self.term);
            self.vote = Some(candidate);
            self.restart_election_timer();
        } else {
            self.explain_refusal(candidate, claim);
        }
        self.send_after_write(candidate, Message::VoteResponse { granted });
    }

    fn explain_refusal(&self, candidate: NodeId, Claim { last, priority }: Claim) {
        let own = self.log.last_id();
        if last < own {
            debug!(self.logger, "{candidate}'s log {last} is behind {own} -> refuse");
        } else if !self.accepts(Claim { last, priority }) {
            debug!(
                self.logger,
                "{candidate}'s priority {priority} is below {} -> refuse", self.config.priority
            );
        } else if let Some(leader) = self.leader() {
            debug!(self.logger, "{leader} leads -> refuse {candidate}");
        } else if let Some(voted_for) = self.vote {
            debug!(self.logger, "has voted for {voted_for} -> refuse {candidate}");
        } else {
            debug!(self.logger, "{candidate} is behind term {} -> refuse", self.term);
        }
    }

    pub(super) fn on_pre_vote_response(
        &mut self,
        voter: NodeId,
        term: Term,
        granted: bool,
    ) -> Result<(), StepError> {
        self.require_voter(voter)?;
        if granted && term != self.term.next() {
            // Granted for an earlier round, in an earlier term.
            self.ignore(voter, "pre_vote_response", "it is for another term");
        } else {
            self.count_pre_vote(voter, granted);
        }
        Ok(())
    }

    pub(super) fn on_vote_response(&mut self, voter: NodeId, granted: bool) -> Result<(), StepError> {
        self.require_voter(voter)?;
        self.count_vote(voter, granted);
        Ok(())
    }

    fn require_voter(&self, voter: NodeId) -> Result<(), StepError> {
        if self.membership.voters.contains(voter) {
            Ok(())
        } else {
            Err(StepError::UnknownPeer { from: voter })
        }
    }

    fn count_pre_vote(&mut self, voter: NodeId, granted: bool) {
        if let Role::PreCandidate(ballot) = &mut self.role {
            ballot.record(voter, granted);
        }
        self.recount_votes();
    }

    fn count_vote(&mut self, voter: NodeId, granted: bool) {
        if let Role::Candidate(candidate) = &mut self.role {
            candidate.ballot.record(voter, granted);
        }
        self.recount_votes();
    }

    /// Whether the election under way is decided: after each answer, and when the voters have changed.
    pub(super) fn recount_votes(&mut self) {
        match &self.role {
            Role::PreCandidate(ballot) => match ballot.result(&self.membership.voters) {
                VoteResult::Won => self.ask_for_votes(false),
                VoteResult::Lost => self.give_up(),
                VoteResult::Pending => {}
            },
            Role::Candidate(candidate) => match candidate.ballot.result(&self.membership.voters) {
                VoteResult::Won => self.become_leader(),
                VoteResult::Lost => self.give_up(),
                VoteResult::Pending => {}
            },
            Role::Follower { .. } | Role::Leader(_) => {}
        }
    }

    fn give_up(&mut self) {
        debug!(self.logger, "so many refuse that no quorum can be had -> give up");
        self.become_follower(self.term, None);
    }

    /// Thesis §6.2: a leader steps down if an election timeout passes without a quorum of answers.
    pub(super) fn check_quorum(&mut self) {
        let id = self.id;
        let Some(leader) = self.role.as_leader_mut() else { return };
        let progress = &leader.progress;
        let is_active = |node| node == id || progress.of(node).is_some_and(|p| p.recent_active);
        let has_quorum = self.membership.voters.is_quorum(is_active);
        leader.progress.iter_mut().for_each(|(_, progress)| progress.recent_active = false);
        if !has_quorum {
            slog::warn!(self.logger, "no quorum was heard for an election timeout -> step down");
            self.become_follower(self.term, None);
        }
    }
}

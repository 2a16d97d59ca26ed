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
    types::{EntryId, LogIndex, NodeId, Term},
};

/// What a candidate has to offer.
#[derive(Clone, Copy)]
pub(super) struct Claim {
    pub(super) last: EntryId,
    pub(super) priority: i64,
    pub(super) committed: Option<EntryId>,
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
        // The leader's lease may rest on this node's word, and its own vote would break that. Also if a change has made
        // this node the only voter: the leader may not have applied that.
        if self.is_bound_by_lease() {
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
        if self.has_lost_entries() {
            return Err(CampaignError::LostEntries);
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

    /// Whether this node's disk has lost what it had acknowledged. Its vote could then elect a leader without an entry
    /// that is committed only because this node once held it.
    ///
    /// A leader of a later term was elected without this vote, and so has all that was committed; once an entry of its
    /// term is here, so is everything before.
    fn has_lost_entries(&self) -> bool {
        self.lost_entries_in.is_some_and(|term| self.log.last_id().term <= term)
    }

    fn ask_for_pre_votes(&mut self) {
        self.become_pre_candidate();
        let Claim { last, priority, committed } = self.claim();
        // The request speaks of the term in which this node would stand.
        let term = self.term.next();
        for voter in self.other_voters() {
            self.send_in_term(voter, term, Message::PreVoteRequest { last, priority, committed });
        }
        self.count_pre_vote(self.id, true);
    }

    fn ask_for_votes(&mut self, transfer: bool) {
        self.become_candidate();
        let Claim { last, priority, committed } = self.claim();
        // Whom the leader has chosen is preferred to anybody, by voters of any kind.
        let priority = if transfer { i64::MAX } else { priority };
        for voter in self.other_voters() {
            // Not before its own vote is durable: else, after a crash, it could vote for another in this term.
            let request = Message::VoteRequest { last, priority, committed, transfer };
            self.send_after_write(voter, request);
        }
    }

    /// Whether it stands for election: its own vote counts only when it is durable.
    pub(super) fn awaits_own_vote(&self) -> bool {
        matches!(self.role, Role::Candidate(_))
    }

    /// §5.2: the candidate votes for itself, and like any other vote this one counts when it is durable. Whether it is
    /// with this write.
    pub(super) fn count_own_vote(&mut self, written: u64) -> bool {
        let Role::Candidate(candidate) = &self.role else { return false };
        let is_durable = written >= candidate.vote_write;
        if is_durable {
            self.count_vote(self.id, true);
        }
        is_durable
    }

    fn claim(&self) -> Claim {
        let (last, committed) = (self.log.last_id(), self.last_committed());
        Claim { last, priority: self.config.priority, committed }
    }

    /// §5.4.1: a candidate must be at least as up to date as the voter. If it is no more than that, the voter may
    /// prefer itself; but not if it has no vote, as far as it knows, and so will never stand.
    fn accepts(&self, claim: Claim) -> bool {
        let own = self.log.last_id();
        let is_preferred =
            claim.priority >= self.config.priority || !self.membership.voters.contains(self.id);
        claim.last > own || (claim.last == own && is_preferred)
    }

    fn other_voters(&self) -> Vec<NodeId> {
        self.membership.voters.voters().filter(|voter| *voter != self.id).collect()
    }

    /// Whether this node has lately heard from a leader, or leads with a quorum: then nobody needs another one
    /// (thesis §4.2.3), and a node that only lost its own link does not get votes.
    pub(super) fn has_living_leader(&self) -> bool {
        let follows = self.config.check_quorum
            && self.leader().is_some()
            && self.election_elapsed < self.config.election_ticks;
        follows || self.is_bound_by_lease()
    }

    /// Thesis §6.4.1: a leader's lease may rest on this node's word. It keeps that also when it has heard of a newer
    /// term since, for the leader may not have.
    fn is_bound_by_lease(&self) -> bool {
        self.config.lease_reads && self.ticks < self.loyal_until
    }

    /// Answers a node that asks whether we would vote for it in `term`. Changes nothing here.
    pub(super) fn on_pre_vote_request(
        &mut self,
        candidate: NodeId,
        term: Term,
        claim: Claim,
    ) -> Result<(), StepError> {
        let vote_is_free = term > self.term || self.vote == Some(candidate);
        let candidate_is_current = self.accepts(claim);
        let may_vote = !self.has_lost_entries() && !self.has_living_leader();
        if vote_is_free && candidate_is_current && may_vote {
            debug!(self.logger, "{candidate} could win term {term} -> grant pre-vote");
            // Of the same term as the request, or the candidate would think it late.
            self.send_in_term(candidate, term, Message::PreVoteResponse { granted: true, committed: None });
        } else {
            // With our own term, so that a candidate that is behind catches up and can win the next time.
            self.explain_refusal(candidate, claim);
            let committed = self.last_committed();
            self.send(candidate, Message::PreVoteResponse { granted: false, committed });
            self.learn_commit(candidate, claim.committed)?;
        }
        Ok(())
    }

    /// Answers a candidate that asks for our vote in the current term.
    pub(super) fn on_vote_request(
        &mut self,
        candidate: NodeId,
        claim: Claim,
        transfer: bool,
    ) -> Result<(), StepError> {
        // §5.2: each server votes for at most one candidate in a term, first come, first served.
        let vote_is_free = match self.vote {
            Some(voted_for) => voted_for == candidate,
            None => self.leader().is_none(),
        };
        // §5.4.1: the voter denies its vote if its own log is more up to date.
        let candidate_is_current = self.accepts(claim);
        // A leader that wishes it has no lease any more.
        let is_at_liberty = transfer || !self.is_bound_by_lease();

        let may_vote = is_at_liberty && !self.has_lost_entries() && !self.log.is_installing();
        let granted = vote_is_free && candidate_is_current && may_vote;
        if granted {
            debug!(self.logger, "{candidate} asks first in term {} -> grant vote", self.term);
            self.vote_for(candidate);
        } else {
            self.explain_refusal(candidate, claim);
        }
        let committed = if granted { None } else { self.last_committed() };
        self.send_after_write(candidate, Message::VoteResponse { granted, committed });
        if granted { Ok(()) } else { self.learn_commit(candidate, claim.committed) }
    }

    /// What candidates, and those who refuse them, tell each other.
    fn last_committed(&self) -> Option<EntryId> {
        let index = self.log.committed();
        // If storage cannot tell, nothing is lost but a hint.
        let term = self.log.term(index).ok().flatten();
        term.filter(|_| index > LogIndex::ZERO).map(|term| EntryId { term, index })
    }

    /// `from`, who stands or refuses, has told what is committed. If the entry is here too, all up to there is equal.
    ///
    /// Without this, two nodes that need each other's votes could wait for ever, where one of them has the longer log
    /// and does not stand: a leader that has removed itself, or a new voter, and the other does not know that the change
    /// is committed, or has not told it.
    fn learn_commit(&mut self, from: NodeId, committed: Option<EntryId>) -> Result<(), StepError> {
        let Some(committed) = committed.filter(|id| id.index > self.log.committed()) else { return Ok(()) };
        if self.is_leader() || !self.log.contains(committed)? {
            return Ok(());
        }
        debug!(self.logger, "{from} knows entry {committed} to be committed -> commit");
        self.log.commit_to(committed.index);
        let stands = matches!(self.role, Role::PreCandidate(_) | Role::Candidate(_));
        if stands && self.log.has_unapplied_change()? {
            debug!(self.logger, "a change of membership is among it -> stand no more until it is applied");
            self.become_follower(self.term, None);
        }
        Ok(())
    }

    /// A vote is given when it is durable, and only then does the candidate's time run: what a slow disk took of it
    /// would make this node stand against the leader that it has just elected.
    pub(super) fn on_vote_written(&mut self, written: u64) {
        if self.vote_write.is_some_and(|write| written >= write) {
            self.vote_write = None;
            if let Role::Follower { leader: None } = self.role {
                self.election_elapsed = 0;
            }
        }
    }

    fn explain_refusal(&self, candidate: NodeId, claim: Claim) {
        let Claim { last, priority, .. } = claim;
        let own = self.log.last_id();
        if self.has_lost_entries() {
            debug!(
                self.logger,
                "its own log ends at {own}, and lacks what it had acknowledged -> refuse {candidate}"
            );
        } else if last < own {
            debug!(self.logger, "{candidate}'s log {last} is behind {own} -> refuse");
        } else if !self.accepts(claim) {
            debug!(
                self.logger,
                "{candidate}'s priority {priority} is below {} -> refuse", self.config.priority
            );
        } else if let Some(leader) = self.leader() {
            debug!(self.logger, "{leader} leads -> refuse {candidate}");
        } else if self.is_bound_by_lease() {
            debug!(self.logger, "a leader may have a lease -> refuse {candidate}");
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
        committed: Option<EntryId>,
    ) -> Result<(), StepError> {
        self.require_voter(voter)?;
        self.learn_commit(voter, committed)?;
        if granted && term != self.term.next() {
            // Granted for an earlier round, in an earlier term.
            self.ignore(voter, "pre_vote_response", "it is for another term");
        } else {
            self.count_pre_vote(voter, granted);
        }
        Ok(())
    }

    pub(super) fn on_vote_response(
        &mut self,
        voter: NodeId,
        granted: bool,
        committed: Option<EntryId>,
    ) -> Result<(), StepError> {
        self.require_voter(voter)?;
        self.learn_commit(voter, committed)?;
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

//! The changes of role (Figure 4). Only here does the role, the term or the vote change; nothing is sent here.

use slog::info;

use super::{
    accepted_forwards::AcceptedForwards,
    progress::{Progress, ProgressSet},
    raft::Raft,
    reads::LeaderReads,
    role::{Ballot, Candidate, Leader, Role},
    types::{NodeId, Term},
};

impl Raft {
    /// Follows `leader`, if it is known, in `term`, which is the current one or a newer.
    ///
    /// The vote belongs to the term: it is forgotten only with it (§5.2, "at most one candidate in a given
    /// term"). So a leader that steps down within its term has still voted for itself.
    pub(super) fn become_follower(&mut self, term: Term, leader: Option<NodeId>) {
        assert!(term >= self.term, "term regressed {} → {term}", self.term);
        if term > self.term {
            self.term = term;
            self.vote = None;
        }
        self.leave_role();
        self.role = Role::Follower { leader };
        self.restart_election_timer();
        self.settle_transfer();
        match leader {
            Some(leader) => info!(self.logger, "{leader} leads term {term} -> follow"),
            None => info!(self.logger, "nobody is known to lead term {term} -> follow"),
        }
    }

    /// Stops leading within its term.
    pub(super) fn step_down(&mut self) {
        if self.is_leader() {
            self.become_follower(self.term, None);
        }
    }

    /// A follower that is told to stop following.
    ///
    /// Not with leases: the leader's rests on our word (a vote given now could outrun it).
    pub(super) fn forget_leader(&mut self) {
        if self.config.lease_reads {
            return;
        }
        if let Role::Follower { leader } = &mut self.role {
            *leader = None;
            self.standing_changed = true;
            self.reads.lose_asked();
        }
    }

    /// §5.2: a server votes for at most one candidate in a term.
    pub(super) fn vote_for(&mut self, candidate: NodeId) {
        self.vote = Some(candidate);
        self.vote_write = Some(self.log.next_write());
        self.standing_changed = true;
        self.restart_election_timer();
    }

    /// Asks whether it would be elected; term and vote stay as they are (thesis §9.6).
    pub(super) fn become_pre_candidate(&mut self) {
        self.leave_role();
        self.role = Role::PreCandidate(Ballot::default());
        self.elections.pre_votes += 1;
        self.restart_election_timer();
        info!(self.logger, "no leader was heard in term {} -> ask for pre-votes", self.term);
    }

    /// §5.2: increments its term, votes for itself, restarts its timer.
    pub(super) fn become_candidate(&mut self) {
        self.leave_role();
        self.term = self.term.next();
        self.vote = Some(self.id);
        let vote_write = self.log.next_write();
        self.role = Role::Candidate(Candidate { ballot: Ballot::default(), vote_write });
        self.elections.begun += 1;
        self.restart_election_timer();
        info!(self.logger, "stands for election in term {}", self.term);
    }

    /// Leads the current term, having been elected, and opens it with a blank entry (§8).
    pub(super) fn become_leader(&mut self) {
        self.leave_role();
        let last = self.log.last_id();
        let next = last.index.next();
        let followers = self.membership.members().filter(|node| *node != self.id);
        let progress = ProgressSet::new(followers.map(|node| (node, Progress::new(next))));
        let opening = self.log.open_term(self.term);
        self.role = Role::Leader(Box::new(Leader {
            progress,
            reads: LeaderReads::default(),
            accepted: AcceptedForwards::default(),
            transfer: None,
            has_told_to_stand: false,
            // Any entry from before may be a change, and is not known to be committed.
            latest_change: last.index,
            first_of_term: opening.index,
            uncommitted_bytes: 0,
            // The blank entry is no proposal.
            settled: opening.index,
            heartbeat_elapsed: 0,
        }));
        self.elections.won += 1;
        self.settle_transfer();
        self.restart_election_timer();
        info!(self.logger, "a quorum voted for it -> lead term {}", self.term; "last" => %last);
    }

    /// Ends what the present role has begun and cannot finish.
    fn leave_role(&mut self) {
        self.standing_changed = true;
        if let Role::Leader(leader) = &mut self.role {
            self.reads.lose(leader.reads.local_ids());
            self.handed_over = leader.transfer.take();
        }
        self.reads.lose_asked();
    }
}

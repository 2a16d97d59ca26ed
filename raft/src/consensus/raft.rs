//! The state of one node, and the ways in which every sub-protocol touches it.

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use slog::Logger;

use super::{
    config::Config,
    error::NewError,
    forward::PendingForwards,
    log::Log,
    message::{Envelope, Message},
    quorum::Membership,
    reads::PendingReads,
    ready::{Leadership, Transfer},
    role::Role,
    status::Elections,
    storage::{HardState, Storage},
    transfer::PendingTransfer,
    types::{LogIndex, NodeId, Term},
};

/// One node. What persists comes first, as in Figure 2.
pub(super) struct Raft {
    pub(super) id: NodeId,
    pub(super) term: Term,
    pub(super) vote: Option<NodeId>,
    pub(super) log: Log,
    pub(super) membership: Membership,
    /// The term in which a leader knew more to be committed here than the log holds.
    pub(super) lost_entries_in: Option<Term>,
    /// While a snapshot from the leader waits to be restored: the membership at the place where the state machine
    /// still is.
    pub(super) overtaken: Option<Membership>,

    pub(super) role: Role,
    /// Whether the term, the vote, the role or the leader may be another than the last Ready told.
    pub(super) standing_changed: bool,
    /// Ticks since this node was made.
    pub(super) ticks: u64,
    /// Ticks since this node last had a reason not to stand for election; on a leader, since it last saw
    /// that a quorum is with it.
    pub(super) election_elapsed: u32,
    /// When `election_elapsed` gets here, this node stands for election.
    pub(super) election_timeout: u32,
    /// The write that makes the last vote for another node durable, until it is done.
    pub(super) vote_write: Option<u64>,
    /// With leases: until this tick the node votes for nobody, unless its leader wishes it.
    pub(super) loyal_until: u64,
    /// Proposals and reads that this node passed on to a leader.
    pub(super) forwards: PendingForwards,
    pub(super) reads: PendingReads,
    /// A transfer that took this node out of office, until somebody leads again.
    pub(super) handed_over: Option<PendingTransfer>,
    /// Transfers that have ended.
    pub(super) transfers: Vec<Transfer>,

    pub(super) outbox: Outbox,
    pub(super) config: Config,
    pub(super) logger: Logger,
    pub(super) random: Pcg64Mcg,
    /// Messages that came too late to mean anything.
    pub(super) ignored: u64,
    pub(super) elections: Elections,
}

/// Messages that the next Ready will carry.
#[derive(Default)]
pub(super) struct Outbox {
    pub(super) at_once: Vec<Envelope>,
    pub(super) after_write: Vec<Envelope>,
}

impl Raft {
    pub(super) fn new(config: Config, storage: Box<dyn Storage>, logger: Logger) -> Result<Self, NewError> {
        config.validate()?;
        let initial = storage.initial_state()?;
        let (committed, applied) = positions(&config, &*storage, initial.hard_state)?;
        let log = Log::new(storage, &config, committed, applied)?;
        let (term, last_term) = (initial.hard_state.term, log.last_id().term);
        if term < last_term {
            return Err(NewError::TermBehindLog { term, last_term });
        }
        // Entries may have been appended to a snapshot that ends at the last index; not so many.
        if term > Term::LAST || log.last_index().0 > LogIndex::LAST.0 / 2 * 3 {
            return Err(NewError::BeyondLast { term, last: log.last_index() });
        }
        let mut random = Pcg64Mcg::seed_from_u64(config.seed);
        let mut raft = Self {
            id: config.id,
            term,
            vote: initial.hard_state.vote,
            log,
            membership: initial.membership,
            lost_entries_in: None,
            overtaken: None,
            role: Role::Follower { leader: None },
            standing_changed: false,
            ticks: 0,
            election_elapsed: 0,
            election_timeout: config.election_ticks,
            vote_write: None,
            // Before a restart, it may have answered a heartbeat on which a leader's lease rests.
            loyal_until: u64::from(config.election_ticks),
            forwards: PendingForwards::of_life(random.random()),
            reads: PendingReads::starting_at(random.random()),
            handed_over: None,
            transfers: Vec::new(),
            outbox: Outbox::default(),
            config,
            logger,
            random,
            ignored: 0,
            elections: Elections::default(),
        };
        raft.restart_election_timer();
        Ok(raft)
    }

    pub(super) fn hard_state(&self) -> HardState {
        HardState { term: self.term, vote: self.vote, commit: self.log.committed() }
    }

    #[inline]
    pub(super) fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower { leader } => *leader,
            Role::Leader(_) => Some(self.id),
            Role::PreCandidate(_) | Role::Candidate(_) => None,
        }
    }

    /// Whether it takes entries from `node`.
    #[inline]
    pub(super) fn follows(&self, node: NodeId) -> bool {
        matches!(self.role, Role::Follower { leader: Some(leader) } if leader == node)
    }

    #[inline]
    pub(super) fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    pub(super) fn leadership(&self) -> Leadership {
        Leadership { term: self.term, role: self.role.kind(), leader: self.leader() }
    }

    /// Whether anything has ended that was asked of this node: a read, a forward, a transfer.
    pub(super) fn has_outcomes(&self) -> bool {
        self.reads.has_ended() || self.forwards.has_ended() || !self.transfers.is_empty()
    }

    /// §5.2: randomized election timeouts, drawn anew each time, so that split votes are rare and do not repeat.
    pub(super) fn restart_election_timer(&mut self) {
        let shortest = self.config.election_ticks;
        self.election_elapsed = 0;
        self.election_timeout = self.random.random_range(shortest..=shortest.saturating_add(shortest - 1));
    }

    /// Sends what promises nothing that a crash could take back.
    pub(super) fn send(&mut self, to: NodeId, message: Message) {
        self.send_in_term(to, self.term, message);
    }

    /// The same for what speaks of another term than the current one: pre-votes.
    pub(super) fn send_in_term(&mut self, to: NodeId, term: Term, message: Message) {
        self.outbox.at_once.push(Envelope { from: self.id, to, term, message });
    }

    /// Sends what promises that something is durable: not before it is.
    pub(super) fn send_after_write(&mut self, to: NodeId, message: Message) {
        let envelope = Envelope { from: self.id, to, term: self.term, message };
        self.outbox.after_write.push(envelope);
    }

    /// Counts a message that came too late to mean anything.
    pub(super) fn ignore(&mut self, from: NodeId, message: &'static str, why: &'static str) {
        self.ignored += 1;
        slog::trace!(self.logger, "{why} -> ignore {message}"; "from" => %from, "term" => %self.term);
    }

    /// One tick of the clock.
    pub(super) fn tick(&mut self) {
        self.ticks += 1;
        self.forwards.tick(self.config.election_ticks);
        self.tick_reads();
        self.tick_handed_over();
        if self.is_leader() { self.tick_leader() } else { self.tick_election() }
    }
}

/// Where the commit index and the applied index stand at start: what the pieces that survived say together.
fn positions(
    config: &Config,
    storage: &dyn Storage,
    hard_state: HardState,
) -> Result<(LogIndex, LogIndex), NewError> {
    let (first, last) = (storage.first_index()?, storage.last_index()?);
    if hard_state.commit > last {
        return Err(NewError::CommitBeyondLog { commit: hard_state.commit, last });
    }
    // The snapshot holds only what was committed.
    let compacted = first.previous();
    let applied = if config.applied == LogIndex::ZERO { compacted } else { config.applied };
    if applied > last {
        return Err(NewError::AppliedBeyondLog { applied, last });
    }
    if applied < compacted {
        return Err(NewError::AppliedBeforeLog { applied, first });
    }
    // So does the state machine: the commit index need not be durable when an entry is applied.
    Ok((hard_state.commit.max(compacted).max(applied), applied))
}

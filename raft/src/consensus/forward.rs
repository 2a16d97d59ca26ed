//! Proposals: appended by the leader, passed on to it by followers.
//!
//! A proposal that is passed on carries a [`ForwardId`] in its context. It is made for one leader in one term,
//! and that leader takes each id once; so a proposal that the network doubles, or delivers late, is appended
//! at most once. The follower recognizes it when it comes back among the leader's entries.

use std::collections::VecDeque;

use slog::debug;

use super::{
    accepted_forwards::{Acceptance, LIFE_SHIFT},
    entries::Entries,
    entry::{EntryKind, ForwardId, Proposal},
    error::ProposeError,
    message::Message,
    raft::Raft,
    ready::{Forward, ForwardOutcome, Proposed},
    role::Role,
    types::{NodeId, Term},
};

impl Raft {
    /// Proposes what a client wants, here or at the leader.
    pub(super) fn propose(&mut self, proposal: Proposal) -> Result<Proposed, ProposeError> {
        self.require_size(&proposal)?;
        if self.is_leader() { self.append_proposal(proposal) } else { self.pass_on(proposal) }
    }

    #[inline(never)]
    fn pass_on(&mut self, mut proposal: Proposal) -> Result<Proposed, ProposeError> {
        let leader = self.leader().ok_or(ProposeError::NoLeader)?;
        if !self.config.forward_proposals {
            return Err(ProposeError::NotLeader { leader });
        }
        let id = self.forwards.begin(self.id);
        proposal.context = id.to_context();
        self.forwards.unsent.push(proposal);
        Ok(Proposed::Forwarded(id))
    }

    fn require_size(&self, proposal: &Proposal) -> Result<(), ProposeError> {
        let (size, max) = (proposal.size(), self.config.max_entry_bytes);
        if size > max { Err(ProposeError::TooLarge { size, max }) } else { Ok(()) }
    }

    // Always inlined, like `Runs::push`: in a large batch the two calls are a twentieth of what an entry costs.
    #[inline(always)]
    fn append_proposal(&mut self, proposal: Proposal) -> Result<Proposed, ProposeError> {
        let Role::Leader(leader) = &mut self.role else { return Err(ProposeError::NoLeader) };
        if let Some(transfer) = leader.transfer.as_ref().filter(|transfer| transfer.is_closing) {
            return Err(ProposeError::TransferringLeadership { to: transfer.to });
        }
        let uncommitted = leader.uncommitted_bytes;
        let size = proposal.size();
        // One is always taken, or a large one could never be.
        if uncommitted > 0 && uncommitted + size > self.config.max_uncommitted_bytes {
            return Err(ProposeError::Busy { uncommitted });
        }
        leader.uncommitted_bytes += size;
        Ok(Proposed::Appended(self.log.propose(self.term, proposal)))
    }

    /// Sends what was passed on since the last Ready, in one message.
    #[inline]
    pub(super) fn send_forwards(&mut self) {
        if self.forwards.has_unsent() {
            self.send_unsent_forwards();
        }
    }

    #[cold]
    fn send_unsent_forwards(&mut self) {
        let proposals = std::mem::take(&mut self.forwards.unsent);
        match self.leader() {
            Some(leader) if leader != self.id => self.send(leader, Message::Propose { proposals }),
            // The leader was lost before anything left, so no log can hold it.
            Some(_) | None => {
                let ids = proposals.iter().filter_map(|proposal| ForwardId::from_context(&proposal.context));
                let sequences: Vec<_> = ids.map(|id| id.sequence).collect();
                self.forwards.refused(&sequences);
            }
        }
    }

    /// A follower passes proposals on to us, as the leader of `term`.
    pub(super) fn on_propose(&mut self, from: NodeId, term: Term, proposals: Vec<Proposal>) {
        // Peers that share only the wire format send these without a term, and without ids.
        let is_ours = term == self.term || term == Term::ZERO;
        if !self.is_leader() || !is_ours {
            // In silence: another copy may have come while this node did lead, and been appended.
            self.ignore(from, "propose", "this node does not lead that term");
            return;
        }
        let mut refused = Vec::new();
        for proposal in proposals {
            if proposal.kind == EntryKind::ConfChange {
                self.on_forwarded_change(from, &proposal);
                continue;
            }
            let id = ForwardId::from_context(&proposal.context);
            if id.is_some_and(|id| id.origin != from) {
                self.ignore(from, "propose", "it is another node's to pass on");
                continue;
            }
            let Role::Leader(leader) = &mut self.role else { return };
            match id.map_or(Acceptance::New, |id| leader.accepted.take(id)) {
                Acceptance::Seen => self.ignore(from, "propose", "it came before"),
                Acceptance::TooManyLives => {
                    debug!(self.logger, "{from} has started too often in this term -> refuse its proposal");
                    refused.extend(id.map(|id| id.sequence));
                }
                Acceptance::New => {
                    let appended = self.require_size(&proposal).and_then(|()| self.append_proposal(proposal));
                    if let Err(error) = appended {
                        debug!(self.logger, "{error} -> refuse a proposal from {from}");
                        refused.extend(id.map(|id| id.sequence));
                    }
                }
            }
        }
        if !refused.is_empty() {
            self.send(from, Message::ProposeRefused { sequences: refused });
        }
    }
}

/// What a follower has passed on and not heard of yet.
pub(super) struct PendingForwards {
    next_sequence: u64,
    /// Sequence numbers and their ages in ticks, oldest first.
    waiting: VecDeque<(u64, u32)>,
    unsent: Vec<Proposal>,
    origin: Option<NodeId>,
    ended: Vec<Forward>,
}

impl PendingForwards {
    /// After so many election timeouts without news, a proposal's fate is unknown.
    const PATIENCE: u32 = 2;

    /// `life` comes from the seed, so that an earlier life of this node used other numbers.
    pub(super) fn of_life(life: u32) -> Self {
        Self {
            next_sequence: u64::from(life) << LIFE_SHIFT,
            waiting: VecDeque::new(),
            unsent: Vec::new(),
            origin: None,
            ended: Vec::new(),
        }
    }

    fn begin(&mut self, origin: NodeId) -> ForwardId {
        let sequence = self.next_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(1);
        self.waiting.push_back((sequence, 0));
        self.origin = Some(origin);
        ForwardId { origin, sequence }
    }

    /// Entries came from the leader: ours among them are on their way.
    #[inline]
    pub(super) fn appended(&mut self, own: NodeId, entries: &Entries) {
        if !self.waiting.is_empty() {
            self.look_for_own(own, entries);
        }
    }

    #[cold]
    fn look_for_own(&mut self, own: NodeId, entries: &Entries) {
        for entry in entries.iter().filter(|entry| !entry.context().is_none()) {
            match ForwardId::from_context(entry.context()) {
                Some(id) if id.origin == own => self.end(id.sequence, ForwardOutcome::Appended(entry.id)),
                Some(_) | None => {}
            }
        }
    }

    pub(super) fn refused(&mut self, sequences: &[u64]) {
        for sequence in sequences {
            self.end(*sequence, ForwardOutcome::Refused);
        }
    }

    pub(super) fn tick(&mut self, election_ticks: u32) {
        self.waiting.iter_mut().for_each(|(_, age)| *age += 1);
        let patience = election_ticks.saturating_mul(Self::PATIENCE);
        while let Some((sequence, _)) = self.waiting.front().copied().filter(|(_, age)| *age > patience) {
            self.end(sequence, ForwardOutcome::Unknown);
        }
    }

    fn end(&mut self, sequence: u64, outcome: ForwardOutcome) {
        // Nearly always the oldest.
        let position = self.waiting.iter().position(|(waiting, _)| *waiting == sequence);
        let (Some(position), Some(origin)) = (position, self.origin) else { return };
        self.waiting.remove(position);
        self.ended.push(Forward { id: ForwardId { origin, sequence }, outcome });
    }

    pub(super) fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    pub(super) fn has_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    pub(super) fn take_ended(&mut self, ended: &mut Vec<Forward>) {
        ended.append(&mut self.ended);
    }
}

//! Handing leadership over (thesis §3.10).
//!
//! In the order of the conversation: the request, the target catches up, it is told to stand, it does; and what became
//! of it.

use slog::{debug, info};

use super::{
    error::TransferError,
    message::Message,
    raft::Raft,
    ready::{Transfer, TransferOutcome},
    role::Role,
    types::{LogIndex, NodeId},
};

/// A transfer under way, on the leader.
pub(super) struct PendingTransfer {
    pub(super) to: NodeId,
    /// When the target has this entry, new proposals are held back until it has the rest.
    catch_up: LogIndex,
    /// Whether new proposals are held back.
    pub(super) is_closing: bool,
    pub(super) ticks: u32,
}

impl Raft {
    /// Begins to hand leadership over to `to`; on a follower that wants it itself, asks the leader.
    pub(super) fn transfer_leader(&mut self, to: NodeId) -> Result<(), TransferError> {
        let (id, last) = (self.id, self.log.last_index());
        let known_leader = self.leader();
        let Role::Leader(leader) = &mut self.role else {
            return match known_leader {
                Some(leader) if to == id => {
                    self.send(leader, Message::TransferRequest);
                    Ok(())
                }
                leader => Err(TransferError::NotLeader { leader }),
            };
        };
        if to == id {
            return Err(TransferError::AlreadyLeader);
        }
        if !self.membership.voters.contains(to) || leader.progress.of(to).is_none() {
            return Err(TransferError::NotVoter { to });
        }
        if let Some(pending) = &leader.transfer {
            return Err(TransferError::InProgress { to: pending.to });
        }
        info!(self.logger, "leadership is to go to {to} -> bring it up to {last}");
        leader.transfer = Some(PendingTransfer { to, catch_up: last, is_closing: false, ticks: 0 });
        self.advance_transfer();
        Ok(())
    }

    /// Somebody else asks this leader to hand over.
    pub(super) fn on_transfer_request(&mut self, from: NodeId) {
        if let Err(error) = self.transfer_leader(from) {
            debug!(self.logger, "{error} -> refuse to hand over to {from}");
        }
    }

    /// The target has acknowledged more: is it time to hold proposals back, or to let it stand?
    ///
    /// A target that lacks much gets it while clients go on; only the rest is sent with them waiting.
    #[inline]
    pub(super) fn advance_transfer(&mut self) {
        if self.role.as_leader().is_some_and(|leader| leader.transfer.is_some()) {
            self.advance_pending_transfer();
        }
    }

    #[cold]
    fn advance_pending_transfer(&mut self) {
        let last = self.log.last_index();
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(transfer) = &mut leader.transfer else { return };
        let to = transfer.to;
        let matched = leader.progress.of(to).map_or(LogIndex::ZERO, |progress| progress.matched);
        transfer.is_closing |= matched >= transfer.catch_up;
        if matched == last {
            leader.has_told_to_stand = true;
            debug!(self.logger, "{to} has the whole log -> let it stand for election");
            self.send(to, Message::TimeoutNow);
        }
    }

    /// The leader asks us to stand for election at once.
    pub(super) fn on_timeout_now(&mut self, from: NodeId) {
        match self.stand_at_leaders_request() {
            Ok(()) => info!(self.logger, "{from} hands leadership over -> stand for election"),
            Err(error) => debug!(self.logger, "{error} -> do not take leadership from {from}"),
        }
    }

    /// One tick on a leader that hands over: not for longer than an election timeout.
    pub(super) fn tick_transfer(&mut self) {
        let patience = self.config.election_ticks;
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(transfer) = &mut leader.transfer else { return };
        transfer.ticks += 1;
        if transfer.ticks >= patience {
            self.abort_transfer(TransferOutcome::TimedOut);
        }
    }

    /// The membership has changed: a target without a vote cannot lead.
    pub(super) fn check_transfer_target(&mut self) {
        let Role::Leader(leader) = &self.role else { return };
        let is_voter = |node| self.membership.voters.contains(node);
        if leader.transfer_target().is_some_and(|to| !is_voter(to)) {
            self.abort_transfer(TransferOutcome::NotVoter);
        }
    }

    fn abort_transfer(&mut self, outcome: TransferOutcome) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(PendingTransfer { to, .. }) = leader.transfer.take() {
            info!(self.logger, "handing over to {to} ended: {outcome} -> go on leading");
            self.transfers.push(Transfer { to, outcome });
        }
    }

    /// After a transfer that took this node out of office: somebody leads again, the target or another.
    pub(super) fn settle_transfer(&mut self) {
        let (Some(handed_over), Some(leader)) = (&self.handed_over, self.leader()) else { return };
        let to = handed_over.to;
        let outcome = if leader == to { TransferOutcome::Done } else { TransferOutcome::OtherLeader(leader) };
        self.handed_over = None;
        self.transfers.push(Transfer { to, outcome });
    }

    /// One tick on a node that has handed over and waits to see who leads.
    pub(super) fn tick_handed_over(&mut self) {
        let patience = 2 * self.config.election_ticks;
        let Some(handed_over) = &mut self.handed_over else { return };
        handed_over.ticks += 1;
        if handed_over.ticks > patience {
            let to = handed_over.to;
            self.handed_over = None;
            self.transfers.push(Transfer { to, outcome: TransferOutcome::TimedOut });
        }
    }
}

//! Handing leadership over: because an operator asks for it, and before a leader stops (thesis §3.10).

use slog::{debug, info};

use super::{
    completion::Completion,
    driver::Driver,
    outcome::{Outcome, Refusal, RefusalReason},
};
use crate::{
    consensus::{NodeId, RoleKind, Transfer, TransferError, TransferOutcome},
    state_machine::StateMachine,
};

impl<S: StateMachine> Driver<S> {
    /// Hands leadership over to `to` for a client: see
    /// [`Handle::transfer_leader`](super::Handle::transfer_leader).
    pub fn transfer_leader(&mut self, to: NodeId, mut completion: Completion<()>) {
        let leader = self.raw.leader();
        if leader == Some(to) {
            return completion.complete(Outcome::Applied(()));
        }
        // A follower may only ask, and never hears what became of it.
        let begun = if self.raw.role() == RoleKind::Leader {
            self.raw.transfer_leader(to)
        } else {
            Err(TransferError::NotLeader { leader })
        };
        match begun {
            Ok(()) => {
                completion.put_in_doubt();
                self.administration.transfers.push((to, completion));
            }
            Err(error) => completion.complete(Outcome::NotAccepted(Refusal::of_transfer(error, leader))),
        }
    }

    /// An attempt to hand leadership over has ended.
    pub(super) fn on_transfer(&mut self, transfer: Transfer) {
        let leader = self.raw.leader();
        if self.administration.stop_deadline.is_some() {
            self.administration.stop_deadline = Some(self.counters.ticks);
        }
        let all = std::mem::take(&mut self.administration.transfers);
        let (ended, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(to, _)| *to == transfer.to);
        self.administration.transfers = others;
        for (_, completion) in ended {
            completion.complete(match transfer.outcome {
                TransferOutcome::Done => Outcome::Applied(()),
                outcome @ (TransferOutcome::TimedOut
                | TransferOutcome::NotVoter
                | TransferOutcome::OtherLeader(_)) => {
                    Outcome::refused(RefusalReason::NotHandedOver(outcome), leader)
                }
            });
        }
    }

    /// Prepares to stop: a leader begins to hand leadership on to the voter that holds most of its log. Go on as
    /// before until [`may_stop`](Self::may_stop).
    pub fn begin_stop(&mut self) {
        if self.administration.stop_deadline.is_some() {
            return;
        }
        let mut patience = 0;
        if let Some(to) = self.successor().filter(|_| self.options.hand_over_ticks > 0) {
            match self.raw.transfer_leader(to) {
                Ok(()) | Err(TransferError::InProgress { .. }) => {
                    info!(self.logger, "asked to stop -> hand leadership on first"; "to" => %to);
                    patience = u64::from(self.options.hand_over_ticks);
                }
                Err(error) => debug!(self.logger, "{error} -> stop without handing over"),
            }
        }
        self.administration.stop_deadline = Some(self.counters.ticks + patience);
    }

    /// Whether, after [`begin_stop`](Self::begin_stop), there is nothing more to wait for.
    #[must_use]
    pub fn may_stop(&self) -> bool {
        self.administration.stop_deadline.is_some_and(|deadline| self.counters.ticks >= deadline)
    }

    /// Who would lead soonest, if this node leads and another could.
    fn successor(&self) -> Option<NodeId> {
        let status = self.raw.status();
        let voters = status.progress.iter().filter(|(node, progress)| {
            status.membership.voters.incoming.contains(*node) && progress.recent_active
        });
        voters.max_by_key(|(_, progress)| progress.matched).map(|(node, _)| *node)
    }
}

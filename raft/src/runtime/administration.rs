//! Changing who belongs to the cluster, on behalf of operators.
//!
//! A change is in force when its entry is handed out to be applied, and whoever waits for it is told when the state
//! machine has come so far: from then on the next change can be proposed.

use std::collections::VecDeque;

use slog::{debug, warn};

use super::{
    completion::Completion,
    driver::Driver,
    membership_goal::MembershipGoal,
    membership_operation::{Limits, MembershipOperation, Next},
    outcome::{Outcome, Refusal, RefusalReason},
    waiters::Waiters,
};
use crate::{
    consensus::{
        ChangeError, ConfChange, ConfChangeError, Entry, EntryId, EntryKind, Leadership, LogIndex,
        Membership, NodeId, RawNode, RoleKind, Storage, StorageError,
    },
    runtime::MembershipError,
    state_machine::StateMachine,
};

/// What operators have asked for and what is not decided yet.
pub(super) struct Administration {
    /// Who waits for which change of membership.
    pub(super) changes: Waiters<Membership>,
    operation: Option<(MembershipOperation, Completion<Membership>)>,
    pub(super) transfers: Vec<(NodeId, Completion<()>)>,
    limits: Limits,
    /// What is to be told, and when.
    after_apply: VecDeque<(Due, AfterApply)>,
    /// The Ready that is handed out at present.
    pub(super) ready: u64,
    /// Everything up to this Ready is durable.
    pub(super) written: u64,
    /// The node is to stop: the last tick in which it tries to hand leadership on.
    pub(super) stop_deadline: Option<u64>,
}

/// When something can be told.
#[derive(Clone, Copy)]
struct Due {
    /// When the state machine has applied so much.
    applied: LogIndex,
    /// And when this Ready is durable: who was removed may be shut down as soon as that is told, and this node must not
    /// count on it again after a restart.
    written: u64,
}

enum AfterApply {
    /// What the change of membership at an entry came to, and who waits for that.
    Change(EntryId, Result<Membership, ChangeError>, Option<Completion<Membership>>),
    Leadership(Leadership),
}

impl Administration {
    pub(super) fn new(changes: Waiters<Membership>, limits: Limits) -> Self {
        Self {
            changes,
            operation: None,
            transfers: Vec::new(),
            limits,
            after_apply: VecDeque::new(),
            ready: 0,
            written: 0,
            stop_deadline: None,
        }
    }

    /// Whether somebody is to be told when more is applied.
    pub(super) fn awaits_applied(&self) -> bool {
        !self.after_apply.is_empty()
    }

    /// The node stops: tells everybody, each through the end of its [`Completion`].
    pub(super) fn end_all(&mut self) {
        self.changes.end_all();
        self.operation = None;
        self.transfers.clear();
        self.after_apply.clear();
    }

    /// Does what the operation wants, unless that is a proposal.
    fn settle_operation(&mut self, next: Next, leader: Option<NodeId>) -> Option<ConfChange> {
        match next {
            Next::Wait => None,
            Next::Propose(change) => Some(change),
            Next::End(outcome) => {
                if let Some((_, completion)) = self.operation.take() {
                    completion.complete(outcome.or_leader(leader));
                }
                None
            }
        }
    }
}

impl<S: StateMachine> Driver<S> {
    /// Proposes a change of membership for a client: see
    /// [`Handle::change_membership`](super::Handle::change_membership).
    pub fn change_membership(&mut self, change: &ConfChange, mut completion: Completion<Membership>) {
        let leader = self.raw.leader();
        if self.administration.operation.is_some() {
            let reason = RefusalReason::Membership(MembershipError::UnderWay);
            return completion.complete(Outcome::refused(reason, leader));
        }
        match self.raw.propose_conf_change(change) {
            Ok(id) => {
                completion.put_in_doubt();
                self.administration.changes.wait_for_entry(id, completion, self.counters.ticks);
            }
            Err(error) => completion.complete(Outcome::NotAccepted(Refusal::of_conf_change(error, leader))),
        }
    }

    /// Begins an operation on the membership for a client: see [`Handle::add_voter`](super::Handle::add_voter).
    pub fn operate(&mut self, goal: &MembershipGoal, mut completion: Completion<Membership>) {
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        if self.raw.role() != RoleKind::Leader {
            let refusal = Refusal::of_conf_change(ConfChangeError::NotLeader { leader }, leader);
            return completion.complete(Outcome::NotAccepted(refusal));
        }
        if self.administration.operation.is_some() {
            let reason = RefusalReason::Membership(MembershipError::UnderWay);
            return completion.complete(Outcome::refused(reason, leader));
        }
        let status = self.raw.status();
        match MembershipOperation::plan(goal, &status, self.administration.limits, now) {
            Err(reason) => completion.complete(Outcome::refused(reason, leader)),
            Ok(None) => completion.complete(Outcome::Applied(status.membership)),
            Ok(Some(operation)) => {
                completion.put_in_doubt();
                self.administration.operation = Some((operation, completion));
                self.advance_operation();
            }
        }
    }

    /// One tick, for whatever is under way.
    pub(super) fn tick_administration(&mut self) {
        let (now, patience) = (self.counters.ticks, u64::from(self.options.unknown_after_ticks));
        self.administration.changes.on_tick(now, patience);
        self.advance_operation();
    }

    fn advance_operation(&mut self) {
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        let Some((operation, _)) = &mut self.administration.operation else { return };
        let next = operation.on_tick(&self.raw.status(), now);
        let Some(change) = self.administration.settle_operation(next, leader) else { return };
        let proposed = self.raw.propose_conf_change(&change);
        if let Err(error) = &proposed {
            debug!(self.logger, "{error} -> the operation on the membership does not go on now");
        }
        let Some((operation, _)) = &mut self.administration.operation else { return };
        let next = operation.on_proposed(proposed, now);
        self.administration.settle_operation(next, leader);
    }

    /// A committed change of membership: puts it in force, in its turn. All nodes find the same.
    pub(super) fn put_in_force(&mut self, entry: &Entry, waiter: Option<Completion<Membership>>) {
        let Some(change) = ConfChange::from_data(entry.data()) else {
            warn!(self.logger, "entry {} holds no change of membership -> the membership stays", entry.id);
            return;
        };
        let result = self.raw.apply_conf_change(&change);
        if let Err(error) = &result {
            warn!(self.logger, "{error} -> the membership stays"; "change" => %entry.id);
        }
        let told = AfterApply::Change(entry.id, result, waiter);
        let due = Due { applied: entry.id.index, written: self.administration.ready };
        self.administration.after_apply.push_back((due, told));
    }

    /// An operation belongs to one leader. But what was handed out before that is decided.
    pub(super) fn note_leadership(&mut self, leadership: Leadership) {
        let told = AfterApply::Leadership(leadership);
        let due = Due { applied: self.handed_out.index, written: 0 };
        self.administration.after_apply.push_back((due, told));
        self.settle_administration();
    }

    /// Tells what the state machine and the disk are far enough for.
    pub(super) fn settle_administration(&mut self) {
        let (applied, written) = (self.applied, self.administration.written);
        let is_due = |(due, _): &(Due, AfterApply)| due.applied <= applied && due.written <= written;
        while self.administration.after_apply.front().is_some_and(is_due)
            && let Some((_, told)) = self.administration.after_apply.pop_front()
        {
            match told {
                AfterApply::Change(id, result, waiter) => self.on_change_applied(id, &result, waiter),
                AfterApply::Leadership(leadership) => self.on_leadership_after_apply(leadership),
            }
        }
    }

    fn on_change_applied(
        &mut self,
        id: EntryId,
        result: &Result<Membership, ChangeError>,
        waiter: Option<Completion<Membership>>,
    ) {
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        if let Some(completion) = waiter {
            completion.complete(match result {
                Ok(membership) => Outcome::Applied(membership.clone()),
                Err(error) => Outcome::refused(RefusalReason::ConfChange((*error).into()), leader),
            });
        }
        let Some((operation, _)) = &mut self.administration.operation else { return };
        let next = operation.on_change_applied(id, result, now);
        self.administration.settle_operation(next, leader);
    }

    fn on_leadership_after_apply(&mut self, leadership: Leadership) {
        let Some((operation, _)) = &self.administration.operation else { return };
        let next = operation.on_leadership(leadership);
        self.administration.settle_operation(next, leadership.leader);
    }
}

/// Storage knows the membership as of the snapshot, up to `kept`. A state machine that kept its own state is further:
/// puts the changes between in force again.
pub(super) fn replay_changes(
    raw: &mut RawNode,
    reader: &impl Storage,
    kept: LogIndex,
) -> Result<(), StorageError> {
    const BATCH_BYTES: usize = 1 << 20;
    let applied = raw.status().applied;
    let mut next = kept.next();
    while next <= applied {
        let entries = reader.entries(next, applied, BATCH_BYTES)?;
        let Some(last) = entries.last_id() else { break };
        for entry in entries.iter().filter(|entry| entry.kind() == EntryKind::ConfChange) {
            if let Some(change) = ConfChange::from_data(entry.data()) {
                // Refused then as now: the membership stays.
                let _refused = raw.apply_conf_change(&change);
            }
        }
        next = last.index.next();
    }
    Ok(())
}

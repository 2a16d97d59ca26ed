//! Clients that wait for what becomes of their commands.

use std::collections::{BTreeMap, VecDeque};

use super::{
    completion::Completion,
    outcome::{Outcome, RefusalReason, UnknownReason},
};
use crate::consensus::{Entries, Entry, EntryId, Forward, ForwardId, ForwardOutcome, Leadership, NodeId};

/// Who waits for which entry, and for which proposal that was passed on.
///
/// By entry, not in order: an entry's place in the log may come to hold another leader's, and a queue would
/// then give each client the response to its neighbour's command.
pub(super) struct Waiters<T> {
    /// In the order of their indexes.
    in_log: VecDeque<Waiter<T>>,
    forwarded: BTreeMap<ForwardId, Completion<T>>,
    /// The last entry that was handed out as committed, or is in the snapshot that was.
    committed: EntryId,
    /// The tick in which it was.
    committed_at: u64,
}

struct Waiter<T> {
    id: EntryId,
    completion: Completion<T>,
    /// The tick in which it began to wait.
    since: u64,
    /// The tick in which the leader of its term was no longer known to lead.
    lost_at: Option<u64>,
}

/// What the log up to a committed entry says of another entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Verdict {
    /// It is the committed entry.
    Committed,
    /// It is not in the log, and never will be.
    Overwritten,
    /// It was passed without being seen.
    Passed,
    /// Nothing yet.
    Open,
}

impl Verdict {
    /// What it says of `id` that `committed` is committed.
    ///
    /// Nothing else is ever committed at its index, on any node (§5.4.3, State Machine Safety); and every leader to come has the log up to there (§5.4, Leader Completeness). Terms
    /// never go down along a log, so no entry of an older term can follow it, nor one of a newer term precede
    /// it. And an entry stands at no other index than its own: nobody else proposes its command once more.
    fn of(id: EntryId, committed: EntryId) -> Self {
        if id == committed {
            return Self::Committed;
        }
        let fits_before = id.index < committed.index && id.term <= committed.term;
        let fits_after = id.index > committed.index && id.term >= committed.term;
        match (fits_before, fits_after) {
            (true, _) => Self::Passed,
            (_, true) => Self::Open,
            (false, false) => Self::Overwritten,
        }
    }
}

impl<T> Waiters<T> {
    pub(super) fn new(committed: EntryId) -> Self {
        Self { in_log: VecDeque::new(), forwarded: BTreeMap::new(), committed, committed_at: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.in_log.len() + self.forwarded.len()
    }

    /// Waits for the entry `id`, which is in the log.
    pub(super) fn wait_for_entry(&mut self, id: EntryId, completion: Completion<T>, now: u64) {
        if Verdict::of(id, self.committed) != Verdict::Open {
            return end_passed(id, self.committed, completion, None);
        }
        let waiter = Waiter { id, completion, since: now, lost_at: None };
        if self.in_log.back().is_none_or(|last| last.id.index <= id.index) {
            self.in_log.push_back(waiter);
        } else {
            // The tail of the log was replaced.
            let position = self.in_log.partition_point(|waiter| waiter.id.index <= id.index);
            self.in_log.insert(position, waiter);
        }
    }

    /// Waits to hear of a proposal that was passed on.
    pub(super) fn wait_for_forward(&mut self, id: ForwardId, completion: Completion<T>) {
        self.forwarded.insert(id, completion);
    }

    /// Something was heard of a proposal that was passed on.
    pub(super) fn on_forward(&mut self, forward: Forward, leader: Option<NodeId>, now: u64) {
        let Some(completion) = self.forwarded.remove(&forward.id) else { return };
        match forward.outcome {
            ForwardOutcome::Appended(id) => self.wait_for_entry(id, completion, now),
            ForwardOutcome::Refused => {
                completion.complete(Outcome::refused(RefusalReason::RefusedByLeader, leader));
            }
            ForwardOutcome::Unknown => {
                completion.complete(Outcome::Unknown(UnknownReason::ForwardUnanswered));
            }
        }
    }

    /// The entry `id` is committed, and about to be applied. Who waits for it is returned, to be given the response; those whose
    /// commands it has displaced are told.
    pub(super) fn on_committed(
        &mut self,
        id: EntryId,
        leader: Option<NodeId>,
        now: u64,
    ) -> Option<Completion<T>> {
        let is_new_term = id.term > self.committed.term;
        (self.committed, self.committed_at) = (id, now);
        let mut own = None;
        let is_decided = |waiter: &Waiter<T>| Verdict::of(waiter.id, id) != Verdict::Open;
        while self.in_log.front().is_some_and(is_decided)
            && let Some(waiter) = self.in_log.pop_front()
        {
            if waiter.id == id {
                own = Some(waiter.completion);
            } else {
                end_passed(waiter.id, id, waiter.completion, leader);
            }
        }
        // Behind those that are still open stand entries of older terms only if a newer one has begun.
        if is_new_term {
            self.end_overwritten(leader);
        }
        own
    }

    /// The entries of `run` are committed, one after the other: gives those who wait for them to `found`, with the entry.
    pub(super) fn on_run_committed(
        &mut self,
        run: &Entries,
        leader: Option<NodeId>,
        now: u64,
        mut found: impl FnMut(&Entry, Completion<T>),
    ) {
        if self.in_log.is_empty() {
            // As always on a follower that clients leave alone.
            (self.committed, self.committed_at) = (run.last_id().unwrap_or(self.committed), now);
            return;
        }
        for entry in run {
            if let Some(completion) = self.on_committed(entry.id, leader, now) {
                found(entry, completion);
            }
        }
    }

    /// The state machine was restored from a snapshot up to `last`.
    pub(super) fn on_restored(&mut self, last: EntryId, leader: Option<NodeId>, now: u64) {
        (self.committed, self.committed_at) = (last, now);
        self.end_overwritten(leader);
    }

    /// Ends all that are not open any more.
    fn end_overwritten(&mut self, leader: Option<NodeId>) {
        let committed = self.committed;
        for waiter in std::mem::take(&mut self.in_log) {
            if Verdict::of(waiter.id, committed) == Verdict::Open {
                self.in_log.push_back(waiter);
            } else {
                end_passed(waiter.id, committed, waiter.completion, leader);
            }
        }
    }

    /// Somebody else leads, or nobody: those who wait for entries of other terms may wait in vain.
    pub(super) fn on_leadership(&mut self, leadership: Leadership, now: u64) {
        let in_office = leadership.leader.map(|_| leadership.term);
        for waiter in self.in_log.iter_mut().filter(|waiter| in_office != Some(waiter.id.term)) {
            waiter.lost_at.get_or_insert(now);
        }
    }

    /// Ends those who have waited too long: `patience` ticks since their leader lost office, or since anything
    /// was committed.
    pub(super) fn on_tick(&mut self, now: u64, patience: u64) {
        let committed_at = self.committed_at;
        let has_expired = |waiter: &Waiter<T>| {
            let begin = waiter.lost_at.unwrap_or(committed_at).max(waiter.since);
            now.saturating_sub(begin) > patience
        };
        if !self.in_log.iter().any(has_expired) {
            return;
        }
        for waiter in std::mem::take(&mut self.in_log) {
            if has_expired(&waiter) {
                waiter.completion.complete(Outcome::Unknown(UnknownReason::Undecided));
            } else {
                self.in_log.push_back(waiter);
            }
        }
    }

    /// The node stops: tells everybody, each through the end of its [`Completion`].
    pub(super) fn end_all(&mut self) {
        self.in_log.clear();
        self.forwarded.clear();
    }
}

/// Tells a client whose entry was passed, not committed before its eyes.
fn end_passed<T>(id: EntryId, committed: EntryId, completion: Completion<T>, leader: Option<NodeId>) {
    completion.complete(match Verdict::of(id, committed) {
        Verdict::Overwritten => Outcome::refused(RefusalReason::Overwritten, leader),
        Verdict::Committed | Verdict::Passed | Verdict::Open => {
            Outcome::Unknown(UnknownReason::PassedBySnapshot)
        }
    });
}

#[cfg(test)]
mod tests;

//! Clients that wait for answers of the state machine (thesis §6.4).
//!
//! A query that must know all goes through three places: *unasked*, until a read index is asked for; *asked*, until it comes; and
//! *answerable*, until that much was handed out to the state machine. From any of them it can run out of time; from
//! *asked* it goes back when its read was lost, for reads change nothing and can be asked again. One that need not
//! know all is *answerable* at once.

use super::{
    completion::Completion,
    consistency::Consistency,
    outcome::{Outcome, RefusalReason},
};
use crate::{
    consensus::{LogIndex, NodeId, Read, ReadId, ReadOutcome},
    state_machine::StateMachine,
};

/// Who waits for which answer.
pub(super) struct Queries<S: StateMachine> {
    unasked: Vec<Query<S>>,
    /// Those that came in one turn share one read.
    asked: Vec<(ReadId, Vec<Query<S>>)>,
    answerable: Vec<(LogIndex, Vec<Query<S>>)>,
    /// There is a reason to ask for the unasked ones now.
    is_time_to_ask: bool,
    len: usize,
}

/// How the leader makes sure that it still is one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadKind {
    Index,
    Lease,
}

struct Query<S: StateMachine> {
    query: S::Query,
    kind: ReadKind,
    completion: Completion<S::Answer>,
    /// The last tick in which it is of use.
    deadline: u64,
}

impl<S: StateMachine> Queries<S> {
    pub(super) fn new() -> Self {
        Self { unasked: Vec::new(), asked: Vec::new(), answerable: Vec::new(), is_time_to_ask: false, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn add(
        &mut self,
        query: S::Query,
        consistency: Consistency,
        completion: Completion<S::Answer>,
        deadline: u64,
    ) {
        self.len += 1;
        let kind = if consistency == Consistency::Lease { ReadKind::Lease } else { ReadKind::Index };
        let query = Query { query, kind, completion, deadline };
        match consistency {
            Consistency::Linearizable | Consistency::Lease => {
                self.unasked.push(query);
                self.is_time_to_ask = true;
            }
            Consistency::Local => self.answerable.push((LogIndex::ZERO, vec![query])),
            Consistency::AtLeast(index) => self.answerable.push((index, vec![query])),
        }
    }

    /// Something has changed, so that asking again may help.
    pub(super) fn ask_again(&mut self) {
        self.is_time_to_ask = !self.unasked.is_empty();
    }

    pub(super) fn is_time_to_ask(&self) -> bool {
        self.is_time_to_ask
    }

    /// Whether a read should be begun now, for which [`on_asked`](Self::on_asked) or nothing follows.
    pub(super) fn take_time_to_ask(&mut self) -> bool {
        std::mem::take(&mut self.is_time_to_ask)
    }

    pub(super) fn has_unasked(&self, kind: ReadKind) -> bool {
        self.unasked.iter().any(|query| query.kind == kind)
    }

    /// A read was begun after all unasked queries of its kind came: it can serve them all.
    pub(super) fn on_asked(&mut self, kind: ReadKind, id: ReadId) {
        let (asked, unasked) =
            std::mem::take(&mut self.unasked).into_iter().partition(|query| query.kind == kind);
        self.unasked = unasked;
        self.asked.push((id, asked));
    }

    /// A read has ended.
    pub(super) fn on_read(&mut self, read: Read) {
        let Some(position) = self.asked.iter().position(|(id, _)| *id == read.id) else { return };
        let (_, mut queries) = self.asked.remove(position);
        match read.outcome {
            ReadOutcome::At(index) => self.answerable.push((index, queries)),
            ReadOutcome::Lost => self.unasked.append(&mut queries),
        }
    }

    /// Those that a state machine can answer that has applied everything up to `handed_out`.
    pub(super) fn take_answerable(&mut self, handed_out: LogIndex) -> Vec<(S::Query, Completion<S::Answer>)> {
        let mut taken = Vec::new();
        let mut position = 0;
        while let Some((index, _)) = self.answerable.get(position) {
            if *index > handed_out {
                position += 1;
                continue;
            }
            let (_, queries) = self.answerable.swap_remove(position);
            self.len -= queries.len();
            taken.extend(queries.into_iter().map(|query| (query.query, query.completion)));
        }
        taken
    }

    /// Refuses those that are too late.
    pub(super) fn on_tick(&mut self, now: u64, leader: Option<NodeId>) {
        if self.len == 0 {
            return;
        }
        let is_late = |query: &Query<S>| query.deadline < now;
        let asked = self.asked.iter_mut().map(|(_, queries)| queries);
        let answerable = self.answerable.iter_mut().map(|(_, queries)| queries);
        for queries in asked.chain(answerable).chain([&mut self.unasked]) {
            if !queries.iter().any(is_late) {
                continue;
            }
            let (late, in_time): (Vec<_>, Vec<_>) = std::mem::take(queries).into_iter().partition(is_late);
            *queries = in_time;
            self.len -= late.len();
            for query in late {
                query.completion.complete(Outcome::refused(RefusalReason::ReadTimeout, leader));
            }
        }
        // A leader without a quorum may never hear of its reads.
        self.asked.retain(|(_, queries)| !queries.is_empty());
        self.answerable.retain(|(_, queries)| !queries.is_empty());
    }

    /// The node stops: tells everybody, each through the end of its [`Completion`].
    pub(super) fn end_all(&mut self) {
        self.unasked.clear();
        self.asked.clear();
        self.answerable.clear();
        self.len = 0;
    }
}

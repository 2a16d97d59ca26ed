//! What is committed, and since which term.

use std::collections::BTreeMap;

use super::{
    super::violation::{Broken, ensure},
    log::Log,
    promise::{COMMITMENT, LEADER_COMPLETENESS, STATE_MACHINE_SAFETY},
};
use crate::consensus::{EntryId, LogIndex, NodeId, Term};

/// Everything that any node has known to be committed.
#[derive(Default)]
pub(super) struct Commits {
    log: Log,
    /// The last entry that was committed in each term.
    by_term: BTreeMap<Term, EntryId>,
}

impl Commits {
    /// The last entry that is known anywhere to be committed.
    pub(super) fn last(&self) -> EntryId {
        self.log.last()
    }

    /// Committed never changes: a node takes everything up to this entry for committed, and so do others.
    pub(super) fn check(&self, id: EntryId) -> Result<(), Broken> {
        ensure(id.index <= self.last().index, COMMITMENT, || {
            format!("{id} is taken for committed, and no leader has found anything beyond {}", self.last())
        })?;
        ensure(self.log.may_hold(id), STATE_MACHINE_SAFETY, || {
            format!("{id} is taken for committed, and so was {:?}", self.log.id_at(id.index))
        })
    }

    /// A leader has found that all of its log up to `id` is committed. What of it is news.
    pub(super) fn extend(
        &mut self,
        id: EntryId,
        leads: Option<Term>,
        log: &Log,
    ) -> Result<Vec<EntryId>, Broken> {
        // §5.4.2: entries of earlier terms are committed with one of the leader's own, never by counting.
        ensure(leads == Some(id.term), COMMITMENT, || match leads {
            Some(term) => format!("the leader of term {term} commits {id} by counting"),
            None => format!("{id} is committed by a node that does not lead"),
        })?;
        let before = self.last();
        ensure(log.may_hold(before), STATE_MACHINE_SAFETY, || {
            format!("{id} is committed by a log without {before}, which was committed before")
        })?;
        let mut news = Vec::new();
        for index in before.index.0 + 1..=id.index.0 {
            let next = log.id_at(LogIndex(index)).filter(|next| self.log.append(*next).is_ok());
            let next = next.ok_or_else(|| {
                Broken::new(
                    STATE_MACHINE_SAFETY,
                    format!("{id} is committed by a log without an entry {index}"),
                )
            })?;
            news.push(next);
        }
        self.by_term.insert(id.term, id);
        Ok(news)
    }

    /// The last entry that was committed before a term.
    pub(super) fn last_before(&self, term: Term) -> EntryId {
        self.by_term.range(..term).next_back().map_or(EntryId::ZERO, |(_, last)| *last)
    }

    /// Leader Completeness: a leader has in its log what was committed in earlier terms.
    pub(super) fn check_leader(&self, node: NodeId, term: Term, log: &Log) -> Result<(), Broken> {
        // The term of the last entry is the one that it was committed in (§5.4.2).
        let last = self.last_before(term);
        ensure(log.may_hold(last), LEADER_COMPLETENESS, || {
            format!("{node} leads term {term} without {last}, which was committed before")
        })
    }
}

//! What is committed, and since which term.

use std::collections::BTreeMap;

use super::{
    super::{
        counts::{Count, Counts},
        violation::{Broken, ensure},
    },
    Observer,
    log::Log,
    node::Observed,
    promise::{
        COMMITMENT, CONFIGURATIONS, DURABLE_ON_QUORUM, LEADER_COMPLETENESS, LOG_MATCHING,
        STATE_MACHINE_SAFETY,
    },
    turn::{Before, Shown},
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

impl Observer {
    /// A node knows so much to be committed. Whether nobody has known that before.
    pub(super) fn note_commit(
        &mut self,
        id: NodeId,
        before: &Before,
        shown: &Shown<'_>,
        counts: &mut Counts,
    ) -> Result<bool, Broken> {
        let commit = shown.hard_state.commit;
        let node = self.nodes.entry(id).or_default();
        node.changes.retain(|change| *change > commit);
        ensure(node.changes.len() <= 1, CONFIGURATIONS, || {
            format!("the log holds changes of membership at {:?}, and is committed to {commit}", node.changes)
        })?;
        if commit == before.hard_state.commit {
            return Ok(false);
        }
        // What a snapshot holds is before all that is known of the log.
        let Some(last) = node.log.id_at(commit) else {
            let (last, base) = (node.log.last(), node.log.base());
            return ensure(commit < base.index, LOG_MATCHING, || {
                format!("{id} takes {commit} for committed, and its log ends at {last}")
            })
            .map(|()| false);
        };
        if commit <= self.commits.last().index {
            return self.commits.check(last).map(|()| false);
        }
        let leads = node.leads().or(before.leads);
        for news in self.commits.extend(last, leads, &node.log)? {
            counts.count(Count::Commits);
            if let Some(change) = self.entries.change(news) {
                self.memberships.change(news, change, counts)?;
            }
        }
        Ok(true)
    }

    /// A leader has committed more of its log.
    pub(super) fn check_is_on_quorum(
        &self,
        leader: NodeId,
        commit: LogIndex,
        before: &Before,
    ) -> Result<(), Broken> {
        let last = self.commits.last();
        debug_assert_eq!(last.index, commit);
        let holds = |voter| self.nodes.get(&voter).is_some_and(|node: &Observed| node.has_acknowledged(last));
        let (from, to) = (before.in_force, self.nodes[&leader].in_force());
        ensure(self.memberships.has_quorum(from, to, holds), DURABLE_ON_QUORUM, || {
            let holding: Vec<_> =
                self.nodes.keys().filter(|node| holds(**node)).map(NodeId::to_string).collect();
            let membership = self.memberships.at(to);
            format!("{leader} commits {last}, which is durable on {}, by {membership}", holding.join(" "))
        })
    }
}

//! Who voted for whom, and who was elected.

use std::collections::BTreeMap;

use super::{
    super::{
        counts::{Count, Counts},
        violation::{Broken, ensure},
    },
    Observer,
    log::Log,
    promise::{ELECTED_BY_QUORUM, ELECTION_SAFETY, ONE_VOTE},
    turn::Before,
};
use crate::consensus::{EntryId, NodeId, Term};

/// How many votes, and how many leaders, are remembered: the oldest are forgotten.
const REMEMBERED_MAX: usize = 1 << 12;

/// Who voted for whom, and who was elected.
#[derive(Default)]
pub(super) struct Elections {
    votes: BTreeMap<(Term, NodeId), NodeId>,
    leaders: BTreeMap<Term, Elected>,
    /// A leader of a term has told this node to stand, and nobody was elected since.
    told_to_stand: Option<(Term, NodeId)>,
}

/// The leader of a term.
struct Elected {
    node: NodeId,
    /// Its log when it was elected. It ends before the first entry of the term.
    log: Log,
}

impl Elections {
    /// A vote is given: it is the first of its term, or the same.
    pub(super) fn vote(&mut self, voter: NodeId, term: Term, candidate: NodeId) -> Result<(), Broken> {
        let first = *self.votes.entry((term, voter)).or_insert(candidate);
        if self.votes.len() > REMEMBERED_MAX {
            self.votes.pop_first();
        }
        ensure(first == candidate, ONE_VOTE, || {
            format!("{voter} votes for {candidate} in term {term}, and has voted for {first}")
        })
    }

    pub(super) fn has_voted(&self, voter: NodeId, term: Term, candidate: NodeId) -> bool {
        self.votes.get(&(term, voter)) == Some(&candidate)
    }

    /// The node has another disk now, and no part in elections any more: what it promised counts for the old one.
    pub(super) fn forget_votes_of(&mut self, node: NodeId) {
        self.votes.retain(|(_, voter), _| *voter != node);
    }

    /// A node leads a term. Whether that is news.
    pub(super) fn lead(&mut self, node: NodeId, term: Term, log: &Log) -> Result<bool, Broken> {
        if let Some(first) = self.leaders.get(&term) {
            let first = first.node;
            return ensure(first == node, ELECTION_SAFETY, || format!("{first} and {node} lead term {term}"))
                .map(|()| false);
        }
        self.leaders.insert(term, Elected { node, log: log.clone() });
        if self.leaders.len() > REMEMBERED_MAX {
            self.leaders.pop_first();
        }
        Ok(true)
    }

    /// Whether a node was elected in a term, or may have been.
    pub(super) fn leads(&self, node: NodeId, term: Term) -> bool {
        match self.leaders.get(&term) {
            Some(leader) => leader.node == node,
            // There is none, or it is forgotten.
            None => {
                let oldest = self.leaders.first_key_value().map(|(oldest, _)| *oldest);
                self.leaders.len() == REMEMBERED_MAX && oldest > Some(term)
            }
        }
    }

    /// Whether the leader of a term may have this entry in its log.
    pub(super) fn may_hold(&self, term: Term, id: EntryId) -> bool {
        id.term == term || self.leaders.get(&term).is_none_or(|leader| leader.log.may_hold(id))
    }

    /// A leader tells a node to stand for election.
    pub(super) fn tell_to_stand(&mut self, node: NodeId, term: Term, counts: &mut Counts) {
        if self.told_to_stand.is_some_and(|told| told != (term, node)) {
            counts.count(Count::TransfersFailed);
        }
        self.told_to_stand = Some((term, node));
    }

    /// A node was elected: perhaps because a leader wanted it.
    pub(super) fn end_transfer(&mut self, elected: NodeId, counts: &mut Counts) {
        if let Some((_, node)) = self.told_to_stand.take() {
            counts.count(if node == elected { Count::Transfers } else { Count::TransfersFailed });
        }
    }
}

impl Observer {
    /// A node leads a term, or creates entries of it. The term, if that is news.
    pub(super) fn note_leader(&mut self, id: NodeId, term: Term) -> Result<Option<Term>, Broken> {
        let Self { nodes, elections, .. } = self;
        let log = &nodes.entry(id).or_default().log;
        Ok(elections.lead(id, term, log)?.then_some(term))
    }

    /// A node was elected: by a quorum, by a membership that is not too old, and with all that is committed.
    pub(super) fn check_elected(
        &mut self,
        id: NodeId,
        term: Term,
        before: &Before,
        counts: &mut Counts,
    ) -> Result<(), Broken> {
        counts.count(Count::Leaders);
        self.elections.end_transfer(id, counts);
        let node = &self.nodes[&id];
        self.commits.check_leader(id, term, &node.log)?;
        let (from, to) = (before.in_force, node.in_force());
        let own = node.disk.durable().hard_state;
        let voted = |voter| {
            let is_own = voter == id && own.term == term && own.vote == Some(id);
            is_own || self.elections.has_voted(voter, term, id)
        };
        ensure(self.memberships.has_quorum(from, to, voted), ELECTED_BY_QUORUM, || {
            format!("{id} leads term {term} without the votes of a quorum of {}", self.memberships.at(to))
        })?;
        // By an older one, its voters and those of another leader might have none in common.
        let latest = self.memberships.number_at(self.commits.last_before(term).index);
        ensure(self.memberships.number_at(to) + 1 >= latest, ELECTED_BY_QUORUM, || {
            format!("{id} leads term {term} by an outdated membership: {}", self.memberships.at(to))
        })
    }
}

//! Who voted for whom, and who was elected.

use std::collections::BTreeMap;

use super::{
    super::{
        counts::{Count, Counts},
        violation::{Broken, ensure},
    },
    log::Log,
    promise::{ELECTION_SAFETY, ONE_VOTE},
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

//! What has happened that nodes may have forgotten, and whether it fits together.

use std::collections::BTreeMap;

use quorate::{Envelope, Message, NodeId, RoleKind, Term};

use crate::{
    Promise,
    node::{Line, View},
};

/// What has happened in the cluster.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub(crate) struct History {
    /// Who led each term.
    pub(crate) leaders: BTreeMap<Term, NodeId>,
    /// Whom each node voted for.
    votes: BTreeMap<(Term, NodeId), NodeId>,
    /// What was committed, from index 1 on, and the term in which it was.
    pub(crate) committed: Vec<(Line, Term)>,
}

impl History {
    /// A node has sent something: votes are noted.
    pub(crate) fn on_sent(&mut self, envelope: &Envelope) -> Result<(), Promise> {
        let vote = match &envelope.message {
            Message::VoteRequest { .. } => envelope.from,
            Message::VoteResponse { granted: true, .. } => envelope.to,
            _ => return Ok(()),
        };
        let first = *self.votes.entry((envelope.term, envelope.from)).or_insert(vote);
        keeps(first == vote, Promise::OneVoteATerm)
    }

    /// A node is now like this.
    pub(crate) fn on_changed(&mut self, id: NodeId, view: &View) -> Result<(), Promise> {
        if view.role == RoleKind::Leader {
            let is_new = !self.leaders.contains_key(&view.term);
            let first = *self.leaders.entry(view.term).or_insert(id);
            keeps(first == id, Promise::ElectionSafety)?;
            let earlier = self.committed.iter().filter(|(_, term)| *term < view.term).count();
            let holds = || view.log.iter().zip(&self.committed).take_while(|(own, (line, _))| *own == line).count();
            keeps(!is_new || holds() >= earlier, Promise::LeaderCompleteness)?;
        }
        for (position, line) in view.log.iter().take(view.commit).enumerate() {
            match self.committed.get(position) {
                Some((committed, _)) => keeps(committed == line, Promise::StateMachineSafety)?,
                None => self.committed.push((line.clone(), view.term)),
            }
        }
        Ok(())
    }

    /// Looks at all nodes together.
    pub(crate) fn check(&self, views: [&View; 3]) -> Result<(), Promise> {
        for (position, (line, _)) in self.committed.iter().enumerate() {
            let copies = views.iter().filter(|view| view.disk.get(position) == Some(line)).count();
            keeps(copies >= 2, Promise::NothingCommittedIsLost)?;
        }
        let [one, two, three] = views;
        for (log, other) in [(one, two), (one, three), (two, three)] {
            keeps(match_each_other(&log.log, &other.log), Promise::LogMatching)?;
        }
        Ok(())
    }

    /// Whether two leaders have each committed something.
    pub(crate) fn has_committed_in_two_terms(&self) -> bool {
        let terms: Vec<_> = self.committed.iter().map(|(_, term)| term).collect();
        terms.first() != terms.last()
    }
}

fn match_each_other(log: &[Line], other: &[Line]) -> bool {
    let last_shared = log.iter().zip(other).rposition(|((id, _), (other, _))| id == other);
    last_shared.is_none_or(|last| log[..=last] == other[..=last])
}

fn keeps(kept: bool, promise: Promise) -> Result<(), Promise> {
    if kept { Ok(()) } else { Err(promise) }
}

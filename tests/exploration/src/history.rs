//! What has happened that nodes may have forgotten, and whether it fits together.

use std::{borrow::Cow, collections::BTreeMap};

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
    /// What has happened when a node has sent `message`, which may be a vote. Nothing is copied if nothing is new.
    pub(crate) fn note_sent(this: &mut Cow<'_, Self>, message: &Envelope) -> Result<(), Promise> {
        let vote = match &message.message {
            Message::VoteRequest { .. } => message.from,
            Message::VoteResponse { granted: true, .. } => message.to,
            _ => return Ok(()),
        };
        match this.votes.get(&(message.term, message.from)) {
            Some(first) => keeps(*first == vote, Promise::OneVoteATerm),
            None => {
                this.to_mut().votes.insert((message.term, message.from), vote);
                Ok(())
            }
        }
    }

    /// What has happened when a node has become like this.
    pub(crate) fn note_changed(this: &mut Cow<'_, Self>, id: NodeId, view: &View) -> Result<(), Promise> {
        if view.role == RoleKind::Leader {
            match this.leaders.get(&view.term) {
                Some(first) => keeps(*first == id, Promise::ElectionSafety)?,
                None => {
                    keeps(this.is_complete(view), Promise::LeaderCompleteness)?;
                    this.to_mut().leaders.insert(view.term, id);
                }
            }
        }
        for (position, line) in view.log.iter().take(view.commit).enumerate() {
            match this.committed.get(position) {
                Some((committed, _)) => keeps(committed == line, Promise::StateMachineSafety)?,
                None => this.to_mut().committed.push((line.clone(), view.term)),
            }
        }
        Ok(())
    }

    /// Whether the log holds what was committed in earlier terms than the node's.
    fn is_complete(&self, view: &View) -> bool {
        let in_earlier_terms = self.committed.iter().take_while(|(_, term)| *term < view.term);
        in_earlier_terms.enumerate().all(|(position, (line, _))| view.log.get(position) == Some(line))
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

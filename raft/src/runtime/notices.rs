//! Notices of a commit, which wait a moment for an append that says the same.

use crate::{
    consensus::{Envelope, LogIndex, Message, NodeId},
    transport::Transport,
};

/// Notices of a commit that have not been sent yet.
///
/// A leader tells its followers of each commit at once, so that they apply it soon; nobody waits for that. A client that
/// was answered often has its next command ready, and the append that carries it tells of the commit as well. So a notice
/// waits for the end of the next turn, and mostly need not be sent at all: a message and a waking less for each follower.
#[derive(Default)]
pub(crate) struct Notices {
    /// The latest of each follower, oldest first.
    held: Vec<Envelope>,
    /// How many of these were there when the last turn ended.
    old: usize,
}

impl Notices {
    /// Takes the notices out of `messages`, and drops those of which the others there say as much.
    pub(crate) fn hold(&mut self, messages: &mut Vec<Envelope>) {
        for envelope in &*messages {
            if let Some(commit) = told(&envelope.message) {
                self.drop_up_to(envelope.to, commit);
            }
        }
        let is_notice = |envelope: &mut Envelope| matches!(envelope.message, Message::CommitNotice { .. });
        self.held.extend(messages.extract_if(.., is_notice));
    }

    /// Whether none is held.
    #[cfg(any(test, feature = "simulation"))]
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// A turn has ended: those that were held already when the one before had ended are to be sent.
    pub(crate) fn end_turn(&mut self) -> Vec<Envelope> {
        let due = self.held.drain(..self.old).collect();
        self.old = self.held.len();
        due
    }

    fn drop_up_to(&mut self, to: NodeId, commit: LogIndex) {
        let is_told = |envelope: &Envelope| {
            envelope.to == to && told(&envelope.message).is_some_and(|held| held <= commit)
        };
        // At most one.
        if let Some(position) = self.held.iter().position(is_told) {
            self.held.remove(position);
            self.old -= usize::from(position < self.old);
        }
    }
}

/// Of how much the receiver learns that it is committed. It is told of no more than it holds, by an append too: what that
/// follows, it holds.
fn told(message: &Message) -> Option<LogIndex> {
    match message {
        Message::AppendRequest { commit, .. }
        | Message::Heartbeat { commit, .. }
        | Message::CommitNotice { commit } => Some(*commit),
        Message::PreVoteRequest { .. }
        | Message::PreVoteResponse { .. }
        | Message::VoteRequest { .. }
        | Message::VoteResponse { .. }
        | Message::AppendAccepted { .. }
        | Message::AppendRejected { .. }
        | Message::SnapshotRequest { .. }
        | Message::HeartbeatResponse { .. }
        | Message::Propose { .. }
        | Message::ProposeRefused { .. }
        | Message::TransferRequest
        | Message::TimeoutNow
        | Message::ReadIndex { .. }
        | Message::ReadIndexResponse { .. } => None,
    }
}

/// A transport on whose way notices are held.
pub(super) struct Outgoing {
    transport: Box<dyn Transport>,
    notices: Notices,
}

impl Outgoing {
    pub(super) fn new(transport: Box<dyn Transport>) -> Self {
        Self { transport, notices: Notices::default() }
    }

    /// A turn has ended: sends what was held when the one before had ended.
    pub(super) fn end_turn(&mut self) {
        let mut due = self.notices.end_turn();
        if !due.is_empty() {
            self.transport.send(&mut due);
        }
    }

    /// Sends all that is held: there is nothing else to do.
    pub(super) fn send_held(&mut self) {
        // As after two turns in which nothing else was sent.
        self.end_turn();
        self.end_turn();
    }
}

impl Transport for Outgoing {
    fn send(&mut self, messages: &mut Vec<Envelope>) {
        self.notices.hold(messages);
        if !messages.is_empty() {
            self.transport.send(messages);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::consensus::{Entries, EntryId, Term};

    fn to(node: u64, message: Message) -> Envelope {
        Envelope { from: NodeId(1), to: NodeId(node), term: Term(1), message }
    }

    fn notice(node: u64, commit: u64) -> Envelope {
        to(node, Message::CommitNotice { commit: LogIndex(commit) })
    }

    fn append(node: u64, commit: u64) -> Envelope {
        let previous = EntryId::new(1, 9);
        to(node, Message::AppendRequest { previous, entries: Entries::EMPTY, commit: LogIndex(commit) })
    }

    /// What is sent at once, and what at the end of this turn and of the next.
    fn sent(notices: &mut Notices, mut messages: Vec<Envelope>) -> [Vec<Envelope>; 3] {
        notices.hold(&mut messages);
        [messages, notices.end_turn(), notices.end_turn()]
    }

    #[test]
    fn a_notice_is_sent_at_the_end_of_the_next_turn() {
        let mut notices = Notices::default();
        let answer = to(2, Message::AppendAccepted { matched: LogIndex(3) });
        let expected = [vec![answer.clone()], vec![], vec![notice(2, 5), notice(3, 5)]];
        assert_eq!(sent(&mut notices, vec![notice(2, 5), answer, notice(3, 5)]), expected);
        assert!(notices.is_empty());
    }

    #[test]
    fn an_append_that_says_as_much_saves_it() {
        let mut notices = Notices::default();
        notices.hold(&mut vec![notice(2, 5), notice(3, 5)]);
        let said = sent(&mut notices, vec![append(2, 5), append(3, 4)]);
        assert_eq!(said, [vec![append(2, 5), append(3, 4)], vec![], vec![notice(3, 5)]]);
    }

    #[test]
    fn a_newer_notice_takes_the_place_of_an_older_one_and_waits_anew() {
        let mut notices = Notices::default();
        notices.hold(&mut vec![notice(2, 5), notice(3, 5)]);
        assert!(notices.end_turn().is_empty());
        let expected = [vec![], vec![notice(3, 5)], vec![notice(2, 6)]];
        assert_eq!(sent(&mut notices, vec![notice(2, 6)]), expected);
    }
}

//! What a peer may send: anything, or the answer that a correct one would give.

use bytes::Bytes;
use quorate::{
    ChangeStep, ConfChange, Context, Echo, Entries, Entry, EntryId, EntryKind, Envelope, ForwardId, LogIndex,
    MemStorage, Membership, Message, NodeId, Proposal, Snapshot, Status, Storage, Term, Transition,
    quorum::Majority,
};

use super::choices::Choices;
use crate::envelope;

/// What a peer that wants to fit in would know of the node.
pub(crate) struct Known {
    pub(crate) id: u64,
    pub(crate) term: u64,
    pub(crate) last: EntryId,
    pub(crate) commit: u64,
    /// The newest write that was reported, and what the state machine has applied.
    pub(crate) written: u64,
    pub(crate) applied: u64,
}

impl Known {
    pub(crate) fn of(status: &Status, disk: &MemStorage) -> Self {
        let (hard_state, index) = (status.hard_state, status.last_index);
        // What is not written yet is nearly always of the current term.
        let term = disk.term(index).unwrap_or(hard_state.term);
        Self {
            id: status.id.0,
            term: hard_state.term.0,
            last: EntryId { term, index },
            commit: hard_state.commit.0,
            written: 0,
            applied: status.applied.0,
        }
    }

    fn id(&self, choices: &mut Choices<'_>) -> EntryId {
        if choices.coin() {
            return self.last;
        }
        let term = choices.number(&[self.term, self.last.term.0]);
        EntryId::new(term, self.index(choices).0)
    }

    fn committed(&self, choices: &mut Choices<'_>) -> Option<EntryId> {
        let says_something = choices.coin();
        says_something.then(|| self.id(choices)).filter(|id| id.index > LogIndex::ZERO)
    }

    fn index(&self, choices: &mut Choices<'_>) -> LogIndex {
        LogIndex(choices.number(&[self.commit, self.last.index.0]))
    }

    /// A message with any sender and term; nearly always for the node itself.
    pub(crate) fn envelope(&self, choices: &mut Choices<'_>) -> Envelope {
        let from = choices.below(7);
        let to = if choices.below(32) == 31 { choices.below(4) } else { self.id };
        let term = if choices.coin() { self.term } else { choices.number(&[self.term]) };
        envelope(from, to, term, self.message(choices))
    }

    fn message(&self, choices: &mut Choices<'_>) -> Message {
        match choices.below(24) {
            0 => Message::PreVoteRequest {
                last: self.id(choices),
                priority: priority(choices),
                committed: self.committed(choices),
            },
            1 => Message::PreVoteResponse { granted: choices.coin(), committed: self.committed(choices) },
            2 | 3 => Message::VoteRequest {
                last: self.id(choices),
                priority: priority(choices),
                committed: self.committed(choices),
                transfer: choices.coin(),
            },
            4 => Message::VoteResponse { granted: choices.coin(), committed: self.committed(choices) },
            5..=9 => self.append(choices),
            10 => Message::AppendAccepted { matched: self.index(choices) },
            11 => Message::AppendRejected { rejected: self.index(choices), hint: self.id(choices) },
            12 | 13 => Message::SnapshotRequest { snapshot: self.snapshot(choices) },
            14 => Message::Heartbeat { commit: self.index(choices), echo: Echo(choices.bytes(9)) },
            15 => Message::HeartbeatResponse { echo: Echo(choices.bytes(9)) },
            16 => Message::CommitNotice { commit: self.index(choices) },
            17 | 18 => {
                let count = choices.count(4);
                Message::Propose { proposals: (0..count).map(|_| proposal(choices)).collect() }
            }
            19 => {
                let count = choices.count(4);
                Message::ProposeRefused { sequences: (0..count).map(|_| choices.number(&[0])).collect() }
            }
            20 => Message::TransferRequest,
            21 => Message::TimeoutNow,
            22 => Message::ReadIndex { token: choices.bytes(9) },
            _ => Message::ReadIndexResponse { token: choices.bytes(9), index: self.index(choices) },
        }
    }

    fn append(&self, choices: &mut Choices<'_>) -> Message {
        let previous = self.id(choices);
        // Seldom do the entries not follow what they are said to follow.
        let before = if choices.below(16) == 15 { self.id(choices) } else { previous };
        let (mut term, count) = (before.term.0, choices.count(5));
        let entries = (1..=count as u64).map(|offset| {
            if choices.below(3) == 2 {
                term = term.max(self.term);
            }
            let id = EntryId::new(term, before.index.0.saturating_add(offset));
            proposal(choices).into_entry(id)
        });
        let entries = Entries::try_from(entries.collect::<Vec<_>>()).unwrap_or_default();
        Message::AppendRequest { previous, entries, commit: self.index(choices) }
    }

    fn snapshot(&self, choices: &mut Choices<'_>) -> Box<Snapshot> {
        let last = self.id(choices);
        Box::new(Snapshot { last, membership: membership(choices), data: Bytes::from_static(&[0; 8]).into() })
    }

    /// What the receiver of a message from the node would say next: gladly, or not.
    pub(crate) fn answer(&self, sent: &Envelope, gladly: bool) -> Option<Envelope> {
        let term = sent.term.0;
        let (in_term, message) = match (&sent.message, gladly) {
            (Message::PreVoteRequest { .. }, true) => {
                (term, Message::PreVoteResponse { granted: true, committed: None })
            }
            (Message::PreVoteRequest { .. }, false) => {
                (term.saturating_sub(1), Message::PreVoteResponse { granted: false, committed: None })
            }
            (Message::PreVoteResponse { granted: true, .. }, _) => (
                term,
                Message::VoteRequest { last: self.last, priority: 0, committed: None, transfer: false },
            ),
            (Message::VoteRequest { .. }, granted) => {
                (term, Message::VoteResponse { granted, committed: None })
            }
            (Message::VoteResponse { granted: true, .. }, _) => (term, self.next_append(&[])),
            (Message::AppendRequest { previous, entries, .. }, true) => {
                let matched = entries.last_id().unwrap_or(*previous).index;
                (term, Message::AppendAccepted { matched })
            }
            (Message::AppendRequest { previous, .. }, false) => {
                let hint = EntryId { index: previous.index.previous(), ..*previous };
                (term, Message::AppendRejected { rejected: previous.index, hint })
            }
            (Message::AppendAccepted { matched }, true) => (term, Message::CommitNotice { commit: *matched }),
            (Message::AppendRejected { hint, .. }, true) => {
                let entries = Entries::EMPTY;
                (term, Message::AppendRequest { previous: *hint, entries, commit: LogIndex(self.commit) })
            }
            (Message::SnapshotRequest { snapshot }, true) => {
                (term, Message::AppendAccepted { matched: snapshot.last.index })
            }
            (Message::Heartbeat { echo, .. }, _) => (term, Message::HeartbeatResponse { echo: echo.clone() }),
            (Message::HeartbeatResponse { .. }, true) => (term, self.next_append(&[])),
            (Message::Propose { proposals }, true) => (term, self.next_append(proposals)),
            (Message::Propose { proposals }, false) => {
                let ids = proposals.iter().filter_map(|proposal| ForwardId::from_context(&proposal.context));
                (term, Message::ProposeRefused { sequences: ids.map(|id| id.sequence).collect() })
            }
            (Message::TransferRequest, true) => (term, Message::TimeoutNow),
            (Message::TimeoutNow, true) => (
                term + 1,
                Message::VoteRequest { last: self.last, priority: i64::MAX, committed: None, transfer: true },
            ),
            (Message::ReadIndex { token }, true) => {
                (term, Message::ReadIndexResponse { token: token.clone(), index: LogIndex(self.commit) })
            }
            _ => return None,
        };
        Some(Envelope { from: sent.to, to: NodeId(self.id), term: Term(in_term), message })
    }

    /// A leader's append that fits the node's log.
    fn next_append(&self, proposals: &[Proposal]) -> Message {
        let ids = (self.last.index.0.saturating_add(1)..).map(|index| EntryId::new(self.term, index));
        let entries: Vec<Entry> =
            ids.zip(proposals).map(|(id, proposal)| proposal.clone().into_entry(id)).collect();
        let entries = Entries::try_from(entries).unwrap_or_default();
        Message::AppendRequest { previous: self.last, entries, commit: LogIndex(self.commit) }
    }
}

fn priority(choices: &mut Choices<'_>) -> i64 {
    choices.of_these(&[0, 0, 1, -1, i64::MAX, i64::MIN])
}

fn proposal(choices: &mut Choices<'_>) -> Proposal {
    let (kind, data) = match choices.below(8) {
        0 => (EntryKind::Blank, Bytes::new()),
        1 | 2 => (EntryKind::ConfChange, change(choices).to_data()),
        3 => (EntryKind::ConfChange, choices.bytes(9)),
        4 => (EntryKind::Normal, vec![0; choices.count(60)].into()),
        _ => (EntryKind::Normal, choices.bytes(4)),
    };
    let context = match choices.below(4) {
        0 => ForwardId { origin: NodeId(choices.number(&[1])), sequence: choices.number(&[0]) }.to_context(),
        1 => Context::new(choices.bytes(20)),
        _ => Context::NONE,
    };
    Proposal { kind, context, data }
}

pub(crate) fn change(choices: &mut Choices<'_>) -> ConfChange {
    let transition = choices.of_these(&[Transition::Auto, Transition::Implicit, Transition::Explicit]);
    let count = choices.count(4);
    let steps = (0..count).map(|_| {
        let node = NodeId(choices.below(7));
        match choices.below(3) {
            0 => ChangeStep::AddVoter(node),
            1 => ChangeStep::AddLearner(node),
            _ => ChangeStep::Remove(node),
        }
    });
    ConfChange::of(steps.collect::<Vec<_>>(), transition)
}

/// One that a cluster may have; and sometimes one that makes no sense.
pub(crate) fn membership(choices: &mut Choices<'_>) -> Membership {
    let nodes = |mask: u8| (1..=5).filter(move |node| mask >> node & 1 == 1).map(NodeId);
    let mut made = match choices.below(6) {
        0 => Membership::of_voters(nodes(0b0000_1110)),
        1 => Membership::of_voters(nodes(0b0000_0010)),
        2 => Membership::of_voters(nodes(0b0011_1110)),
        3 => Membership::of_voters(nodes(0b0000_1100)),
        _ => Membership::of_voters(nodes(choices.byte())),
    };
    if choices.below(3) == 2 {
        made.voters.outgoing = Majority::new(nodes(choices.byte()).collect());
        made.auto_leave = choices.coin();
        made.learners_next = nodes(choices.byte() & choices.byte()).collect();
    }
    if choices.below(3) == 2 {
        made.learners = nodes(choices.byte() & choices.byte()).collect();
    }
    made
}

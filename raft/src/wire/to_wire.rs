//! From the domain types to the wire.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message as _;

use super::{CAMPAIGN_TRANSFER, COMMIT_NOTICE, EMPTY_COMMAND, proto};
use crate::consensus::{
    ChangeStep, ConfChange, Entry, EntryId, EntryKind, Envelope, Membership, Message, NodeId, Proposal,
    Snapshot, Transition,
};

impl From<&Envelope> for proto::Message {
    fn from(envelope: &Envelope) -> Self {
        let mut wire = body(&envelope.message);
        wire.to = envelope.to.0;
        wire.from = envelope.from.0;
        wire.term = envelope.term.0;
        wire
    }
}

fn body(message: &Message) -> proto::Message {
    use proto::MessageType as Type;
    match message {
        Message::PreVoteRequest { last, priority, committed } => {
            request(Type::RequestPreVote, *last, *priority, *committed)
        }
        Message::PreVoteResponse { granted, committed } => {
            answer(Type::RequestPreVoteResponse, *granted, *committed)
        }
        Message::VoteRequest { last, priority, committed, transfer } => proto::Message {
            context: Bytes::from_static(if *transfer { CAMPAIGN_TRANSFER } else { b"" }),
            ..request(Type::RequestVote, *last, *priority, *committed)
        },
        Message::VoteResponse { granted, committed } => {
            answer(Type::RequestVoteResponse, *granted, *committed)
        }
        Message::AppendRequest { previous, entries, commit } => proto::Message {
            entries: entries.iter().map(entry).collect(),
            commit: commit.0,
            ..positioned(Type::Append, *previous)
        },
        Message::AppendAccepted { matched } => {
            proto::Message { index: matched.0, ..of_type(Type::AppendResponse) }
        }
        Message::AppendRejected { rejected, hint } => proto::Message {
            index: rejected.0,
            reject: true,
            reject_hint: hint.index.0,
            log_term: hint.term.0,
            ..of_type(Type::AppendResponse)
        },
        Message::SnapshotRequest { snapshot: state } => {
            proto::Message { snapshot: Some(snapshot(state)), ..of_type(Type::Snapshot) }
        }
        Message::Heartbeat { commit, echo } => {
            proto::Message { commit: commit.0, context: echo.0.clone(), ..of_type(Type::Heartbeat) }
        }
        Message::HeartbeatResponse { echo } => {
            proto::Message { context: echo.0.clone(), ..of_type(Type::HeartbeatResponse) }
        }
        Message::CommitNotice { commit } => proto::Message {
            commit: commit.0,
            context: Bytes::from_static(COMMIT_NOTICE),
            ..of_type(Type::Heartbeat)
        },
        Message::Propose { proposals } => {
            proto::Message { entries: proposals.iter().map(proposal).collect(), ..of_type(Type::Propose) }
        }
        Message::ProposeRefused { sequences } => {
            proto::Message { reject: true, context: packed(sequences), ..of_type(Type::Propose) }
        }
        Message::TransferRequest => of_type(Type::TransferLeader),
        Message::TimeoutNow => of_type(Type::TimeoutNow),
        Message::ReadIndex { token } => {
            proto::Message { entries: vec![carrying(token)], ..of_type(Type::ReadIndex) }
        }
        Message::ReadIndexResponse { token, index } => {
            proto::Message { index: index.0, entries: vec![carrying(token)], ..of_type(Type::ReadIndexResp) }
        }
    }
}

/// A message of which nothing is told but its entries.
pub(super) fn only_entries(entries: &[Entry]) -> proto::Message {
    proto::Message { entries: entries.iter().map(entry).collect(), ..proto::Message::default() }
}

fn of_type(kind: proto::MessageType) -> proto::Message {
    proto::Message { msg_type: kind.into(), ..proto::Message::default() }
}

fn positioned(kind: proto::MessageType, id: EntryId) -> proto::Message {
    proto::Message { index: id.index.0, log_term: id.term.0, ..of_type(kind) }
}

/// Of a vote or a pre-vote.
fn request(
    kind: proto::MessageType,
    last: EntryId,
    priority: i64,
    committed: Option<EntryId>,
) -> proto::Message {
    let EntryId { term, index } = committed.unwrap_or_default();
    proto::Message { priority, commit: index.0, commit_term: term.0, ..positioned(kind, last) }
}

fn answer(kind: proto::MessageType, granted: bool, committed: Option<EntryId>) -> proto::Message {
    let EntryId { term, index } = committed.unwrap_or_default();
    proto::Message { reject: !granted, commit: index.0, commit_term: term.0, ..of_type(kind) }
}

fn entry(entry: &Entry) -> proto::Entry {
    let body = proposed(entry.kind(), entry.context().bytes(), entry.data());
    proto::Entry { term: entry.id.term.0, index: entry.id.index.0, ..body }
}

fn proposal(proposal: &Proposal) -> proto::Entry {
    proposed(proposal.kind, proposal.context.bytes(), &proposal.data)
}

fn proposed(kind: EntryKind, context: Bytes, data: &Bytes) -> proto::Entry {
    let (entry_type, data) = match kind {
        EntryKind::Normal | EntryKind::Blank => (proto::EntryType::Normal, data.clone()),
        EntryKind::ConfChange => (proto::EntryType::ConfChangeV2, conf_change(data)),
    };
    let needs_mark = kind == EntryKind::Normal && data.is_empty() && context.is_empty();
    let context = if needs_mark { Bytes::from_static(EMPTY_COMMAND) } else { context };
    proto::Entry { entry_type: entry_type.into(), data, context, ..proto::Entry::default() }
}

fn conf_change(data: &Bytes) -> Bytes {
    // What is no change here is none there either: the receiver refuses it.
    let Some(change) = ConfChange::from_data(data) else { return data.clone() };
    let single = |step: &ChangeStep| {
        let (change_type, node) = match step {
            ChangeStep::AddVoter(node) => (proto::ConfChangeType::AddVoter, node),
            ChangeStep::Remove(node) => (proto::ConfChangeType::Remove, node),
            ChangeStep::AddLearner(node) => (proto::ConfChangeType::AddLearner, node),
        };
        proto::ConfChangeSingle { change_type: change_type.into(), node_id: node.0 }
    };
    let transition = match change.transition {
        Transition::Auto => proto::ConfChangeTransition::Auto,
        Transition::Implicit => proto::ConfChangeTransition::Implicit,
        Transition::Explicit => proto::ConfChangeTransition::Explicit,
    };
    let changes = change.steps.iter().map(single).collect();
    let wire = proto::ConfChangeV2 { transition: transition.into(), changes, context: change.context };
    Bytes::from(wire.encode_to_vec())
}

fn carrying(token: &Bytes) -> proto::Entry {
    proto::Entry { data: token.clone(), ..proto::Entry::default() }
}

fn packed(sequences: &[u64]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(8 * sequences.len());
    sequences.iter().for_each(|sequence| bytes.put_u64(*sequence));
    bytes.freeze()
}

/// Without its data.
fn snapshot(snapshot: &Snapshot) -> proto::Snapshot {
    let metadata = proto::SnapshotMetadata {
        conf_state: Some(conf_state(&snapshot.membership)),
        index: snapshot.last.index.0,
        term: snapshot.last.term.0,
    };
    proto::Snapshot { data: Bytes::new(), metadata: Some(metadata) }
}

fn conf_state(membership: &Membership) -> proto::ConfState {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    proto::ConfState {
        voters: ids(membership.voters.incoming.voters()),
        learners: ids(&membership.learners),
        voters_outgoing: ids(membership.voters.outgoing.voters()),
        learners_next: ids(&membership.learners_next),
        auto_leave: membership.auto_leave,
    }
}

//! From the wire to the domain types, checking everything.

use bytes::Bytes;
use prost::Message as _;

use super::{CAMPAIGN_TRANSFER, COMMIT_NOTICE, EMPTY_COMMAND, WireError, proto};
use crate::consensus::{
    ChangeStep, ConfChange, Context, Echo, Entries, Entry, EntryId, EntryKind, Envelope, LogIndex,
    Membership, Message, NodeId, Proposal, Snapshot, Term, Transition,
    quorum::{Joint, Majority},
};

pub(super) fn envelope(wire: proto::Message) -> Result<Envelope, WireError> {
    if wire.from == 0 || wire.to == 0 {
        return Err(WireError::Nobody);
    }
    let (from, to, term) = (NodeId(wire.from), NodeId(wire.to), Term(wire.term));
    Ok(Envelope { from, to, term, message: message(wire)? })
}

fn message(wire: proto::Message) -> Result<Message, WireError> {
    use proto::MessageType as Type;
    let unknown = WireError::UnknownType(wire.msg_type);
    let kind = Type::try_from(wire.msg_type).map_err(|_| unknown.clone())?;
    let id = EntryId::new(wire.log_term, wire.index);
    let committed = Some(EntryId::new(wire.commit_term, wire.commit)).filter(|id| id.index > LogIndex::ZERO);
    let (index, commit, granted) = (LogIndex(wire.index), LogIndex(wire.commit), !wire.reject);
    Ok(match kind {
        Type::Hup => return Err(unknown),
        Type::RequestPreVote => Message::PreVoteRequest { last: id, priority: wire.priority, committed },
        Type::RequestPreVoteResponse => Message::PreVoteResponse { granted, committed },
        Type::RequestVote => {
            let transfer = &wire.context[..] == CAMPAIGN_TRANSFER;
            Message::VoteRequest { last: id, priority: wire.priority, committed, transfer }
        }
        Type::RequestVoteResponse => Message::VoteResponse { granted, committed },
        Type::Append => {
            let entries: Result<Vec<_>, _> = wire.entries.into_iter().map(entry).collect();
            Message::AppendRequest { previous: id, entries: Entries::try_from(entries?)?, commit }
        }
        Type::AppendResponse if wire.reject => {
            Message::AppendRejected { rejected: index, hint: EntryId::new(wire.log_term, wire.reject_hint) }
        }
        Type::AppendResponse => Message::AppendAccepted { matched: index },
        Type::Snapshot => Message::SnapshotRequest { snapshot: Box::new(snapshot(wire.snapshot)?) },
        Type::Heartbeat if &wire.context[..] == COMMIT_NOTICE => Message::CommitNotice { commit },
        Type::Heartbeat => Message::Heartbeat { commit, echo: Echo(wire.context) },
        Type::HeartbeatResponse => Message::HeartbeatResponse { echo: Echo(wire.context) },
        Type::Propose if wire.reject => Message::ProposeRefused { sequences: unpacked(&wire.context)? },
        Type::Propose => {
            let proposals: Result<Vec<_>, _> = wire.entries.into_iter().map(proposal).collect();
            Message::Propose { proposals: proposals? }
        }
        Type::TransferLeader => Message::TransferRequest,
        Type::TimeoutNow => Message::TimeoutNow,
        Type::ReadIndex => Message::ReadIndex { token: token(wire.entries, "read_index")? },
        Type::ReadIndexResp => {
            Message::ReadIndexResponse { token: token(wire.entries, "read_index_response")?, index }
        }
    })
}

fn entry(wire: proto::Entry) -> Result<Entry, WireError> {
    let id = EntryId::new(wire.term, wire.index);
    Ok(content(wire)?.into_entry(id))
}

fn proposal(wire: proto::Entry) -> Result<Proposal, WireError> {
    let proposal = content(wire)?;
    // Only leaders open terms: from anybody else, no bytes are a command of no bytes.
    let kind = if proposal.kind == EntryKind::Blank { EntryKind::Normal } else { proposal.kind };
    Ok(Proposal { kind, ..proposal })
}

fn content(wire: proto::Entry) -> Result<Proposal, WireError> {
    let unknown = |_| WireError::UnknownEntryType(wire.entry_type);
    let (kind, data) = match proto::EntryType::try_from(wire.entry_type).map_err(unknown)? {
        proto::EntryType::Normal if wire.data.is_empty() && wire.context.is_empty() => {
            (EntryKind::Blank, wire.data)
        }
        proto::EntryType::Normal => (EntryKind::Normal, wire.data),
        proto::EntryType::ConfChange => (EntryKind::ConfChange, single_change(wire.data)?.to_data()),
        proto::EntryType::ConfChangeV2 => (EntryKind::ConfChange, change(wire.data)?.to_data()),
    };
    let is_mark = kind == EntryKind::Normal && data.is_empty() && wire.context == EMPTY_COMMAND;
    let context = if is_mark { Context::NONE } else { Context::new(wire.context) };
    Ok(Proposal { kind, context, data })
}

fn single_change(data: Bytes) -> Result<ConfChange, WireError> {
    let wire = proto::ConfChange::decode(data)?;
    let step = step(wire.change_type, wire.node_id)?;
    Ok(ConfChange { context: wire.context, ..ConfChange::single(step) })
}

fn change(data: Bytes) -> Result<ConfChange, WireError> {
    use proto::ConfChangeTransition as Wire;
    let wire = proto::ConfChangeV2::decode(data)?;
    let unknown = |_| WireError::UnknownChangeType(wire.transition);
    let transition = match Wire::try_from(wire.transition).map_err(unknown)? {
        Wire::Auto => Transition::Auto,
        Wire::Implicit => Transition::Implicit,
        Wire::Explicit => Transition::Explicit,
    };
    let steps: Result<_, _> = wire.changes.iter().map(|c| step(c.change_type, c.node_id)).collect();
    Ok(ConfChange { transition, steps: steps?, context: wire.context })
}

fn step(change_type: i32, node: u64) -> Result<ChangeStep, WireError> {
    use proto::ConfChangeType as Type;
    // Node 0 too: what another library has committed must be read, whether or not it makes sense.
    let node = NodeId(node);
    match Type::try_from(change_type).map_err(|_| WireError::UnknownChangeType(change_type))? {
        Type::AddVoter => Ok(ChangeStep::AddVoter(node)),
        Type::Remove => Ok(ChangeStep::Remove(node)),
        Type::AddLearner => Ok(ChangeStep::AddLearner(node)),
    }
}

fn token(entries: Vec<proto::Entry>, message: &'static str) -> Result<Bytes, WireError> {
    let entry = entries.into_iter().next().ok_or(WireError::Missing { message, field: "an entry" })?;
    Ok(entry.data)
}

fn unpacked(bytes: &Bytes) -> Result<Vec<u64>, WireError> {
    let chunks = bytes.chunks_exact(8);
    if !chunks.remainder().is_empty() {
        return Err(WireError::Missing { message: "propose_refused", field: "whole sequence numbers" });
    }
    Ok(chunks.map(|chunk| chunk.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))).collect())
}

fn snapshot(wire: Option<proto::Snapshot>) -> Result<Snapshot, WireError> {
    let missing = |field| WireError::Missing { message: "snapshot_request", field };
    let wire = wire.ok_or_else(|| missing("a snapshot"))?;
    let metadata = wire.metadata.ok_or_else(|| missing("the snapshot's metadata"))?;
    let members = metadata.conf_state.ok_or_else(|| missing("the snapshot's membership"))?;
    if metadata.index == 0 {
        return Err(missing("the index of the snapshot's last entry"));
    }
    let last = EntryId::new(metadata.term, metadata.index);
    Ok(Snapshot { last, membership: membership(members)?, data: wire.data.into() })
}

fn membership(wire: proto::ConfState) -> Result<Membership, WireError> {
    let ids = |mut nodes: Vec<u64>| -> Vec<NodeId> {
        nodes.sort_unstable();
        nodes.dedup();
        nodes.into_iter().map(NodeId).collect()
    };
    if [&wire.voters, &wire.voters_outgoing, &wire.learners, &wire.learners_next]
        .iter()
        .any(|nodes| nodes.contains(&0))
    {
        return Err(WireError::Nobody);
    }
    if wire.voters.is_empty() {
        return Err(WireError::Missing { message: "snapshot_request", field: "a voter in its membership" });
    }
    let voters = Joint {
        incoming: Majority::new(ids(wire.voters)),
        outgoing: Majority::new(ids(wire.voters_outgoing)),
    };
    Ok(Membership {
        voters,
        learners: ids(wire.learners),
        learners_next: ids(wire.learners_next),
        auto_leave: wire.auto_leave,
    })
}

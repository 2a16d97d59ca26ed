//! What nodes say to each other.

use std::fmt;

use bytes::Bytes;

use super::{
    entries::Entries,
    entry::Proposal,
    storage::Snapshot,
    types::{EntryId, LogIndex, NodeId, Term},
};

/// A message on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    /// Who sent it.
    pub from: NodeId,
    /// Whom it is for.
    pub to: NodeId,
    /// The sender's term. For [`Message::PreVoteRequest`], and for the grant that answers it, the term in
    /// which the sender of the request would stand for election.
    pub term: Term,
    /// What it says.
    pub message: Message,
}

/// What one node says to another.
// A tag of its own, in place of one that hides in a field: what a message is, is asked more than once on its way.
#[derive(Clone, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Message {
    /// *Pre-candidate → voters.* "Would you vote for me?" (thesis §9.6). Changes no state of the receiver.
    PreVoteRequest {
        /// The last entry of the sender's log.
        last: EntryId,
        /// The sender's [`Config::priority`](super::Config::priority).
        priority: i64,
        /// The last entry that the sender knows to be committed: a voter that refuses, and holds it too, may take it for
        /// that.
        committed: Option<EntryId>,
    },
    /// *Voter → pre-candidate.* The answer. A refusal carries the voter's own term.
    PreVoteResponse {
        /// Whether the voter would vote for the receiver.
        granted: bool,
        /// With a refusal: the last entry that the voter knows to be committed. Whoever holds it too may take it for that,
        /// and whatever change of membership it contains.
        committed: Option<EntryId>,
    },
    /// *Candidate → voters.* "Vote for me" (Figure 2, RequestVote).
    VoteRequest {
        /// The leader itself asked the candidate to stand (§3.10 of the thesis), so its lease is no reason
        /// to refuse.
        transfer: bool,
        /// The last entry of the candidate's log.
        last: EntryId,
        /// The candidate's [`Config::priority`](super::Config::priority); the highest, if the leader asked it to stand.
        priority: i64,
        /// The last entry that the sender knows to be committed: a voter that refuses, and holds it too, may take it for
        /// that.
        committed: Option<EntryId>,
    },
    /// *Voter → candidate.* The answer; a grant is sent only when the vote is durable.
    VoteResponse {
        /// Whether the receiver has the vote in this term.
        granted: bool,
        /// With a refusal: the last entry that the voter knows to be committed. Whoever holds it too may take it for that,
        /// and whatever change of membership it contains.
        committed: Option<EntryId>,
    },
    /// *Leader → follower.* "After `previous` come `entries`" (Figure 2, AppendEntries).
    AppendRequest {
        /// The entry that directly precedes `entries`.
        previous: EntryId,
        /// What follows it; may be empty, when the leader only wants to know whether `previous` matches.
        entries: Entries,
        /// The leader's commit index.
        commit: LogIndex,
    },
    /// *Follower → leader.* My log equals yours up to `matched`, and that much is durable here.
    AppendAccepted {
        /// The last index known to be equal.
        matched: LogIndex,
    },
    /// *Follower → leader.* I do not have the `previous` of your request.
    AppendRejected {
        /// The index of that `previous`.
        rejected: LogIndex,
        /// The last entry here that could still be equal to one of the leader's (§5.3, the optimization).
        hint: EntryId,
    },
    /// *Leader → follower.* Your log is so far behind that mine no longer holds what you need (§7).
    SnapshotRequest {
        /// The state that replaces the follower's log up to its last entry.
        snapshot: Box<Snapshot>,
    },
    /// *Leader → follower.* I am the leader, and this much of **your** log is committed.
    Heartbeat {
        /// At most what the follower is known to hold.
        commit: LogIndex,
        /// Echoed by the follower; see [`Echo`].
        echo: Echo,
    },
    /// *Follower → leader.* I follow you.
    ///
    /// Also the answer to a leader of an older term, who learns from the envelope that it was replaced.
    HeartbeatResponse {
        /// That of the heartbeat.
        echo: Echo,
    },
    /// *Leader → follower.* This much of your log is committed; no answer wanted.
    ///
    /// Says sooner what the next append or heartbeat would say too, so its loss costs only time.
    CommitNotice {
        /// At most what the follower is known to hold.
        commit: LogIndex,
    },
    /// *Follower → leader.* Please append these, which clients proposed to me. Never passed on further.
    Propose {
        /// What to append, in this order.
        proposals: Vec<Proposal>,
    },
    /// *Leader → follower.* I did not append these proposals, and never will.
    ProposeRefused {
        /// Their sequence numbers ([`ForwardId`](super::ForwardId)).
        sequences: Vec<u64>,
    },
    /// *Follower → leader.* Hand leadership over to me (thesis §3.10).
    TransferRequest,
    /// *Leader → follower.* Your log equals mine: stand for election now.
    TimeoutNow,
    /// *Follower → leader.* Which commit index must I have applied to answer a read that begins now?
    ReadIndex {
        /// Given back with the answer.
        token: Bytes,
    },
    /// *Leader → follower.* This one.
    ReadIndexResponse {
        /// That of the request.
        token: Bytes,
        /// Everything that was committed when the request came stands at or below.
        index: LogIndex,
    },
}

/// What a leader writes into a heartbeat and its follower copies into the answer, unread.
///
/// It ties an answer to the round of heartbeats that caused it, so that an old answer, late on its way,
/// confirms nothing new (§6.4 of the thesis).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Echo(pub Bytes);

impl Message {
    /// Whether it shows who leads the sender's term: only a leader sends it, to those who follow.
    pub(super) const fn shows_leader(&self) -> bool {
        match self {
            Self::AppendRequest { .. }
            | Self::SnapshotRequest { .. }
            | Self::Heartbeat { .. }
            | Self::CommitNotice { .. } => true,
            Self::PreVoteRequest { .. }
            | Self::PreVoteResponse { .. }
            | Self::VoteRequest { .. }
            | Self::VoteResponse { .. }
            | Self::AppendAccepted { .. }
            | Self::AppendRejected { .. }
            | Self::HeartbeatResponse { .. }
            | Self::Propose { .. }
            | Self::ProposeRefused { .. }
            | Self::TransferRequest
            | Self::TimeoutNow
            | Self::ReadIndex { .. }
            | Self::ReadIndexResponse { .. } => false,
        }
    }

    /// The kind of message in one lower-case word or two, for logs, metrics and message diagrams.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::PreVoteRequest { .. } => "pre_vote_request",
            Self::PreVoteResponse { .. } => "pre_vote_response",
            Self::VoteRequest { .. } => "vote_request",
            Self::VoteResponse { .. } => "vote_response",
            Self::AppendRequest { .. } => "append_request",
            Self::AppendAccepted { .. } => "append_accepted",
            Self::AppendRejected { .. } => "append_rejected",
            Self::SnapshotRequest { .. } => "snapshot_request",
            Self::Heartbeat { .. } => "heartbeat",
            Self::HeartbeatResponse { .. } => "heartbeat_response",
            Self::CommitNotice { .. } => "commit_notice",
            Self::Propose { .. } => "propose",
            Self::ProposeRefused { .. } => "propose_refused",
            Self::TransferRequest => "transfer_request",
            Self::TimeoutNow => "timeout_now",
            Self::ReadIndex { .. } => "read_index",
            Self::ReadIndexResponse { .. } => "read_index_response",
        }
    }
}

/// One line in the notation of the tests: `n1@3 → n2 VoteRequest last=3@1`.
impl fmt::Display for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} → {} {}", self.from, self.term, self.to, self.message)
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PreVoteRequest { last, priority, committed } => {
                write!(f, "PreVoteRequest last={last}{}{}", Priority(*priority), Committed(*committed))
            }
            Self::PreVoteResponse { granted, committed } => {
                write!(f, "PreVoteResponse granted={granted}{}", Committed(*committed))
            }
            Self::VoteRequest { last, priority, committed, transfer } => {
                let transfer = if *transfer { " transfer" } else { "" };
                let (priority, committed) = (Priority(*priority), Committed(*committed));
                write!(f, "VoteRequest last={last}{priority}{committed}{transfer}")
            }
            Self::VoteResponse { granted, committed } => {
                write!(f, "VoteResponse granted={granted}{}", Committed(*committed))
            }
            Self::AppendRequest { previous, entries, commit } => {
                write!(f, "AppendRequest previous={previous} entries={entries} commit={commit}")
            }
            Self::AppendAccepted { matched } => write!(f, "AppendAccepted matched={matched}"),
            Self::AppendRejected { rejected, hint } => {
                write!(f, "AppendRejected rejected={rejected} hint={hint}")
            }
            Self::SnapshotRequest { snapshot } => write!(f, "SnapshotRequest last={}", snapshot.last),
            Self::Heartbeat { commit, echo } => write!(f, "Heartbeat commit={commit}{echo}"),
            Self::HeartbeatResponse { echo } => write!(f, "HeartbeatResponse{echo}"),
            Self::CommitNotice { commit } => write!(f, "CommitNotice commit={commit}"),
            Self::Propose { proposals } => write!(f, "Propose count={}", proposals.len()),
            Self::ProposeRefused { sequences } => write!(f, "ProposeRefused count={}", sequences.len()),
            Self::TransferRequest => f.write_str("TransferRequest"),
            Self::TimeoutNow => f.write_str("TimeoutNow"),
            Self::ReadIndex { .. } => f.write_str("ReadIndex"),
            Self::ReadIndexResponse { index, .. } => write!(f, "ReadIndexResponse index={index}"),
        }
    }
}

/// Shown only if it says something.
struct Committed(Option<EntryId>);

impl fmt::Display for Committed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |committed| write!(f, " committed={committed}"))
    }
}

/// Shown only where somebody has chosen one.
struct Priority(i64);

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            i64::MAX => f.write_str(" priority=highest"),
            priority => write!(f, " priority={priority}"),
        }
    }
}

impl fmt::Display for Echo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        f.write_str(" echo=")?;
        self.0.iter().skip_while(|byte| **byte == 0).try_for_each(|byte| write!(f, "{byte:x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Envelope;

    #[test]
    fn an_envelope_is_moved_in_a_few_instructions() {
        assert!(size_of::<Envelope>() <= 80, "{}", size_of::<Envelope>());
    }
}

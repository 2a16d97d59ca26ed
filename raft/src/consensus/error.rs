//! Why a call was refused: one small error for each operation.

use super::{
    config::ConfigError,
    quorum::ChangeError,
    storage::StorageError,
    types::{EntryId, LogIndex, NodeId, Term},
};

/// Why a node could not be made from its configuration and its storage.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NewError {
    /// The configuration cannot work.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Storage could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The log lost entries that were committed, so this node may have forgotten what it promised.
    #[error(
        "the hard state says that entry {commit} is committed, but the log ends at {last}: entries were lost; \
         remove this node from the cluster and add it again with empty storage under a new id"
    )]
    CommitBeyondLog {
        /// The commit index in the hard state.
        commit: LogIndex,
        /// The last entry in the log.
        last: LogIndex,
    },
    /// The state machine is ahead of the log it was made from.
    #[error(
        "the state machine has applied entry {applied}, but the log ends at {last}: \
         they do not belong together, or the log lost entries"
    )]
    AppliedBeyondLog {
        /// [`Config::applied`](super::Config::applied).
        applied: LogIndex,
        /// The last entry in the log.
        last: LogIndex,
    },
    /// The entries between the state machine and the log are gone.
    #[error(
        "the state machine has applied entry {applied}, but the log begins only at {first}: \
         restore the state machine from the snapshot first"
    )]
    AppliedBeforeLog {
        /// [`Config::applied`](super::Config::applied).
        applied: LogIndex,
        /// The first entry in the log.
        first: LogIndex,
    },
    /// The term or the log's end lies where no cluster gets.
    #[error("storage says term {term} and last entry {last}, which no cluster reaches: storage is damaged")]
    BeyondLast {
        /// The term in the hard state.
        term: Term,
        /// The index of the last entry.
        last: LogIndex,
    },
    /// The log holds an entry of a term that the hard state does not know.
    #[error(
        "the log ends in term {last_term}, but the hard state knows only term {term}: the hard state was lost"
    )]
    TermBehindLog {
        /// The term in the hard state.
        term: Term,
        /// The term of the last entry.
        last_term: Term,
    },
}

/// Why a proposal was refused. Nothing of it is in any log, nor will be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Nobody is known to lead: an election is under way, or this node is cut off.
    #[error("no leader is known: try again after an election timeout")]
    NoLeader,
    /// Another node leads, and this one does not pass proposals on.
    #[error("node {leader} leads: propose there")]
    NotLeader {
        /// Who leads.
        leader: NodeId,
    },
    /// The proposal is larger than [`Config::max_entry_bytes`](super::Config::max_entry_bytes).
    #[error("the proposal has {size} bytes, more than the {max} that max_entry_bytes allows")]
    TooLarge {
        /// Its size.
        size: usize,
        /// What is allowed.
        max: usize,
    },
    /// Leadership is being handed over, and the new leader has the whole log: it is a moment's wait.
    #[error("leadership is being handed over to {to}: propose there in a moment")]
    TransferringLeadership {
        /// To whom.
        to: NodeId,
    },
    /// Too much waits to be committed, or to be durable on the leader's own disk
    /// ([`Config::max_uncommitted_bytes`](super::Config::max_uncommitted_bytes)).
    #[error("{uncommitted} bytes wait to be committed: slow down, and see whether a quorum is up")]
    Busy {
        /// How much waits.
        uncommitted: usize,
    },
}

/// Why a change of membership was refused. No entry of it is in any log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfChangeError {
    /// Only a leader changes the membership.
    #[error("this node does not lead: propose the change at the leader ({})", known(*leader))]
    NotLeader {
        /// Who leads, if that is known.
        leader: Option<NodeId>,
    },
    /// One change at a time: the one before is not applied yet.
    #[error("the change at index {index} is not applied yet ({applied} is): wait for it")]
    InFlight {
        /// Where a change stands, or may stand.
        index: LogIndex,
        /// What is applied.
        applied: LogIndex,
    },
    /// The leader has not committed an entry of its own term yet.
    #[error("the leader has not committed anything in its term yet: try again in a moment")]
    TermNotCommitted,
    /// Leadership is being handed over.
    #[error("leadership is being handed over to {to}: propose the change there")]
    TransferringLeadership {
        /// To whom.
        to: NodeId,
    },
    /// The change makes no sense in the present membership.
    #[error(transparent)]
    Change(#[from] ChangeError),
}

/// Why leadership is not handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// This node has nothing to hand over.
    #[error("this node does not lead: ask the leader ({})", known(*leader))]
    NotLeader {
        /// Who leads, if that is known.
        leader: Option<NodeId>,
    },
    /// The target leads already.
    #[error("this node leads already")]
    AlreadyLeader,
    /// The target cannot be elected.
    #[error("{to} is not a voter: only voters can lead")]
    NotVoter {
        /// The target.
        to: NodeId,
    },
    /// One transfer at a time.
    #[error("leadership is already being handed over to {to}: wait for the outcome")]
    InProgress {
        /// The target.
        to: NodeId,
    },
}

/// For people: the leader, or that none is known.
fn known(leader: Option<NodeId>) -> String {
    leader.map_or_else(|| "none is known".to_owned(), |leader| leader.to_string())
}

/// Why a read was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// A lease read without leases.
    #[error("lease reads are off: set lease_reads on every node, or read by ReadIndex")]
    LeaseReadsOff,
    /// Nobody is known to lead: an election is under way, or this node is cut off.
    #[error("no leader is known: try again after an election timeout")]
    NoLeader,
    /// Too many reads wait to be confirmed ([`Config::max_pending_reads`](super::Config::max_pending_reads)).
    #[error("{pending} reads wait already: try again in a moment, and see whether a quorum is up")]
    Busy {
        /// How many wait.
        pending: usize,
    },
}

/// Why this node does not stand for election.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CampaignError {
    /// It leads already.
    #[error("this node leads already")]
    AlreadyLeader,
    /// It has no vote in the current membership.
    #[error("this node is not a voter")]
    NotVoter,
    /// There is no term after this one.
    #[error("this node is in the last term there is: its hard state, or that of a peer, is damaged")]
    LastTerm,
    /// The leader's lease may rest on this node ([`Config::lease_reads`](super::Config::lease_reads)).
    #[error("the leader was heard of lately, and may have a lease: wait for an election timeout")]
    BoundByLease,
    /// A leader knew entries to be committed here that are not: this node's storage has lost them, and perhaps votes.
    #[error(
        "entries that this node had acknowledged are gone: remove it from the cluster, and add it under a new id"
    )]
    LostEntries,
    /// A snapshot from the leader is being written.
    #[error("a snapshot is being installed: wait until it is written")]
    InstallingSnapshot,
    /// A change of membership is committed and not applied, so this node does not know who votes.
    #[error("a committed change of membership is not applied yet: apply it first")]
    UnappliedChange,
    /// Storage could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why a message was refused. The node is as it was before, and carries on.
///
/// Only messages that no correct node sends are errors; those that merely come late are ignored, and counted
/// in [`Status::ignored`](super::Status::ignored).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// It is for somebody else, or from this node itself.
    #[error("a message from {from} to {to} has come to {id}: check the transport's addresses")]
    Misdirected {
        /// Who sent it.
        from: NodeId,
        /// Whom it was for.
        to: NodeId,
        /// This node.
        id: NodeId,
    },
    /// It claims a term that no cluster reaches.
    #[error("{from} claims term {term}, which no cluster reaches: its hard state is damaged")]
    BeyondLastTerm {
        /// Who sent it.
        from: NodeId,
        /// What it claims.
        term: Term,
    },
    /// A snapshot that ends with an entry of a term to come, or of none, or where no log reaches.
    #[error("{from} sent a snapshot up to entry {last}, which cannot be in a log of term {term}")]
    MalformedSnapshot {
        /// Who sent it.
        from: NodeId,
        /// The last entry of the snapshot.
        last: EntryId,
        /// The sender's term.
        term: Term,
    },
    /// A snapshot of a cluster in which nobody votes, and which could change nothing about it.
    #[error("{from} sent a snapshot up to entry {last} without a voter in its membership")]
    SnapshotWithoutVoters {
        /// Who sent it.
        from: NodeId,
        /// The last entry of the snapshot.
        last: EntryId,
    },
    /// An answer from a node that this one does not know: a stranger, or a member that was removed.
    #[error("{from} answers, but does not belong to the cluster")]
    UnknownPeer {
        /// Who sent it.
        from: NodeId,
    },
    /// Two nodes claim to lead one term (Figure 3, Election Safety).
    #[error(
        "{from} claims to lead term {term}, as {leader} does: two nodes share an id, or one lost its disk"
    )]
    SecondLeader {
        /// Who claims it.
        from: NodeId,
        /// Whom this node knows to lead it, perhaps itself.
        leader: NodeId,
        /// The term in question.
        term: Term,
    },
    /// The entries do not follow the entry that they are said to follow, or are of a term to come.
    #[error("{from} sent entries that cannot follow {previous} in term {term}")]
    MalformedAppend {
        /// Who sent it.
        from: NodeId,
        /// What they were said to follow.
        previous: EntryId,
        /// The sender's term.
        term: Term,
    },
    /// A follower says that it holds what this leader never had.
    #[error("{from} says it holds entry {matched}, but the log ends at {last}")]
    MatchedBeyondLog {
        /// Who sent it.
        from: NodeId,
        /// What it claims.
        matched: LogIndex,
        /// The last entry here.
        last: LogIndex,
    },
    /// The leader's commit index is beyond what it could know this node to hold.
    #[error(
        "{from} says that entry {commit} is committed here, but the log ends at {last}: entries were lost; \
         remove this node from the cluster, and add it under a new id"
    )]
    CommitBeyondLog {
        /// Who sent it.
        from: NodeId,
        /// What it claims.
        commit: LogIndex,
        /// The last entry here.
        last: LogIndex,
    },
    /// Storage could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

//! What the core asks of a node's storage: the read side.
//!
//! Writing is not here. The core says in a [`Ready`](super::Ready) what to write; whoever drives it writes.

use super::{
    entries::Entries,
    quorum::Membership,
    snapshot_data::SnapshotData,
    types::{EntryId, LogIndex, NodeId, Term},
};

/// What a node must remember across a restart beside its log (Figure 2, "persistent state").
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HardState {
    /// The latest term the node has seen.
    pub term: Term,
    /// Whom it voted for in that term.
    pub vote: Option<NodeId>,
    /// How far the log is known to be committed. May be behind; never wrong.
    pub commit: LogIndex,
}

/// The state machine at one point of the log, standing for all entries up to there (§7).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Snapshot {
    /// The last entry that the snapshot contains.
    pub last: EntryId,
    /// The membership as of that entry.
    pub membership: Membership,
    /// The state itself, opaque to Raft.
    pub data: SnapshotData,
}

/// What storage holds when a node starts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct InitialState {
    /// The hard state as last written.
    pub hard_state: HardState,
    /// The membership as of the last applied entry.
    pub membership: Membership,
}

/// The durable log, as the core reads it.
///
/// The log holds the entries from [`first_index`](Self::first_index) to [`last_index`](Self::last_index);
/// those before were compacted into a snapshot. Each method answers at once from what has been written; the
/// core keeps what is recent itself and asks mainly at start and for followers that are far behind.
pub trait Storage: Send {
    /// What the node remembered when it last stopped.
    ///
    /// # Errors
    /// [`StorageError::Io`] if it cannot be read.
    fn initial_state(&self) -> Result<InitialState, StorageError>;

    /// The entries from `first` on, up to `last`, as many as weigh no more than `max_bytes`, but at least one.
    ///
    /// # Errors
    /// [`StorageError::Compacted`] if `first` is before the log's first, [`StorageError::Unavailable`] if it
    /// is after its last; never a shorter answer instead of an error.
    fn entries(&self, first: LogIndex, last: LogIndex, max_bytes: usize) -> Result<Entries, StorageError>;

    /// The term of the entry at `index`; also for the index before the first, whose entry the snapshot holds.
    ///
    /// # Errors
    /// [`StorageError::Compacted`] before that, [`StorageError::Unavailable`] after the log's last entry.
    fn term(&self, index: LogIndex) -> Result<Term, StorageError>;

    /// The index of the first entry in the log: one more than that of the snapshot, 1 in a new log.
    ///
    /// # Errors
    /// [`StorageError::Io`] if it cannot be read.
    fn first_index(&self) -> Result<LogIndex, StorageError>;

    /// The index of the last entry; if there is none, the one before [`first_index`](Self::first_index).
    ///
    /// # Errors
    /// [`StorageError::Io`] if it cannot be read.
    fn last_index(&self) -> Result<LogIndex, StorageError>;

    /// The latest snapshot, for a follower whose next entry is no longer in the log.
    ///
    /// # Errors
    /// [`StorageError::SnapshotTemporarilyUnavailable`] if it is still being made: the core asks again.
    fn snapshot(&self) -> Result<Snapshot, StorageError>;
}

/// Why storage could not answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The entry was compacted away: a snapshot stands in its place.
    #[error("entry {0} was compacted into the snapshot: read the snapshot instead")]
    Compacted(LogIndex),
    /// The log ends before the entry.
    #[error("the log ends before entry {0}")]
    Unavailable(LogIndex),
    /// The snapshot is still being made.
    #[error("the snapshot is not ready yet: ask again later")]
    SnapshotTemporarilyUnavailable,
    /// Reading or writing failed. What was acknowledged may be unreadable, so the node must stop.
    #[error("the log cannot be read or written: stop this node and check its disk ({0})")]
    Io(#[from] std::io::Error),
}

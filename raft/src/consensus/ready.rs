//! What a node wants done: the output of the core.

use super::{
    entries::Entries,
    entry::ForwardId,
    message::Envelope,
    role::RoleKind,
    storage::{HardState, Snapshot},
    types::{EntryId, LogIndex, NodeId, Term},
};

/// Everything a node wants done, in the order in which it must be done.
///
/// 1. Send [`messages`](Self::messages).
/// 2. Write [`snapshot`](Self::snapshot), [`entries`](Self::entries) and [`hard_state`](Self::hard_state),
///    as one unit; if [`must_sync`](Self::must_sync), wait until they are durable.
/// 3. Send [`messages_after_write`](Self::messages_after_write).
/// 4. Restore the state machine from `snapshot`, if there is one; apply [`committed`](Self::committed).
/// 5. Answer [`reads`](Self::reads), [`forwards`](Self::forwards) and [`transfers`](Self::transfers).
/// 6. Give the Ready back: [`RawNode::advance`](super::RawNode::advance).
///
/// Each step stands where it stands for a reason, which `docs/ready.md` gives, with the execution that goes
/// wrong otherwise.
#[derive(Debug, Default)]
pub struct Ready {
    /// Counts up by one; names this Ready's write to
    /// [`RawNode::on_written`](super::RawNode::on_written).
    pub number: u64,

    /// Who leads and what this node is, if that has changed since the last Ready.
    pub leadership: Option<Leadership>,

    /// Messages that may leave at once: they promise nothing that a crash could take back. A leader's
    /// appends are among them, so that followers write while it writes (thesis §10.2.1).
    pub messages: Vec<Envelope>,

    /// A snapshot from the leader, which replaces the log up to its last entry, and the state machine.
    pub snapshot: Option<Box<Snapshot>>,

    /// Entries to append, run by run. They replace whatever the log holds from the first of them on.
    pub entries: Vec<Entries>,

    /// The hard state, if it has changed.
    pub hard_state: Option<HardState>,

    /// Whether the write must be durable before the next step, with all that was written before. False if only the
    /// commit index has changed, which can be learned again; but true if a change of membership is committed, for those
    /// from whom it could be learned may be gone by then.
    pub must_sync: bool,

    /// Messages that promise what was just written: votes, and acknowledgements of entries. They wait for
    /// this write and for every earlier one.
    pub messages_after_write: Vec<Envelope>,

    /// Entries to apply to the state machine: committed, and durable on this node.
    pub committed: Vec<Entries>,

    /// Reads that can be answered, or that were lost.
    pub reads: Vec<Read>,

    /// What became of proposals that this node passed on to the leader.
    pub forwards: Vec<Forward>,

    /// What became of attempts to hand leadership over.
    pub transfers: Vec<Transfer>,
}

impl Ready {
    /// Empties it, but keeps the vectors' memory for the next Ready.
    pub(super) fn clear(&mut self) {
        self.leadership = None;
        self.messages.clear();
        self.snapshot = None;
        self.entries.clear();
        self.hard_state = None;
        self.messages_after_write.clear();
        self.committed.clear();
        self.reads.clear();
        self.forwards.clear();
        self.transfers.clear();
    }
}

/// Who leads, and what this node is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Leadership {
    /// The current term.
    pub term: Term,
    /// What this node is in it.
    pub role: RoleKind,
    /// Who leads it, if that is known here.
    pub leader: Option<NodeId>,
}

/// Names a read, from [`RawNode::read_index`](super::RawNode::read_index) to the [`Read`] that ends it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReadId(pub(super) u64);

/// How a read ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Read {
    /// Which read.
    pub id: ReadId,
    /// What became of it.
    pub outcome: ReadOutcome,
}

/// What became of a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadOutcome {
    /// The state machine may answer, as soon as it has applied this index (thesis §6.4).
    At(LogIndex),
    /// The leader changed, or did not answer. Reads change nothing: ask again.
    Lost,
}

/// What became of a proposal that was passed on to the leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Forward {
    /// Which proposal.
    pub id: ForwardId,
    /// What became of it.
    pub outcome: ForwardOutcome,
}

/// What became of a proposal that was passed on to the leader.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ForwardOutcome {
    /// It came back as this entry of the leader's log. What is committed at that index decides its fate: this
    /// entry, or another that took its place.
    Appended(EntryId),
    /// It is in no log, and never will be.
    Refused,
    /// Nothing was heard of it in time. It may still be committed, or not.
    Unknown,
}

/// How an attempt to hand leadership over has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Transfer {
    /// To whom it was to go.
    pub to: NodeId,
    /// What became of it.
    pub outcome: TransferOutcome,
}

/// How an attempt to hand leadership over has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransferOutcome {
    /// The target leads.
    Done,
    /// The target was not elected within an election timeout. This node goes on leading, unless it has lost
    /// its office meanwhile.
    TimedOut,
    /// The target lost its vote by a change of membership. This node goes on leading.
    NotVoter,
    /// Another node was quicker.
    OtherLeader(NodeId),
}

impl std::fmt::Display for TransferOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Done => f.write_str("done"),
            Self::TimedOut => f.write_str("the target was not elected in time"),
            Self::NotVoter => f.write_str("the target is no longer a voter"),
            Self::OtherLeader(leader) => write!(f, "{leader} leads instead"),
        }
    }
}

/// What became of a proposal at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proposed {
    /// This node leads, and has appended it as this entry. It is committed when the entry with this id is
    /// among [`Ready::committed`]; it is lost when another one is, at its index.
    Appended(EntryId),
    /// Another node leads; the proposal is on its way there. A [`Forward`] will tell more.
    Forwarded(ForwardId),
}

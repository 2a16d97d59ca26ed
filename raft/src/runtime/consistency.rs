//! How current an answer must be.

use crate::consensus::LogIndex;

/// How current the answer to a query must be, and so what it costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub enum Consistency {
    /// The answer knows every command whose outcome was known anywhere before the question. Holds whatever clocks do.
    ///
    /// Costs a round of heartbeats to a quorum, shared by all queries of one turn; a follower asks its leader, which is
    /// one round trip more. Waits while there is no leader.
    #[default]
    Linearizable,
    /// The same, under the assumption on clocks that
    /// [`Config::lease_reads`](crate::Config::lease_reads) states: a leader answers from its lease.
    ///
    /// Costs no message on a leader that has a lease. Without one, on a follower, and where `lease_reads` is off, it is
    /// done as [`Linearizable`](Self::Linearizable), at that cost.
    Lease,
    /// The answer is what this node has applied: a state that was, or still is, the cluster's. It may be old by as much
    /// as this node is behind or cut off, and the next answer, of another node, may be older.
    ///
    /// Costs nothing, and never waits, also without a leader.
    Local,
    /// The answer knows every command up to this index of the log, and may miss later ones. A client that takes the
    /// index from what it last saw reads its own writes, on any node.
    ///
    /// [`StateMachine::apply`](crate::StateMachine::apply) is told the index of each command: a state machine whose
    /// responses tell it makes it known to its clients.
    ///
    /// Costs nothing but the wait until this node has applied that much.
    AtLeast(LogIndex),
}

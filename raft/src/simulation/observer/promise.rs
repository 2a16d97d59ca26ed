//! What is promised, each under the name by which a [`Violation`](super::super::Violation) tells it.
//!
//! A name says which promise it is for good: a shrunk plan must break the same.

/// §5.2, Figure 3: at most one leader is elected in a term. Whatever says that a node leads counts: what it shows of
/// itself, and the entries that it creates.
pub(super) const ELECTION_SAFETY: &str = "election safety";
/// §5.2: a node votes for at most one candidate in a term, whatever becomes of its process meanwhile.
pub(super) const ONE_VOTE: &str = "one vote a term";
/// §5.2; thesis §4.2.1: a leader has the votes of a quorum of those who vote, by a configuration that is in force at it;
/// learners and removed nodes count nowhere, and do not stand.
pub(super) const ELECTED_BY_QUORUM: &str = "elected by a quorum";
/// Figure 2, "updated on stable storage before responding": what a vote, a leader's term or an acknowledgement says is
/// durable when it is sent.
pub(super) const DURABLE_BEFORE_SENT: &str = "durable before it is sent";
/// §5.3, Figure 3: a leader never overwrites or deletes entries in its log; it only appends.
pub(super) const LEADER_APPEND_ONLY: &str = "leader append-only";
/// §5.3, Figure 3: two entries with the same index and term are the same, and so are all before them; only the leader of
/// a term creates entries of it.
pub(super) const LOG_MATCHING: &str = "log matching";
/// §5.4, Figure 3: what is committed in a term is in the logs of the leaders of all later terms.
pub(super) const LEADER_COMPLETENESS: &str = "leader completeness";
/// §5.4.2: only a leader finds that an entry is committed, and only by an entry of its own term.
pub(super) const COMMITMENT: &str = "commitment";
/// §5.3: what is committed is durable on a quorum of the configuration in force, or on one of each set while it is joint.
pub(super) const DURABLE_ON_QUORUM: &str = "durable on a quorum";
/// §5.4.3, Figure 3: no two state machines apply different entries at the same index; each applies all, in order, once.
pub(super) const STATE_MACHINE_SAFETY: &str = "state machine safety";
/// Figure 2: terms, commit indexes and applied indexes increase monotonically.
pub(super) const MONOTONIC: &str = "monotonic terms and indexes";
/// A node starts with all that its disk had acknowledged: term, vote, entries, snapshot; and with nothing else, but for
/// whole Readys, in order, that it had been given and had not acknowledged.
pub(super) const RECOVERY: &str = "recovery of what is durable";
/// §7: a snapshot stands for committed entries, carries the configuration as of its last one, and is durable before the
/// state machine becomes it.
pub(super) const SNAPSHOTS: &str = "snapshots";
/// §6; thesis §4.1: all nodes go through the same configurations, any two in a row have no quorums without a common
/// node, and no log holds two changes that are not known to be committed.
pub(super) const CONFIGURATIONS: &str = "configuration safety";
/// What `Config` says of bytes and of numbers.
pub(super) const LIMITS: &str = "limits";
/// Thesis §6.4: a linearizable answer knows all that was committed when it was asked for.
pub(super) const READS: &str = "current reads";
/// When all faults are over, every member comes to hold and apply everything that was ever committed.
pub(super) const NOTHING_LOST: &str = "nothing committed is lost";

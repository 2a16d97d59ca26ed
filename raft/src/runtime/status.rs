//! What can be seen of a running node.

use std::fmt;

use super::error::StopReason;
use crate::consensus::Status;

/// A running node at one moment, for people and for tests.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The node itself; at most a tick old.
    pub core: Status,
    /// Commands and queries that the node has not taken up yet.
    pub queued_requests: usize,
    /// Messages of peers that the node has not taken up yet.
    pub queued_messages: usize,
    /// Commands that wait for their outcome; at most a tick old.
    pub waiting_proposals: usize,
    /// Queries that wait for their answer; at most a tick old.
    pub waiting_queries: usize,
    /// Readys whose write is under way; at most a tick old.
    pub readys_being_written: usize,
    /// Log entries that were handed to the state machine and that it has not applied yet; at most a tick old.
    pub entries_being_applied: u64,
    /// What has happened since the node was started; at most a tick old.
    pub counters: Counters,
    /// Why the node has stopped, if it has.
    pub stopped: Option<StopReason>,
}

/// How often things have happened since the node was started.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Counters {
    /// Ticks of the clock.
    pub ticks: u64,
    /// Readys of the core.
    pub readys: u64,
    /// Of these, those that had something to write, and it is written.
    pub readys_written: u64,
    /// Log entries written.
    pub entries_written: u64,
    /// How often storage was told to make durable what it had been given.
    pub syncs: u64,
    /// Batches of entries applied.
    pub batches_applied: u64,
    /// How often a leader became known: another than before, or after there was none.
    pub leader_changes: u64,
    /// Messages of peers taken up.
    pub messages: u64,
    /// Messages that no correct peer sends: two nodes share an id, or an address is wrong.
    pub messages_rejected: u64,
    /// Messages dropped because too many waited
    /// ([`Options::max_pending_messages`](super::Options::max_pending_messages)).
    pub messages_dropped: u64,
    /// Commands and queries refused because too many waited
    /// ([`Options::max_pending_requests`](super::Options::max_pending_requests)).
    pub requests_refused: u64,
    /// Log entries applied.
    pub entries_applied: u64,
    /// Snapshots of the state machine made and kept.
    pub snapshots_made: u64,
    /// Snapshots that could not be made, or not be kept: the log grows on.
    pub snapshots_failed: u64,
    /// Snapshots from a leader that replaced the state machine.
    pub snapshots_restored: u64,
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let core = &self.core;
        write!(f, "{} is {} in term {}, ", core.id, core.role, core.hard_state.term)?;
        match core.leader {
            Some(leader) => writeln!(f, "{leader} leads")?,
            None => writeln!(f, "no leader is known")?,
        }
        let (last, durable, commit) = (core.last_index, core.durable, core.hard_state.commit);
        writeln!(f, "  log: last {last}, durable {durable}, committed {commit}, applied {}", core.applied)?;
        for (node, progress) in &core.progress {
            writeln!(f, "  {node}: matched {}, next {}", progress.matched, progress.next)?;
        }
        let (requests, messages) = (self.queued_requests, self.queued_messages);
        writeln!(f, "  queued: {requests} requests, {messages} messages")?;
        let (proposals, queries) = (self.waiting_proposals, self.waiting_queries);
        writeln!(f, "  waiting: {proposals} proposals, {queries} queries")?;
        let Counters { entries_written, syncs, entries_applied, batches_applied, .. } = self.counters;
        let writing = self.readys_being_written;
        writeln!(f, "  writing: {writing} now; {entries_written} entries in {syncs} syncs so far")?;
        let applying = self.entries_being_applied;
        write!(
            f,
            "  applying: {applying} now; {entries_applied} entries in {batches_applied} batches so far"
        )?;
        match &self.stopped {
            Some(reason) => write!(f, "\n  {reason}"),
            None => Ok(()),
        }
    }
}

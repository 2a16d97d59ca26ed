//! A node and its state machine, without threads, channels or clocks.

use bytes::Bytes;
use slog::{Logger, debug, warn};

use super::{
    administration::{Administration, replay_changes},
    compaction::{Compaction, SnapshotMade, SnapshotTask},
    completion::Completion,
    consistency::Consistency,
    error::{Part, StartError, StopReason},
    membership_operation::Limits,
    options::Options,
    outcome::{Outcome, Refusal, RefusalReason},
    queries::{Queries, ReadKind},
    status::{Counters, NodeStatus},
    waiters::Waiters,
};
use crate::{
    consensus::{
        Config, EntryId, Envelope, LogIndex, NodeId, Proposed, RawNode, ReadError, StepError, Storage,
        StorageError,
    },
    state_machine::StateMachine,
    storage::StorageWriter,
    transport::Transport,
};

/// A node with its state machine, its storage, and the clients that wait: all decisions of the runtime, and
/// none of its waiting.
///
/// A [`Node`](super::Node) calls it from a thread, with channels and a clock; a simulation calls it from a
/// schedule of its own. In either, the same calls do the same:
///
/// ```text
/// loop {
///     on_message, on_tick, propose, query, …        as they come
///     run(transport)                                carries out what the node then wants, while it has_work
///     take_snapshot_task → run it anywhere → on_snapshot_made
/// }
/// ```
///
/// After an `Err` it must not be used any more, but to [`stop`](Self::stop) it.
pub struct Driver<S: StateMachine, W: StorageWriter> {
    pub(super) raw: RawNode,
    pub(super) state_machine: S,
    pub(super) storage: W,
    pub(super) waiters: Waiters<S::Response>,
    pub(super) queries: Queries<S>,
    pub(super) administration: Administration,
    pub(super) compaction: Compaction,
    snapshot_task: Option<SnapshotTask>,
    /// Responses of the present batch.
    pub(super) answers: Vec<(Completion<S::Response>, S::Response)>,
    /// The last entry that the state machine has applied.
    pub(super) applied: EntryId,
    pub(super) counters: Counters,
    /// Whose code runs, so that a panic can be laid at the right door.
    pub(super) running: Part,
    pub(super) options: Options,
    pub(super) logger: Logger,
}

impl<S: StateMachine, W: StorageWriter> Driver<S, W> {
    /// More than a batch needs to go through; only a long log that is applied anew at start has more.
    const READYS_PER_RUN: usize = 16;

    /// A node as `storage` left it, with `state_machine` restored from the snapshot there, if there is one.
    ///
    /// A state machine that keeps its own state says in [`Config::applied`] how far that goes; it is not
    /// restored if the snapshot holds no more. The membership is that of the snapshot, with the changes that the log
    /// holds up to there.
    ///
    /// # Errors
    /// [`StartError`] if the options or the configuration cannot work, or storage cannot be read or is not
    /// sound.
    ///
    /// # Panics
    /// If the state machine does, while it is restored.
    pub fn new(
        mut config: Config,
        options: Options,
        mut state_machine: S,
        storage: W,
        logger: Logger,
    ) -> Result<Self, StartError> {
        options.validate()?;
        let mut kept = LogIndex::ZERO;
        if let Some(snapshot) = storage.snapshot()? {
            kept = snapshot.last.index;
            if config.applied < kept {
                let mut contents = snapshot.data.open().map_err(StorageError::Io)?;
                state_machine.restore(&mut *contents)?;
                config.applied = kept;
            }
        }
        let limits = Limits::new(&options, config.election_ticks);
        let reader = storage.reader();
        let mut raw = RawNode::new(config, storage.reader(), logger.clone())?;
        replay_changes(&mut raw, &reader, kept)?;
        let index = raw.status().applied;
        let applied = EntryId { term: reader.term(index)?, index };
        Ok(Self {
            raw,
            state_machine,
            storage,
            waiters: Waiters::new(applied),
            queries: Queries::new(),
            administration: Administration::new(Waiters::new(applied), limits),
            compaction: Compaction::new(options.compact_after_bytes, kept),
            snapshot_task: None,
            answers: Vec::new(),
            applied,
            counters: Counters::default(),
            running: Part::Core,
            options,
            logger,
        })
    }

    /// Takes in a message of a peer. One that no correct node sends is counted, and changes nothing.
    ///
    /// # Errors
    /// [`StopReason`] if storage failed.
    pub fn on_message(&mut self, envelope: Envelope) -> Result<(), StopReason> {
        self.counters.messages += 1;
        match self.raw.step(envelope) {
            Ok(()) => Ok(()),
            Err(StepError::Storage(error)) => Err(error.into()),
            Err(error) => {
                self.counters.messages_rejected += 1;
                // A peer that is wrong once is wrong often: tell ever more rarely.
                if self.counters.messages_rejected.is_power_of_two() {
                    warn!(self.logger, "{error} -> ignore it"; "rejected" => self.counters.messages_rejected);
                }
                Ok(())
            }
        }
    }

    /// One tick of the clock.
    pub fn on_tick(&mut self) {
        self.counters.ticks += 1;
        let now = self.counters.ticks;
        self.raw.tick();
        self.waiters.on_tick(now, u64::from(self.options.unknown_after_ticks));
        self.tick_administration();
        self.queries.on_tick(now, self.raw.leader());
        self.queries.ask_again();
    }

    /// Proposes a command for a client.
    pub fn propose(&mut self, command: Bytes, mut completion: Completion<S::Response>) {
        let leader = self.raw.leader();
        if self.waiters.len() >= self.options.max_pending_requests {
            self.counters.requests_refused += 1;
            return completion.complete(Outcome::refused(RefusalReason::Busy, leader));
        }
        completion.put_in_doubt();
        match self.raw.propose(command) {
            Ok(Proposed::Appended(id)) => self.waiters.wait_for_entry(id, completion, self.counters.ticks),
            Ok(Proposed::Forwarded(id)) => self.waiters.wait_for_forward(id, completion),
            Err(error) => completion.complete(Outcome::NotAccepted(Refusal::of_proposal(error, leader))),
        }
    }

    /// Asks the state machine for a client, and answers as currently as `consistency` says.
    pub fn query(&mut self, query: S::Query, consistency: Consistency, completion: Completion<S::Answer>) {
        if self.queries.len() >= self.options.max_pending_requests {
            self.counters.requests_refused += 1;
            return completion.complete(Outcome::refused(RefusalReason::Busy, self.raw.leader()));
        }
        let deadline = self.counters.ticks + u64::from(self.options.read_timeout_ticks);
        self.queries.add(query, consistency, completion, deadline);
        if matches!(consistency, Consistency::Local | Consistency::AtLeast(_)) {
            self.answer_queries();
        }
    }

    /// Time has passed that no tick has told of: a leader that was paused may have been replaced.
    pub fn expire_lease(&mut self) {
        self.raw.expire_lease();
    }

    /// Stands for election now.
    pub fn campaign(&mut self) {
        if let Err(error) = self.raw.campaign() {
            debug!(self.logger, "{error} -> do not stand for election");
        }
    }

    /// The transport could not deliver to `node`.
    pub fn report_unreachable(&mut self, node: NodeId) {
        self.raw.report_unreachable(node);
    }

    /// The transport has delivered a snapshot to `node`, or could not.
    pub fn report_snapshot(&mut self, node: NodeId, arrived: bool) {
        self.raw.report_snapshot(node, arrived);
    }

    /// Whether [`run`](Self::run) has something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.raw.has_ready() || self.queries.is_time_to_ask()
    }

    /// Carries out what the node wants done, so much at most that peers are not kept waiting: see
    /// [`has_work`](Self::has_work). Whether the leader has changed.
    ///
    /// # Errors
    /// [`StopReason`] if storage failed, or the state machine could not be restored.
    pub fn run(&mut self, transport: &mut dyn Transport) -> Result<bool, StopReason> {
        let mut has_new_leader = false;
        self.ask_for_reads();
        for _ in 0..Self::READYS_PER_RUN {
            if !self.raw.has_ready() {
                break;
            }
            let ready = self.raw.ready()?;
            if ready.leadership.is_some() {
                has_new_leader = true;
                self.queries.ask_again();
            }
            self.execute(ready, transport)?;
            self.ask_for_reads();
        }
        Ok(has_new_leader)
    }

    /// All queries of a kind that have come since the last call share one read.
    fn ask_for_reads(&mut self) {
        if !self.queries.take_time_to_ask() {
            return;
        }
        // Without a leader they stay, until there is one or their time is over.
        if self.queries.has_unasked(ReadKind::Lease) {
            let lease = self.raw.read_lease();
            let read = if lease == Err(ReadError::LeaseReadsOff) { self.raw.read_index() } else { lease };
            if let Ok(id) = read {
                self.queries.on_asked(ReadKind::Lease, id);
            }
        }
        if self.queries.has_unasked(ReadKind::Index)
            && let Ok(id) = self.raw.read_index()
        {
            self.queries.on_asked(ReadKind::Index, id);
        }
    }

    /// Begins a snapshot, if enough was applied since the last one.
    pub(super) fn begin_snapshot_if_due(&mut self) {
        if !self.compaction.take_due(self.applied.index) {
            return;
        }
        self.running = Part::StateMachine;
        let write = self.state_machine.snapshot();
        self.running = Part::Core;
        debug!(self.logger, "the log has grown enough -> make a snapshot"; "last" => %self.applied);
        let membership = self.raw.status().membership;
        let saver = self.storage.snapshot_saver();
        self.snapshot_task = Some(SnapshotTask::new(self.applied, membership, write, saver));
    }

    /// A snapshot to be made, if one is due. Its result must come back: until then no other is begun.
    pub fn take_snapshot_task(&mut self) -> Option<SnapshotTask> {
        self.snapshot_task.take()
    }

    /// The snapshot was made: keeps it, and cuts the log.
    pub fn on_snapshot_made(&mut self, made: SnapshotMade) {
        self.compaction.on_ended();
        let snapshot = match made.result {
            Ok(snapshot) => snapshot,
            Err(error) => return self.on_snapshot_failed(&error),
        };
        let last = snapshot.last;
        if !self.compaction.is_news(last.index) {
            debug!(self.logger, "the leader's snapshot has overtaken snapshot {last} -> drop it");
            return;
        }
        self.running = Part::Storage;
        let kept = self.storage.compact(snapshot, self.options.keep_entries);
        self.running = Part::Core;
        match kept {
            Ok(()) => {
                self.compaction.on_kept(last.index);
                self.counters.snapshots_made += 1;
                debug!(self.logger, "snapshot {last} is kept -> cut the log");
            }
            // The log is as it was. If the disk is bad, the next write will say so.
            Err(error) => self.on_snapshot_failed(&error),
        }
    }

    fn on_snapshot_failed(&mut self, error: &dyn std::fmt::Display) {
        self.counters.snapshots_failed += 1;
        warn!(self.logger, "no snapshot was made: {error} -> go on with the longer log");
    }

    /// The node at this moment. Knows nothing of queues before it.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        NodeStatus {
            core: self.raw.status(),
            queued_requests: 0,
            queued_messages: 0,
            waiting_proposals: self.waiters.len(),
            waiting_queries: self.queries.len(),
            counters: self.counters,
            stopped: None,
        }
    }

    /// Tells every client that waits that the node has stopped. Calls nothing but their callbacks, so it may be
    /// called after a panic too.
    pub fn stop(&mut self) {
        self.answers.clear();
        self.waiters.end_all();
        self.queries.end_all();
        self.administration.end_all();
    }
}

#[cfg(test)]
mod tests;

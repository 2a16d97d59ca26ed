//! A node and those who wait for it, without threads, channels or clocks.

use bytes::Bytes;
use slog::{Logger, debug, warn};

use super::{
    administration::{Administration, replay_changes},
    applier::Applier,
    compaction::{Compaction, SnapshotMade, SnapshotTask},
    completion::Completion,
    consistency::Consistency,
    error::{StartError, StopReason},
    jobs::{ApplyJob, ApplyReport, WriteJob, WriteReport},
    membership_operation::Limits,
    options::Options,
    outcome::{Outcome, Refusal, RefusalReason},
    pending_writes::PendingWrites,
    queries::{Queries, ReadKind},
    status::{Counters, NodeStatus},
    waiters::Waiters,
    writer::Writer,
};
use crate::{
    consensus::{
        Config, EntryId, Envelope, HardState, LogIndex, NodeId, Proposed, RawNode, ReadError, StepError,
        Storage, StorageError,
    },
    state_machine::StateMachine,
    storage::StorageWriter,
    transport::Transport,
};

/// A node, and the clients that wait for it: all decisions of the runtime, and none of its waiting.
///
/// It writes and applies nothing itself, but gives out **jobs**: for a [`Writer`], which holds the storage, and for an
/// [`Applier`], which holds the state machine. Whoever carries them out reports it. A [`Node`](super::Node) does so with
/// threads, channels and a clock; a simulation with a schedule of its own, in which each job takes as long as that says.
/// In either, the same calls do the same:
///
/// ```text
/// loop {
///     on_message, on_tick, propose, query, …                    as they come
///     run(transport)                                            sends, and makes jobs, while it has_work
///     take_write_jobs    → Writer::run, now or later            → on_written
///     take_apply_jobs    → Applier::run, now or later           → on_applied
///     take_snapshot_task → SnapshotTask::run, now or much later → on_snapshot_made
/// }
/// ```
///
/// The jobs of one port are carried out in the order in which they were given out, and reported in that order; one
/// report may be of many. The ports know nothing of each other: what must be durable before it is applied is given out
/// only when it is. Order is all that the jobs need, so each may take its time, and meanwhile the node hears, sends and
/// ticks.
///
/// After an `Err`, its own or that of a port, it must not be used any more, but to [`stop`](Self::stop) it.
pub struct Driver<S: StateMachine> {
    pub(super) raw: RawNode,
    pub(super) waiters: Waiters<S::Response>,
    pub(super) queries: Queries<S>,
    pub(super) administration: Administration,
    pub(super) compaction: Compaction,
    pub(super) write_jobs: Vec<WriteJob>,
    pub(super) apply_jobs: Vec<ApplyJob<S>>,
    snapshot_task: Option<SnapshotTask>,
    pub(super) pending_writes: PendingWrites,
    /// A commit index that need not be durable, and travels with the next write that must.
    pub(super) unwritten: Option<HardState>,
    /// A write costs the time of a device, or at least the waking of another thread.
    pub(super) spares_writes: bool,
    /// The last entry that was handed out to be applied, or is in the snapshot that was.
    pub(super) handed_out: EntryId,
    /// The last entry that the state machine contains.
    pub(super) applied: LogIndex,
    /// Commands and queries that were handed out with their clients.
    pub(super) unanswered: Unanswered,
    pub(super) counters: Counters,
    pub(super) options: Options,
    pub(super) logger: Logger,
}

/// How many clients wait for the applier.
#[derive(Default)]
pub(super) struct Unanswered {
    pub(super) commands: usize,
    pub(super) queries: usize,
}

impl<S: StateMachine> Driver<S> {
    /// A node as `storage` left it, in its three parts. `state_machine` is restored from the snapshot there, if there
    /// is one.
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
    pub fn open<W: StorageWriter>(
        mut config: Config,
        options: Options,
        mut state_machine: S,
        storage: W,
        logger: Logger,
    ) -> Result<(Self, Writer<W>, Applier<S>), StartError> {
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
        let driver = Self {
            raw,
            waiters: Waiters::new(applied),
            queries: Queries::new(),
            administration: Administration::new(Waiters::new(applied), limits),
            compaction: Compaction::new(options.compact_after_bytes, kept, storage.snapshot_saver()),
            write_jobs: Vec::new(),
            apply_jobs: Vec::new(),
            snapshot_task: None,
            pending_writes: PendingWrites::default(),
            unwritten: None,
            spares_writes: storage.waits_for_device(),
            handed_out: applied,
            applied: index,
            unanswered: Unanswered::default(),
            counters: Counters::default(),
            options,
            logger,
        };
        Ok((driver, Writer::new(storage), Applier::new(state_machine)))
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
        if self.waiters.len() + self.unanswered.commands >= self.options.max_pending_requests {
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
        if self.queries.len() + self.unanswered.queries >= self.options.max_pending_requests {
            self.counters.requests_refused += 1;
            return completion.complete(Outcome::refused(RefusalReason::Busy, self.raw.leader()));
        }
        let deadline = self.counters.ticks + u64::from(self.options.read_timeout_ticks);
        self.queries.add(query, consistency, completion, deadline);
        if matches!(consistency, Consistency::Local | Consistency::AtLeast(_)) {
            self.hand_out_queries();
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

    /// Does what the node wants done, as far as that is one [`Ready`](crate::Ready): sends messages, and makes jobs.
    /// There may be more afterwards: see [`has_work`](Self::has_work). Whether the leader has changed.
    ///
    /// # Errors
    /// [`StopReason`] if storage could not be read, or the transport panicked.
    pub fn run(&mut self, transport: &mut dyn Transport) -> Result<bool, StopReason> {
        self.ask_for_reads();
        if !self.raw.has_ready() {
            return Ok(false);
        }
        let ready = self.raw.ready()?;
        let has_new_leader = ready.leadership.is_some();
        if has_new_leader {
            self.queries.ask_again();
        }
        self.hand_out(ready, transport)?;
        Ok(has_new_leader)
    }

    /// What the [`Writer`] is to do next, in this order, after what was taken before.
    pub fn take_write_jobs(&mut self) -> impl ExactSizeIterator<Item = WriteJob> + '_ {
        self.write_jobs.drain(..)
    }

    /// What the [`Applier`] is to do next, in this order, after what was taken before.
    pub fn take_apply_jobs(&mut self) -> impl ExactSizeIterator<Item = ApplyJob<S>> + '_ {
        self.apply_jobs.drain(..)
    }

    /// The writer has done what it reports: sends what waited for that.
    ///
    /// # Errors
    /// [`StopReason`] if the transport panicked.
    pub fn on_written(
        &mut self,
        report: WriteReport,
        transport: &mut dyn Transport,
    ) -> Result<(), StopReason> {
        self.counters.readys_written += report.readys;
        self.counters.entries_written += report.entries;
        self.counters.syncs += report.syncs;
        if let Some(compacted) = report.compacted {
            self.on_compacted(compacted);
        }
        self.finish_writes(report.number, transport)
    }

    /// Whether it waits for the applier's next report. If not, that may come whenever there is time: clients are told
    /// without it.
    #[must_use]
    pub fn awaits_applied(&self) -> bool {
        self.raw.awaits_applied() || self.administration.awaits_applied()
    }

    /// The applier has done what it reports.
    pub fn on_applied(&mut self, report: ApplyReport) {
        self.counters.entries_applied += report.entries;
        self.counters.batches_applied += report.batches;
        self.counters.snapshots_restored += report.restored;
        self.unanswered.commands -= report.responses;
        self.unanswered.queries -= report.answers;
        if report.snapshot_task.is_some() {
            self.snapshot_task = report.snapshot_task;
        }
        if let Some(index) = report.applied {
            self.applied = index;
            self.raw.on_applied(index);
            self.settle_administration();
        }
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

    /// A snapshot to be made, if one is due. Its result must come back: until then no other is begun.
    pub fn take_snapshot_task(&mut self) -> Option<SnapshotTask> {
        self.snapshot_task.take()
    }

    /// The snapshot was made: has it put in force, and the log cut.
    pub fn on_snapshot_made(&mut self, made: SnapshotMade) {
        let snapshot = match made.result {
            Ok(snapshot) => snapshot,
            Err(error) => return self.on_snapshot_failed(&error),
        };
        let last = snapshot.last;
        if !self.compaction.is_news(last.index) {
            self.compaction.on_ended();
            debug!(self.logger, "the leader's snapshot has overtaken snapshot {last} -> drop it");
            return;
        }
        self.write_unwritten();
        self.write_jobs.push(WriteJob::Compact { snapshot, keep: self.options.keep_entries });
    }

    fn on_compacted(&mut self, compacted: Result<LogIndex, StorageError>) {
        match compacted {
            Ok(last) => {
                self.compaction.on_ended();
                self.compaction.on_kept(last);
                self.counters.snapshots_made += 1;
                debug!(self.logger, "snapshot {last} is kept -> cut the log");
            }
            // The log is as it was. If the disk is bad, the next write will say so.
            Err(error) => self.on_snapshot_failed(&error),
        }
    }

    fn on_snapshot_failed(&mut self, error: &dyn std::fmt::Display) {
        self.compaction.on_ended();
        self.counters.snapshots_failed += 1;
        warn!(self.logger, "no snapshot was made: {error} -> go on with the longer log");
    }

    /// The core, for whoever observes it.
    #[cfg(feature = "simulation")]
    pub(crate) fn raw(&self) -> &RawNode {
        &self.raw
    }

    /// The node at this moment. Knows nothing of queues before it.
    #[must_use]
    pub fn status(&self) -> NodeStatus {
        NodeStatus {
            core: self.raw.status(),
            queued_requests: 0,
            queued_messages: 0,
            waiting_proposals: self.waiters.len() + self.unanswered.commands,
            waiting_queries: self.queries.len() + self.unanswered.queries,
            readys_being_written: self.pending_writes.len(),
            entries_being_applied: self.handed_out.index.0.saturating_sub(self.applied.0),
            counters: self.counters,
            stopped: None,
        }
    }

    /// Tells every client that waits that the node has stopped, but for those who are in jobs that were taken. Calls
    /// nothing but their callbacks, so it may be called after a panic too.
    pub fn stop(&mut self) {
        self.apply_jobs.clear();
        self.waiters.end_all();
        self.queries.end_all();
        self.administration.end_all();
    }
}

#[cfg(test)]
mod tests;

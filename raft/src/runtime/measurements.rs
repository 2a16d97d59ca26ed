//! What a running node measures on the way: durations and sizes, and what became of requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    applier::Applier,
    clock::{Clock, SystemClock},
    error::StopReason,
    jobs::{ApplyJob, ApplyReport, WriteJob, WriteReport},
    outcome::Outcome,
    writer::Writer,
};
use crate::{
    metrics::{Histogram, Page},
    state_machine::StateMachine,
    storage::StorageWriter,
};

/// All of it. Written by several threads at once, with atomics alone.
pub(super) struct Measurements {
    pub(super) commands: Arc<RequestMeasurements>,
    pub(super) queries: Arc<RequestMeasurements>,
    turn: Histogram,
    write: Histogram,
    write_entries: Histogram,
    apply: Histogram,
    apply_entries: Histogram,
}

/// What became of requests of one kind.
pub(super) struct RequestMeasurements {
    /// How long those took that were applied or answered.
    applied: Histogram,
    refused: AtomicU64,
    unknown: AtomicU64,
}

impl Measurements {
    pub(super) fn new() -> Self {
        Self {
            commands: Arc::new(RequestMeasurements::new()),
            queries: Arc::new(RequestMeasurements::new()),
            turn: Histogram::of_durations(),
            write: Histogram::of_durations(),
            write_entries: Histogram::of_counts(),
            apply: Histogram::of_durations(),
            apply_entries: Histogram::of_counts(),
        }
    }

    /// The loop went round once, not counting its wait.
    pub(super) fn on_turn(&self, took: Duration) {
        self.turn.observe_duration(took);
    }

    /// Has `jobs` carried out by the storage.
    pub(super) fn write<W: StorageWriter>(
        &self,
        writer: &mut Writer<W>,
        jobs: impl IntoIterator<Item = WriteJob>,
    ) -> Result<WriteReport, StopReason> {
        let clock = SystemClock::new();
        let report = writer.run(jobs)?;
        // What need not be durable has cost nothing yet.
        if report.syncs > 0 {
            self.write.observe_duration(clock.now());
            self.write_entries.observe_count(report.entries);
        }
        Ok(report)
    }

    /// Has `jobs` carried out by the state machine.
    pub(super) fn apply<S: StateMachine>(
        &self,
        applier: &mut Applier<S>,
        jobs: impl IntoIterator<Item = ApplyJob<S>>,
    ) -> Result<ApplyReport, StopReason> {
        let clock = SystemClock::new();
        let report = applier.run(jobs)?;
        // Queries alone are no batch.
        if report.batches > 0 {
            self.apply.observe_duration(clock.now());
            self.apply_entries.observe_count(report.entries);
        }
        Ok(report)
    }

    pub(super) fn describe(&self, page: &mut Page<'_>) {
        let help = "From when a client asked until its command was applied and it was told";
        page.histogram("quorate_command_seconds", help, &self.commands.applied);
        let help = "Commands, by how they ended: refused had no effect, of unknown nobody knows";
        page.counters("quorate_commands", help, "outcome", self.commands.outcomes("applied"));
        let help = "From when a client asked until its query was answered";
        page.histogram("quorate_query_seconds", help, &self.queries.applied);
        let help = "Queries, by how they ended";
        page.counters("quorate_queries", help, "outcome", self.queries.outcomes("answered"));
        let help = "How long the loop took to go round once, without its wait: so long do peers and clients wait for it";
        page.histogram("quorate_turn_seconds", help, &self.turn);
        let help = "How long storage took to make durable what had come together";
        page.histogram("quorate_write_seconds", help, &self.write);
        let help = "How many log entries were made durable together";
        page.histogram("quorate_write_entries", help, &self.write_entries);
        let help = "How long the state machine took to apply what had come together, with telling clients";
        page.histogram("quorate_apply_seconds", help, &self.apply);
        let help = "How many log entries were applied together";
        page.histogram("quorate_apply_entries", help, &self.apply_entries);
    }
}

impl RequestMeasurements {
    fn new() -> Self {
        Self { applied: Histogram::of_durations(), refused: AtomicU64::new(0), unknown: AtomicU64::new(0) }
    }

    /// A client is told this, so long after it has asked.
    pub(super) fn note<T>(&self, outcome: &Outcome<T>, took: Duration) {
        match outcome {
            Outcome::Applied(_) => self.applied.observe_duration(took),
            Outcome::NotAccepted(_) => drop(self.refused.fetch_add(1, Ordering::Relaxed)),
            Outcome::Unknown(_) => drop(self.unknown.fetch_add(1, Ordering::Relaxed)),
        }
    }

    fn outcomes(&self, applied: &'static str) -> [(&'static str, u64); 3] {
        let [refused, unknown] = [&self.refused, &self.unknown].map(|count| count.load(Ordering::Relaxed));
        [(applied, self.applied.count()), ("refused", refused), ("unknown", unknown)]
    }
}

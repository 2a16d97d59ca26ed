//! The state machine at work: batches, answers, snapshots.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parking_lot::Mutex;

use super::{
    clock::SystemClock,
    compaction::SnapshotTask,
    completion::Completion,
    error::{Part, StopReason},
    jobs::{ApplyJob, ApplyReport, Batch},
    outcome::Outcome,
    ticket::WakeUp,
};
use crate::{
    consensus::{EntryKind, StorageError},
    state_machine::StateMachine,
};

/// Carries out what a [`Driver`](super::Driver) wants done by the state machine, on whichever thread it is called.
pub struct Applier<S: StateMachine> {
    state_machine: S,
    clients: Clients<S>,
    /// To the commands that somebody waits for, since the last end of a batch.
    responses: Vec<S::Response>,
    /// Entries were applied since the last end of a batch.
    is_in_batch: bool,
    failure: Option<StopReason>,
}

/// Whoever waits for the job that is being carried out. Within reach of others, who tell them if the state machine
/// never comes back.
pub(super) struct Clients<S: StateMachine> {
    responses: Arc<Mutex<VecDeque<Completion<S::Response>>>>,
    answers: Arc<Mutex<VecDeque<Completion<S::Answer>>>>,
}

impl<S: StateMachine> Applier<S> {
    pub(super) fn new(state_machine: S) -> Self {
        let clients = Clients { responses: Arc::default(), answers: Arc::default() };
        Self { state_machine, clients, responses: Vec::new(), is_in_batch: false, failure: None }
    }

    /// The state machine, as far as it has come.
    #[must_use]
    pub fn state_machine(&self) -> &S {
        &self.state_machine
    }

    pub(super) fn clients(&self) -> Clients<S> {
        self.clients.clone()
    }

    /// Carries out `jobs`, in the order in which the driver gave them out. Entries that nothing stands between make one
    /// batch.
    ///
    /// # Errors
    /// [`StopReason`] if the state machine could not be restored, or panicked. It is not called again then: each further
    /// call returns the same. Whoever waited for one of the jobs is told that nobody knows.
    pub fn run(&mut self, jobs: impl IntoIterator<Item = ApplyJob<S>>) -> Result<ApplyReport, StopReason> {
        if let Some(reason) = &self.failure {
            return Err(reason.clone());
        }
        let mut report = ApplyReport::default();
        let end = catch_unwind(AssertUnwindSafe(|| {
            jobs.into_iter().try_for_each(|job| self.carry_out(job, &mut report))?;
            self.end_batch(&mut report);
            Ok(())
        }));
        match end.unwrap_or_else(|payload| Err(StopReason::panicked(Part::StateMachine, &*payload))) {
            Ok(()) => Ok(report),
            Err(reason) => {
                self.clients.give_up();
                self.failure = Some(reason.clone());
                Err(reason)
            }
        }
    }

    fn carry_out(&mut self, job: ApplyJob<S>, report: &mut ApplyReport) -> Result<(), StopReason> {
        if !matches!(job, ApplyJob::Apply(_)) {
            self.end_batch(report);
        }
        match job {
            ApplyJob::Apply(batch) => self.apply(batch, report),
            ApplyJob::Answer(queries) => self.answer(queries, report),
            ApplyJob::Restore { last, data } => {
                let mut contents = data.open().map_err(StorageError::Io)?;
                self.state_machine.restore(&mut *contents)?;
                report.applied = Some(last.index);
                report.restored += 1;
            }
            ApplyJob::BeginSnapshot(request) => {
                report.snapshot_task = Some(SnapshotTask::new(request, self.state_machine.snapshot()));
            }
        }
        Ok(())
    }

    fn apply(&mut self, batch: Batch<S::Response>, report: &mut ApplyReport) {
        self.is_in_batch = true;
        self.clients.responses.lock().extend(batch.completions);
        let mut awaited = batch.awaited.into_iter().peekable();
        for entry in batch.runs.iter().flat_map(|run| run.iter()) {
            if entry.kind() == EntryKind::Normal {
                let response = self.state_machine.apply(entry.id.index, entry.data());
                if awaited.next_if_eq(&entry.id.index).is_some() {
                    self.responses.push(response);
                }
            }
            report.applied = Some(entry.id.index);
            report.entries += 1;
        }
    }

    /// Ends the batch, and then gives out the responses.
    fn end_batch(&mut self, report: &mut ApplyReport) {
        if !std::mem::take(&mut self.is_in_batch) {
            return;
        }
        self.state_machine.end_batch();
        report.batches += 1;
        report.responses += self.responses.len();
        // Not under the lock: a callback may take its time.
        let mut completions = std::mem::take(&mut *self.clients.responses.lock());
        let moment = SystemClock::new();
        let told = completions.drain(..).zip(self.responses.drain(..));
        let wakes =
            told.map(|(completion, response)| completion.complete_at(Outcome::Applied(response), &moment));
        // All are told before one is woken: who waits for many then finds them all, and does not take this thread's
        // processor for each.
        drop(wakes.filter(WakeUp::is_due).collect::<Vec<_>>());
        self.clients.keep_memory_of(completions);
    }

    fn answer(&mut self, queries: Vec<(S::Query, Completion<S::Answer>)>, report: &mut ApplyReport) {
        report.answers += queries.len();
        let (queries, completions): (Vec<_>, Vec<_>) = queries.into_iter().unzip();
        self.clients.answers.lock().extend(completions);
        let mut wakes = Vec::new();
        for query in queries {
            let answer = self.state_machine.query(query);
            let completion = self.clients.answers.lock().pop_front();
            if let Some(completion) = completion {
                let wake = completion.complete_at(Outcome::Applied(answer), &SystemClock::new());
                wakes.extend(Some(wake).filter(WakeUp::is_due));
            }
        }
        // All are told before one is woken, as with responses.
        drop(wakes);
    }
}

impl<S: StateMachine> Clients<S> {
    /// Nobody else will tell them: each is told through the end of its [`Completion`].
    pub(super) fn give_up(&self) {
        let responses = std::mem::take(&mut *self.responses.lock());
        let answers = std::mem::take(&mut *self.answers.lock());
        // Not under the locks: these tell the clients.
        drop((responses, answers));
    }

    /// So that the next batch need not ask for memory.
    fn keep_memory_of(&self, empty: VecDeque<Completion<S::Response>>) {
        let mut responses = self.responses.lock();
        if responses.is_empty() {
            *responses = empty;
        }
    }
}

impl<S: StateMachine> Clone for Clients<S> {
    fn clone(&self) -> Self {
        Self { responses: Arc::clone(&self.responses), answers: Arc::clone(&self.answers) }
    }
}

#[cfg(test)]
mod tests;

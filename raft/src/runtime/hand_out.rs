//! Turning a [`Ready`] into messages and jobs, in the order that it gives.

use std::panic::{AssertUnwindSafe, catch_unwind};

use slog::{debug, info};

use super::{
    driver::Driver,
    error::{Part, StopReason},
    jobs::{ApplyJob, Batch, WriteJob},
    pending_writes::PendingWrite,
};
use crate::{
    consensus::{Entries, EntryId, EntryKind, Envelope, Ready, SnapshotData},
    state_machine::StateMachine,
    transport::Transport,
};

impl<S: StateMachine> Driver<S> {
    /// Sends what may leave, makes jobs of the rest, and keeps what waits for them.
    pub(super) fn hand_out(
        &mut self,
        mut ready: Box<Ready>,
        transport: &mut dyn Transport,
    ) -> Result<(), StopReason> {
        self.counters.readys += 1;
        self.administration.ready = ready.number;
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        if let Some(leadership) = ready.leadership {
            self.counters.leader_changes += u64::from(leadership.leader.is_some());
            self.waiters.on_leadership(leadership, now);
            self.administration.changes.on_leadership(leadership, now);
        }
        send(&mut ready.messages, transport)?;

        // Before the entries are handed out: one of them may be what a proposal that was passed on has become.
        for forward in ready.forwards.drain(..) {
            self.waiters.on_forward(forward, leader, now);
        }
        // These are durable already, so they need not wait for what this Ready writes.
        self.hand_out_committed(std::mem::take(&mut ready.committed));
        if let Some(leadership) = ready.leadership {
            self.note_leadership(leadership);
        }
        for transfer in ready.transfers.drain(..) {
            self.on_transfer(transfer);
        }
        for read in ready.reads.drain(..) {
            self.queries.on_read(read);
        }
        self.hand_out_queries();
        self.hand_out_write(ready, transport)?;
        self.begin_snapshot_if_due();
        Ok(())
    }

    /// Makes a batch of what is committed, with those who wait for it; puts changes of membership in force.
    fn hand_out_committed(&mut self, runs: Vec<Entries>) {
        if runs.is_empty() {
            return;
        }
        let (mut awaited, mut completions) = (Vec::new(), Vec::new());
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        for run in &runs {
            self.waiters.on_run_committed(run, leader, now, |entry, completion| {
                if entry.kind() == EntryKind::Normal {
                    awaited.push(entry.id.index);
                    completions.push(completion);
                }
            });
            self.hand_out_changes(run);
        }
        self.unanswered.commands += completions.len();
        self.compaction.on_handed_out(runs.iter().map(|run| run.bytes()).sum());
        self.apply_jobs.push(ApplyJob::Apply(Batch { runs, awaited, completions }));
    }

    /// Puts the changes of membership in `run` in force, in their turn.
    fn hand_out_changes(&mut self, run: &Entries) {
        let now = self.counters.ticks;
        if !run.may_hold_change() {
            let leader = self.raw.leader();
            self.administration.changes.on_run_committed(run, leader, now, |_, _| {});
            self.handed_out = run.last_id().unwrap_or(self.handed_out);
            return;
        }
        for entry in run {
            self.handed_out = entry.id;
            let waiter = self.administration.changes.on_committed(entry.id, self.raw.leader(), now);
            if entry.kind() == EntryKind::ConfChange {
                self.put_in_force(entry, waiter);
            }
        }
    }

    /// The queries whose answer is determined by what was handed out: they follow it.
    pub(super) fn hand_out_queries(&mut self) {
        let queries = self.queries.take_answerable(self.handed_out.index);
        if !queries.is_empty() {
            self.unanswered.queries += queries.len();
            self.apply_jobs.push(ApplyJob::Answer(queries));
        }
    }

    /// Makes a job of what is to be written, and keeps what must wait until it is.
    fn hand_out_write(
        &mut self,
        mut ready: Box<Ready>,
        transport: &mut dyn Transport,
    ) -> Result<(), StopReason> {
        let restore = ready.snapshot.as_ref().map(|snapshot| (snapshot.last, snapshot.data.clone()));
        if let Some((last, _)) = &restore {
            self.compaction.on_snapshot_from_leader(last.index);
        }
        let (number, must_sync) = (ready.number, ready.must_sync);
        let messages = std::mem::take(&mut ready.messages_after_write);
        self.pending_writes.push(PendingWrite { number, must_sync, messages, restore });
        let hard_state = ready.hard_state.or(self.unwritten.take());
        if must_sync || (hard_state.is_some() && !self.spares_writes) {
            ready.hard_state = hard_state;
            self.write_jobs.push(WriteJob::Write(ready));
        } else {
            // A commit index that need not be durable can wait for what must be.
            self.unwritten = hard_state;
        }
        // It may have nothing to wait for.
        self.finish_writes(0, transport)
    }

    /// Has the latest commit index written, which could be learned again, before what builds on it.
    pub(super) fn write_unwritten(&mut self) {
        if let Some(hard_state) = self.unwritten.take() {
            let ready = Ready { hard_state: Some(hard_state), must_sync: true, ..Ready::default() };
            self.write_jobs.push(WriteJob::Write(Box::new(ready)));
        }
    }

    /// All up to Ready `written` is durable: sends what promises it, and goes on to restore the state machine.
    pub(super) fn finish_writes(
        &mut self,
        written: u64,
        transport: &mut dyn Transport,
    ) -> Result<(), StopReason> {
        let mut last = None;
        while let Some(mut write) = self.pending_writes.take_done(written) {
            last = Some(write.number);
            send(&mut write.messages, transport)?;
            if let Some((last, data)) = write.restore {
                self.hand_out_snapshot(last, data);
            }
        }
        if let Some(number) = last {
            self.raw.on_written(number);
            self.administration.written = number;
            self.settle_administration();
        }
        Ok(())
    }

    /// A snapshot from the leader is durable: it takes the place of the state machine.
    fn hand_out_snapshot(&mut self, last: EntryId, data: SnapshotData) {
        info!(self.logger, "a snapshot came from the leader -> restore the state machine"; "last" => %last);
        self.handed_out = last;
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        self.waiters.on_restored(last, leader, now);
        self.administration.changes.on_restored(last, leader, now);
        self.apply_jobs.push(ApplyJob::Restore { last, data });
    }

    /// Begins a snapshot, if enough was handed out since the last one.
    fn begin_snapshot_if_due(&mut self) {
        if !self.compaction.take_due(self.handed_out.index) {
            return;
        }
        let last = self.handed_out;
        debug!(self.logger, "the log has grown enough -> make a snapshot"; "last" => %last);
        // Changes are put in force as they are handed out, so this is the membership as of that entry.
        let request = self.compaction.request(last, self.raw.status().membership);
        self.apply_jobs.push(ApplyJob::BeginSnapshot(request));
    }
}

/// Hands messages to the transport, if there are any.
fn send(messages: &mut Vec<Envelope>, transport: &mut dyn Transport) -> Result<(), StopReason> {
    if messages.is_empty() {
        return Ok(());
    }
    guarded(|| transport.send(messages))
}

/// Calls the transport, whose panic is not ours.
pub(super) fn guarded(call: impl FnOnce()) -> Result<(), StopReason> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| StopReason::panicked(Part::Transport, &*payload))
}

#[cfg(test)]
mod tests;

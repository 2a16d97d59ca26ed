//! Carrying out a [`Ready`], in the order that it gives.

use slog::info;

use super::{
    driver::Driver,
    error::{Part, StopReason},
    outcome::Outcome,
};
use crate::{
    consensus::{EntryKind, Envelope, Ready, Snapshot, StorageError},
    state_machine::StateMachine,
    storage::StorageWriter,
    transport::Transport,
};

impl<S: StateMachine, W: StorageWriter> Driver<S, W> {
    /// Carries out one Ready and gives it back.
    pub(super) fn execute(
        &mut self,
        mut ready: Ready,
        transport: &mut dyn Transport,
    ) -> Result<(), StopReason> {
        self.counters.readys += 1;
        let now = self.counters.ticks;
        if let Some(leadership) = ready.leadership {
            self.waiters.on_leadership(leadership, now);
            self.administration.changes.on_leadership(leadership, now);
        }
        self.send(&mut ready.messages, transport);
        self.write(&ready)?;
        self.send(&mut ready.messages_after_write, transport);

        // Before the entries are applied: one of them may be what a proposal that was passed on has become.
        let leader = self.raw.leader();
        for forward in ready.forwards.drain(..) {
            self.waiters.on_forward(forward, leader, now);
        }
        if let Some(snapshot) = &ready.snapshot {
            self.restore(snapshot)?;
        }
        self.apply(&ready);
        if let Some(leadership) = ready.leadership {
            self.on_leadership_after_apply(leadership);
        }
        for transfer in ready.transfers.drain(..) {
            self.on_transfer(transfer);
        }
        for read in ready.reads.drain(..) {
            self.queries.on_read(read);
        }
        self.answer_queries();
        self.begin_snapshot_if_due();
        self.raw.advance(ready);
        Ok(())
    }

    fn send(&mut self, messages: &mut Vec<Envelope>, transport: &mut dyn Transport) {
        if messages.is_empty() {
            return;
        }
        self.running = Part::Transport;
        transport.send(messages);
        self.running = Part::Core;
    }

    fn write(&mut self, ready: &Ready) -> Result<(), StopReason> {
        if ready.snapshot.is_none() && ready.entries.is_empty() && ready.hard_state.is_none() {
            return Ok(());
        }
        self.running = Part::Storage;
        self.storage.write(ready)?;
        self.running = Part::Core;
        Ok(())
    }

    fn restore(&mut self, snapshot: &Snapshot) -> Result<(), StopReason> {
        let last = snapshot.last;
        info!(self.logger, "a snapshot came from the leader -> restore the state machine"; "last" => %last);
        let mut contents = snapshot.data.open().map_err(StorageError::Io)?;
        self.running = Part::StateMachine;
        self.state_machine.restore(&mut *contents)?;
        self.running = Part::Core;
        self.applied = last;
        self.counters.snapshots_restored += 1;
        self.compaction.on_restored(last.index);
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        self.waiters.on_restored(last, leader, now);
        self.administration.changes.on_restored(last, leader, now);
        Ok(())
    }

    /// Applies what is committed, and then gives out the responses.
    fn apply(&mut self, ready: &Ready) {
        if ready.committed.is_empty() {
            return;
        }
        let (leader, now) = (self.raw.leader(), self.counters.ticks);
        self.running = Part::StateMachine;
        for entry in ready.committed.iter().flat_map(|run| run.iter()) {
            let (mut response, mut change) = (None, None);
            match entry.kind {
                EntryKind::Normal => response = Some(self.state_machine.apply(entry.id.index, &entry.data)),
                EntryKind::ConfChange => {
                    self.running = Part::Core;
                    change = self.put_in_force(entry);
                    self.running = Part::StateMachine;
                }
                // Raft's own: nobody waits for a response, but what it displaces is lost.
                EntryKind::Blank => {}
            }
            self.applied = entry.id;
            let waiter = self.waiters.on_applied(entry.id, leader, now);
            self.answers.extend(waiter.zip(response));
            self.on_change_applied(entry.id, change.as_ref(), leader);
            self.counters.entries_applied += 1;
        }
        self.state_machine.end_batch();
        self.running = Part::Core;
        self.compaction.on_applied(ready.committed.iter().map(|run| run.bytes()).sum());
        for (completion, response) in self.answers.drain(..) {
            completion.complete(Outcome::Applied(response));
        }
    }

    pub(super) fn answer_queries(&mut self) {
        self.running = Part::StateMachine;
        self.queries.answer(self.applied.index, &self.state_machine);
        self.running = Part::Core;
    }
}

#[cfg(test)]
mod tests;

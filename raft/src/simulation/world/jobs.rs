//! Disks and state machines at work: each job takes as long as chance says.

use std::time::Duration;

use super::{Event, Step, What, World};
use crate::{
    runtime::{ApplyJob, StopReason},
    simulation::{counts::Count, observer::Turn, violation::Broken, workload::Workload},
};

/// How long a stalled disk is left alone until it is looked at again.
const STALL: Duration = Duration::from_millis(5);
/// How long a state machine takes for a batch at most, if it has a thread of its own.
const APPLYING: Duration = Duration::from_millis(3);
/// How long a snapshot takes at most.
const SNAPSHOT: Duration = Duration::from_millis(80);

impl<W: Workload> World<W> {
    /// Takes the jobs that a driver has given out, under the observer's eyes.
    pub(super) fn take_jobs(&mut self, at: usize) -> Step {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return Ok(()) };
        let id = node.id;
        let writes: Vec<_> = process.driver.take_write_jobs().collect();
        let applies: Vec<_> = process.driver.take_apply_jobs().collect();
        let turn = Turn { driver: &process.driver, writes: &writes, applies: &applies };
        self.observer
            .on_turn(id, self.now, &turn, &mut self.trace, &mut self.counts)
            .map_err(|broken| broken.at(id))?;
        process.disk.waiting.extend(writes);
        process.machine.waiting.extend(applies);
        Ok(())
    }

    /// Begins what waits and can be begun.
    pub(super) fn begin_jobs(&mut self, at: usize) -> Step {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return Ok(()) };
        if process.disk.begin() {
            self.observer.on_begun(node.id);
            let slowest = node.slowness.iter().map(|(_, sync)| *sync).max().unwrap_or_default();
            let disks = &self.plan.disks;
            let after = node.random.duration(disks.sync_min, disks.sync_max).max(slowest);
            self.plan_for(at, after, |at, life| Event::Written { at, life });
        }
        self.begin_snapshot(at);
        self.begin_apply(at)
    }

    fn begin_apply(&mut self, at: usize) -> Step {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return Ok(()) };
        if !process.machine.begin() {
            return Ok(());
        }
        if self.plan.nodes.apply_in_line {
            return self.apply(at);
        }
        let after = node.random.duration(Duration::ZERO, APPLYING);
        self.plan_for(at, after, |at, life| Event::Applied { at, life });
        Ok(())
    }

    fn begin_snapshot(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return };
        if process.snapshot.is_none()
            && let Some(task) = process.driver.take_snapshot_task()
        {
            process.snapshot = Some(task);
            let after = node.random.duration(Duration::ZERO, SNAPSHOT);
            self.plan_for(at, after, |at, life| Event::SnapshotMade { at, life });
        }
    }

    /// Whether what a node's process was doing can end now. If it stands still, that is tried again later.
    fn is_ready(&mut self, at: usize, life: u32, uses_disk: bool, again: fn(usize, u32) -> Event<W>) -> bool {
        let node = &self.nodes[at];
        if node.life != life || node.process.is_none() {
            return false;
        }
        let stands_still = node.pauses > 0 || (uses_disk && node.stalls > 0);
        if stands_still {
            self.plan_for(at, STALL, again);
        }
        !stands_still
    }

    pub(super) fn finish_write(&mut self, at: usize, life: u32) -> Step {
        if !self.is_ready(at, life, true, |at, life| Event::Written { at, life }) {
            return Ok(());
        }
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return Ok(()) };
        match process.writer.run(process.disk.under_way.drain(..)) {
            Ok(report) => {
                let id = node.id;
                let durable = self.observer.on_written(id, report.is_compacted());
                process.inbox.written.push(report);
                if let Some(index) = durable {
                    self.note(Some(id), What::Durable(index));
                }
                self.wake_soon(at);
                self.begin_jobs(at)
            }
            Err(reason) => self.on_failed(at, &reason),
        }
    }

    pub(super) fn finish_apply(&mut self, at: usize, life: u32) -> Step {
        if !self.is_ready(at, life, false, |at, life| Event::Applied { at, life }) {
            return Ok(());
        }
        self.apply(at)?;
        self.begin_apply(at)
    }

    /// Has the state machine carry out what it was given.
    fn apply(&mut self, at: usize) -> Step {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return Ok(()) };
        let id = node.id;
        let has_changed = process.machine.under_way.iter().any(changes_state);
        let reported = process.applier.run(process.machine.under_way.drain(..));
        let report = match reported {
            Ok(report) => report,
            Err(reason @ StopReason::Panicked { .. }) => {
                return Err(Broken::new("no panic", reason.to_string()).at(id));
            }
            Err(reason) => return self.on_failed(at, &reason),
        };
        if has_changed {
            if let Some(index) = report.applied() {
                self.observer.on_applied(id, index).map_err(|broken| broken.at(id))?;
                self.trace.note(self.now, Some(id), What::Applied(index));
            }
            self.check_state(at)?;
        }
        let Some(process) = &mut self.nodes[at].process else { return Ok(()) };
        if self.plan.nodes.apply_in_line {
            process.driver.on_applied(report);
            self.begin_snapshot(at);
        } else {
            process.inbox.applied.push(report);
            self.wake_soon(at);
        }
        Ok(())
    }

    /// What the workload says of a node's state, which has changed.
    pub(super) fn check_state(&self, at: usize) -> Step {
        let node = &self.nodes[at];
        let Some(process) = &node.process else { return Ok(()) };
        let checked = self.clients.workload.check(process.applier.state_machine());
        checked.map_err(|what| Broken::new("the workload's invariant", what).at(node.id))
    }

    pub(super) fn finish_snapshot(&mut self, at: usize, life: u32) -> Step {
        if !self.is_ready(at, life, true, |at, life| Event::SnapshotMade { at, life }) {
            return Ok(());
        }
        if let Some(process) = &mut self.nodes[at].process
            && let Some(task) = process.snapshot.take()
        {
            process.inbox.snapshot_made = Some(task.run());
            self.counts.count(Count::SnapshotsMade);
            self.wake_soon(at);
        }
        Ok(())
    }
}

fn changes_state<S: crate::state_machine::StateMachine>(job: &ApplyJob<S>) -> bool {
    matches!(job, ApplyJob::Apply(_) | ApplyJob::Restore { .. })
}

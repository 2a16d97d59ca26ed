//! How processes begin and end.

use std::{sync::Arc, time::Duration};

use super::{Event, Node, PowerLoss, Step, What, World, process::Process};
use crate::{
    consensus::{Membership, NodeId},
    runtime::{Driver, StartError, StopReason, Ticker},
    simulation::{
        counts::Count,
        disk::{Fault, SimulatedFileSystem},
        violation::Broken,
        workload::Workload,
    },
    storage::disk::{DiskStorage, FileSystem, OpenError},
};

/// Where every node has its log.
pub(in crate::simulation) const DIRECTORY: &str = "/log";
/// After what time a process is started again that has ended by itself.
const RESTART_AFTER: Duration = Duration::from_millis(500);
/// How many operations of the disk a crash within a write lets through at most.
const OPERATIONS_OF_A_WRITE: u64 = 4;

impl<W: Workload> World<W> {
    /// A node more, with an empty disk and without a process. Where it is.
    pub(in crate::simulation) fn set_up(&mut self, id: NodeId, founders: Membership) -> usize {
        let at = self.nodes.len();
        let rate = self.plan.clock_rates.get(at).copied().unwrap_or_default();
        self.nodes.push(Node::new(id, founders, self.plan.seed, rate));
        at
    }

    pub(in crate::simulation) fn plan_start(&mut self, at: usize, after: Duration) {
        self.plan_for(at, after, |at, life| Event::Start { at, life });
    }

    /// Starts a node's process, unless it has one.
    pub(super) fn start(&mut self, at: usize, life: u32) -> Step {
        let node = &mut self.nodes[at];
        if node.life != life || node.process.is_some() || node.is_retired {
            return Ok(());
        }
        if std::mem::take(&mut node.is_without_power) {
            node.files.restart();
        } else if node.life > 0 {
            node.files.restart_processes();
        }
        let id = node.id;
        match self.open(at) {
            Ok(Some(process)) => {
                self.observer
                    .on_started(id, &process.driver, &process.writer)
                    .map_err(|broken| broken.at(id))?;
                self.nodes[at].process = Some(process);
                if self.nodes[at].life > 1 {
                    self.counts.count(Count::Restarts);
                }
                self.note(Some(id), What::Started);
                self.wake(at, Duration::ZERO);
                self.check_state(at)
            }
            Ok(None) => Ok(()),
            Err(broken) => Err(broken.at(id)),
        }
    }

    /// Opens what the disk holds; none if it must be tried again, or never.
    fn open(&mut self, at: usize) -> Result<Option<Process<W::Machine>>, Broken> {
        let node = &mut self.nodes[at];
        node.life += 1;
        let seed = node.random.number();
        let files: Arc<dyn FileSystem> = Arc::new(node.files.clone());
        let options = self.plan.nodes.disk_options(seed);
        let founders = node.founders.clone();
        let storage = match DiskStorage::open_in(files, DIRECTORY, founders, options, self.logger.clone()) {
            Ok(storage) => storage,
            // However that shows: a flipped bit can also make it one of another version.
            Err(error) if self.observer.may_be_damaged(node.id) => {
                self.give_up(at, &error);
                return Ok(None);
            }
            Err(OpenError::Damaged(damage)) => {
                return Err(Broken::new("recovery", format!("a sound log was refused: {damage}")));
            }
            Err(error) => return self.try_again(at, &error),
        };
        let incarnation = storage.incarnation();
        let config = self.plan.nodes.config(node.id, seed);
        let ticker = Ticker::new(self.plan.nodes.tick, node.clock.shows(self.now));
        let machine = self.clients.workload.machine();
        match Driver::open(config, self.plan.nodes.options(), machine, storage, self.logger.clone()) {
            Ok(parts) => Ok(Some(Process::new(parts, incarnation, ticker))),
            Err(error) if self.observer.may_be_damaged(node.id) => {
                self.give_up(at, &error);
                Ok(None)
            }
            Err(error @ (StartError::Options(_) | StartError::Core(_) | StartError::Restore(_))) => {
                Err(Broken::new("recovery", error.to_string()))
            }
            Err(error) => self.try_again(at, &error),
        }
    }

    /// A node's log was damaged, and is refused: it must be replaced.
    fn give_up(&mut self, at: usize, error: &dyn std::error::Error) {
        let node = &mut self.nodes[at];
        node.is_lost = true;
        let id = node.id;
        self.counts.count(Count::FaultLogRefused);
        self.note(Some(id), What::Stopped(format!("its log is damaged: {error}")));
    }

    fn try_again<T>(&mut self, at: usize, error: &dyn std::error::Error) -> Result<Option<T>, Broken> {
        let id = self.nodes[at].id;
        self.note(Some(id), What::Stopped(error.to_string()));
        self.plan_start(at, RESTART_AFTER);
        Ok(None)
    }

    /// A process has stopped by itself, as it does when its disk fails. It is started again; whoever it cannot be
    /// blamed for.
    pub(super) fn on_failed(&mut self, at: usize, reason: &StopReason) -> Step {
        let id = self.nodes[at].id;
        if let StopReason::Panicked { .. } | StopReason::Restore(_) = reason {
            return Err(Broken::new("no panic", reason.to_string()).at(id));
        }
        self.end_process(at, PowerLoss::None, &reason.to_string());
        let after = self.nodes[at].down.take().unwrap_or(RESTART_AFTER);
        self.plan_start(at, after);
        Ok(())
    }

    /// Ends a node's process at once, in the middle of whatever it does.
    pub(in crate::simulation) fn crash(&mut self, at: usize, power: PowerLoss) {
        let node = &mut self.nodes[at];
        node.is_without_power |= power == PowerLoss::Whole;
        if node.process.is_none() {
            if power == PowerLoss::Whole {
                node.files.crash();
            }
            return;
        }
        if self.leave_work_half_done(at, power) {
            self.counts.count(Count::FaultTornWrite);
        }
        let why = if power == PowerLoss::Whole { "the power failed" } else { "killed" };
        self.end_process(at, power, why);
    }

    /// Shuts a node's process down in order.
    pub(in crate::simulation) fn shut_down(&mut self, at: usize) {
        if let Some(process) = &mut self.nodes[at].process {
            process.driver.stop();
            self.note_end(at, "shut down");
            // Its log is closed as it is dropped.
            self.nodes[at].process = None;
        }
    }

    /// What the disk was doing is done in part. Whether it was doing something.
    fn leave_work_half_done(&mut self, at: usize, power: PowerLoss) -> bool {
        let node = &mut self.nodes[at];
        let Some(process) = &mut node.process else { return false };
        let jobs = std::mem::take(&mut process.disk.under_way);
        let snapshot = process.snapshot.take();
        if jobs.is_empty() && snapshot.is_none() {
            return false;
        }
        if power == PowerLoss::Whole {
            let done = 1 + node.random.below(OPERATIONS_OF_A_WRITE);
            node.files.fail_at(node.files.statistics().operations() + done, Fault::Crash);
        } else if node.random.per_mille(500) {
            return false;
        }
        // It fails, or is done and nobody hears of it.
        if let (Some(task), true) = (snapshot, jobs.is_empty() || node.random.per_mille(500)) {
            let _unheard = task.run();
        }
        let _unheard = process.writer.run(jobs);
        true
    }

    fn end_process(&mut self, at: usize, power: PowerLoss, why: &str) {
        let node = &mut self.nodes[at];
        // First the disk: what is dropped must not write any more.
        if power == PowerLoss::Whole {
            node.files.crash();
        } else {
            node.files.restart_processes();
        }
        if let Some(mut process) = node.process.take() {
            process.driver.stop();
            drop(process);
        }
        self.note_end(at, why);
    }

    fn note_end(&mut self, at: usize, why: &str) {
        let node = &mut self.nodes[at];
        node.life += 1;
        let id = node.id;
        self.network.break_connections(id);
        self.observer.on_stopped(id);
        self.note(Some(id), What::Stopped(why.to_owned()));
    }

    /// The power of a node comes back before its process does: what its disk holds now, no later failure takes from it.
    pub(in crate::simulation) fn restore_power(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        if std::mem::take(&mut node.is_without_power) {
            node.files.restart();
        }
    }

    /// A node's disk is lost: an empty one takes its place.
    pub(in crate::simulation) fn lose_disk(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.files = SimulatedFileSystem::new(node.random.number());
        // Whoever sets it up again does not know who founded the cluster.
        node.founders = Membership::default();
        (node.is_lost, node.is_without_power) = (true, false);
        let id = node.id;
        self.observer.on_disk_lost(id);
    }
}

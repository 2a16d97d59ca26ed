//! Where the driver's jobs are carried out: in line, or by a thread beside the loop.

use std::{
    io,
    sync::Arc,
    thread::{self, ThreadId},
};

use super::{
    applier::Applier,
    apply_reports::ApplyReports,
    bell::Inlet,
    error::{Part, StopReason},
    jobs::{ApplyJob, WriteJob},
    mailbox::Control,
    measurements::Measurements,
    thread::{ClosedWorker, Worker},
    writer::Writer,
};
use crate::{state_machine::StateMachine, storage::StorageWriter};

/// Where jobs `J` are carried out, by a `P`.
pub(super) enum Port<P, J> {
    /// By the loop, before it goes on.
    InLine(P),
    /// By a thread of their own, which reports to the loop.
    Thread(Worker<J>),
}

pub(super) type WritePort<W> = Port<Writer<W>, WriteJob>;
pub(super) type ApplyPort<S> = Port<Applier<S>, ApplyJob<S>>;

/// Tells the loop how it goes; also, if the thread that holds it dies of a panic that nobody has caught.
struct Reporter(Inlet<Control>);

impl Reporter {
    /// Whether anybody listens, so that it is worth while to go on.
    fn tell(&self, control: Control) -> bool {
        self.0.send(control).is_ok()
    }

    fn fail(&self, reason: StopReason) -> bool {
        self.tell(Control::Failed(reason));
        false
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        if thread::panicking() {
            self.fail(StopReason::panicked(Part::Core, &"a thread beside the loop has died"));
        }
    }
}

impl<P, J: Send + 'static> Port<P, J> {
    pub(super) fn thread_id(&self) -> Option<ThreadId> {
        match self {
            Self::InLine(_) => None,
            Self::Thread(worker) => Some(worker.thread_id()),
        }
    }

    /// Gives it no more jobs. What is left to be waited for, if anything is.
    pub(super) fn close(self) -> Option<ClosedWorker<J>> {
        match self {
            Self::InLine(_) => None,
            Self::Thread(worker) => Some(worker.close()),
        }
    }
}

impl<W: StorageWriter + 'static> WritePort<W> {
    /// Waking another thread costs more than storage that waits for nothing.
    pub(super) fn start(
        mut writer: Writer<W>,
        node: &str,
        measurements: Arc<Measurements>,
        to_loop: Inlet<Control>,
    ) -> io::Result<Self> {
        if !writer.waits_for_device() {
            return Ok(Self::InLine(writer));
        }
        let reporter = Reporter(to_loop);
        let work = move |jobs: &mut dyn Iterator<Item = WriteJob>| {
            let result = measurements.write(&mut writer, jobs);
            match result {
                Ok(report) => reporter.tell(Control::Written(report)),
                Err(reason) => reporter.fail(reason),
            }
        };
        Ok(Self::Thread(Worker::spawn(format!("{node}-writer"), work)?))
    }
}

impl<S: StateMachine> ApplyPort<S> {
    pub(super) fn start(
        mut applier: Applier<S>,
        is_in_line: bool,
        node: &str,
        measurements: Arc<Measurements>,
        reports: Arc<ApplyReports>,
        to_loop: Inlet<Control>,
    ) -> io::Result<Self> {
        if is_in_line {
            return Ok(Self::InLine(applier));
        }
        let reporter = Reporter(to_loop);
        let work = move |jobs: &mut dyn Iterator<Item = ApplyJob<S>>| {
            let result = measurements.apply(&mut applier, jobs);
            match result {
                Ok(report) => !reports.put(report) || reporter.tell(Control::Applied),
                Err(reason) => reporter.fail(reason),
            }
        };
        Ok(Self::Thread(Worker::spawn(format!("{node}-applier"), work)?))
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::unbounded;

    use super::*;
    use crate::runtime::bell::Bell;

    #[test]
    fn i3_a_thread_that_dies_of_our_own_mistake_is_heard_of() {
        let (to_loop, control) = unbounded();
        let reporter = Reporter(Bell::new().inlet(to_loop));
        let work = move |jobs: &mut dyn Iterator<Item = u32>| {
            assert_eq!(jobs.next(), Some(0), "that was the mistake");
            reporter.tell(Control::Applied)
        };
        let worker = Worker::spawn("test".to_owned(), work).unwrap();
        worker.send(0..2);
        let told: Vec<_> = control.iter().collect();
        assert!(matches!(told.last(), Some(Control::Failed(StopReason::Panicked { part: Part::Core, .. }))));
    }
}

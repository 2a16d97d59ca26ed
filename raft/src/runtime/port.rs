//! Where the driver's jobs are carried out: in line, or by a thread beside the loop.

use std::{io, sync::Arc, thread::ThreadId};

use crossbeam_channel::Sender;

use super::{
    applier::Applier,
    apply_reports::ApplyReports,
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
        to_loop: Sender<Control>,
    ) -> io::Result<Self> {
        if !writer.waits_for_device() {
            return Ok(Self::InLine(writer));
        }
        let work = move |jobs: &mut dyn Iterator<Item = WriteJob>| {
            let report = measurements.write(&mut writer, jobs);
            // A storage that has failed is not touched again.
            let goes_on = report.is_ok();
            to_loop.send(Control::Written(report)).is_ok() && goes_on
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
        to_loop: Sender<Control>,
    ) -> io::Result<Self> {
        if is_in_line {
            return Ok(Self::InLine(applier));
        }
        let work =
            move |jobs: &mut dyn Iterator<Item = ApplyJob<S>>| match measurements.apply(&mut applier, jobs) {
                Ok(report) => !reports.put(report) || to_loop.send(Control::Applied).is_ok(),
                Err(reason) => {
                    let _told = to_loop.send(Control::ApplierFailed(reason));
                    false
                }
            };
        Ok(Self::Thread(Worker::spawn(format!("{node}-applier"), work)?))
    }
}

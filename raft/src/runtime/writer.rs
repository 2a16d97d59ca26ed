//! The storage at work: several Readys with one sync.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{
    error::{Part, StopReason},
    jobs::{WriteJob, WriteReport},
};
use crate::{consensus::Ready, storage::StorageWriter};

/// Carries out what a [`Driver`](super::Driver) wants done by the storage, on whichever thread it is called.
pub struct Writer<W: StorageWriter> {
    storage: W,
    failure: Option<StopReason>,
}

impl<W: StorageWriter> Writer<W> {
    pub(super) fn new(storage: W) -> Self {
        Self { storage, failure: None }
    }

    /// What it writes to, for whoever observes it.
    #[cfg(feature = "simulation")]
    pub(crate) fn storage(&self) -> &W {
        &self.storage
    }

    /// Whether [`run`](Self::run) waits for a device, so that a thread of its own is worth while.
    #[must_use]
    pub fn waits_for_device(&self) -> bool {
        self.storage.waits_for_device()
    }

    /// Carries out `jobs`, in the order in which the driver gave them out, with one sync for all (group commit).
    ///
    /// # Errors
    /// [`StopReason`] if storage failed or panicked. Nothing is known then of what is durable, so the storage is not
    /// touched again: each further call returns the same.
    pub fn run(&mut self, jobs: impl IntoIterator<Item = WriteJob>) -> Result<WriteReport, StopReason> {
        if let Some(reason) = &self.failure {
            return Err(reason.clone());
        }
        let storage = &mut self.storage;
        let result = catch_unwind(AssertUnwindSafe(|| write_all(storage, jobs)))
            .unwrap_or_else(|payload| Err(StopReason::panicked(Part::Storage, &*payload)));
        self.failure = result.as_ref().err().cloned();
        result
    }
}

fn write_all(
    storage: &mut impl StorageWriter,
    jobs: impl IntoIterator<Item = WriteJob>,
) -> Result<WriteReport, StopReason> {
    let mut report = WriteReport::default();
    let mut must_sync = false;
    for job in jobs {
        match job {
            WriteJob::Write(ready) => {
                storage.stage(&ready)?;
                must_sync |= ready.must_sync;
                report.count(&ready);
            }
            WriteJob::Compact { snapshot, keep } => {
                // What the snapshot contains must be durable before the log is cut.
                sync_if(&mut must_sync, storage, &mut report)?;
                let last = snapshot.last.index;
                report.compacted = Some(storage.compact(snapshot, keep).map(|()| last));
            }
        }
    }
    sync_if(&mut must_sync, storage, &mut report)?;
    Ok(report)
}

fn sync_if(
    must_sync: &mut bool,
    storage: &mut impl StorageWriter,
    report: &mut WriteReport,
) -> Result<(), StopReason> {
    if std::mem::take(must_sync) {
        storage.sync()?;
        report.syncs += 1;
    }
    Ok(())
}

impl WriteReport {
    fn count(&mut self, ready: &Ready) {
        self.number = self.number.max(ready.number);
        self.readys += 1;
        self.entries += ready.entries.iter().map(|run| run.len() as u64).sum::<u64>();
    }
}

#[cfg(test)]
mod tests;

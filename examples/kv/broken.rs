//! Storage that is wrong on purpose, to see that the crash test finds it. No part of a server that anybody wants.

use std::time::{Duration, Instant};

use quorate::{Ready, Snapshot, SnapshotSaver, StorageError, StorageWriter};

/// How long it keeps for itself what it says is durable.
const DELAY: Duration = Duration::from_millis(100);

/// Says that all is durable, and hands it to the disk a while later.
pub struct AcknowledgesEarly<W> {
    storage: W,
    last_sync: Instant,
}

impl<W: StorageWriter> AcknowledgesEarly<W> {
    /// Breaks this storage.
    pub fn new(storage: W) -> Self {
        Self { storage, last_sync: Instant::now() }
    }
}

impl<W: StorageWriter> StorageWriter for AcknowledgesEarly<W> {
    type Reader = W::Reader;

    fn reader(&self) -> W::Reader {
        self.storage.reader()
    }

    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError> {
        self.storage.stage(ready)
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        if self.last_sync.elapsed() < DELAY {
            return Ok(());
        }
        self.last_sync = Instant::now();
        self.storage.sync()
    }

    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver> {
        self.storage.snapshot_saver()
    }

    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError> {
        self.storage.sync()?;
        self.storage.compact(snapshot, keep)
    }

    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError> {
        self.storage.snapshot()
    }
}

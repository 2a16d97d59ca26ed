//! What the writer of a log, its readers, and those who work beside it have in common.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

use parking_lot::RwLock;
use slog::{Logger, error};

use super::{
    error::{Naming, OpenError},
    file_system::FileSystem,
    state::LogState,
};
use crate::consensus::StorageError;

/// One log that is open.
pub(super) struct Shared {
    pub(super) files: Arc<dyn FileSystem>,
    pub(super) directory: PathBuf,
    /// The id of the log.
    pub(super) log: u64,
    pub(super) logger: Logger,
    /// What is durable. Moves only after a flush.
    pub(super) state: RwLock<LogState>,
    /// How many snapshots were begun: a number for each.
    pub(super) snapshots_begun: AtomicU64,
    /// What went wrong first. From then on nothing is known of what is durable, and nothing is tried again.
    failure: OnceLock<String>,
}

impl Shared {
    pub(super) fn new(
        files: Arc<dyn FileSystem>,
        directory: PathBuf,
        log: u64,
        state: LogState,
        logger: Logger,
    ) -> Arc<Self> {
        let (state, snapshots_begun, failure) = (RwLock::new(state), AtomicU64::new(0), OnceLock::new());
        Arc::new(Self { files, directory, log, logger, state, snapshots_begun, failure })
    }

    /// Whether the log may still be written.
    ///
    /// # Errors
    /// Since a write, or a flush, has failed. The kernel may have dropped what it could not write, and report success
    /// the next time.
    pub(super) fn check(&self) -> Result<(), StorageError> {
        match self.failure.get() {
            None => Ok(()),
            Some(failure) => {
                let message = format!(
                    "the log was given up when this failed: {failure}; restart the node when the disk is mended"
                );
                Err(io::Error::other(message).into())
            }
        }
    }

    /// Whether the log was given up.
    pub(super) fn has_failed(&self) -> bool {
        self.failure.get().is_some()
    }

    /// Gives the log up.
    pub(super) fn fail(&self, error: OpenError) -> OpenError {
        error!(self.logger, "the log is given up: {error}");
        // If another thread was quicker, its failure is the first.
        let _ = self.failure.set(error.to_string());
        error
    }

    /// Makes names durable. If that fails, no later success says that they are.
    pub(super) fn sync_directory(&self) -> Result<(), OpenError> {
        let synced = self.files.sync_directory(&self.directory).naming("flush directory", &self.directory);
        synced.map_err(|error| self.fail(error))
    }
}

//! Where a node's log, hard state and snapshot are kept.
//!
//! The core reads through [`Storage`]; whoever drives the core writes through [`StorageWriter`] what a
//! [`Ready`] says.

mod memory;

pub use memory::MemStorage;

use crate::consensus::{LogIndex, Ready, Snapshot, Storage, StorageError};

/// The write side of a node's storage.
///
/// A writer and the [`Storage`] that the core reads are two handles on one log: what one writes, the other
/// reads.
pub trait StorageWriter: Send {
    /// The read side, on the same log.
    type Reader: Storage + 'static;

    /// A handle for the core to read through.
    fn reader(&self) -> Self::Reader;

    /// Writes [`Ready::snapshot`], [`Ready::entries`] and [`Ready::hard_state`] as one unit: after a crash all
    /// of it is there, or none. Returns when it is durable, if [`Ready::must_sync`] asks for that.
    ///
    /// # Errors
    /// [`StorageError`], and then nothing is known of what is durable: stop the node, write no more.
    fn write(&mut self, ready: &Ready) -> Result<(), StorageError>;

    /// Keeps `snapshot`, which the state machine has made, and drops entries that it contains, except for the
    /// last `keep` of them, which serve followers that lag a little.
    ///
    /// # Errors
    /// [`StorageError`]; the log is as it was.
    fn compact(&mut self, snapshot: Snapshot, keep: u64) -> Result<(), StorageError>;

    /// The snapshot that the state machine starts from, if the log begins with one.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read.
    fn snapshot(&self) -> Result<Option<Snapshot>, StorageError>;

    /// The last entry that is durable.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read.
    fn last_index(&self) -> Result<LogIndex, StorageError> {
        self.reader().last_index()
    }
}

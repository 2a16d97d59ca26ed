//! Where a node's log, hard state and snapshot are kept.
//!
//! The core reads through [`Storage`]; whoever drives the core writes through [`StorageWriter`] what a
//! [`Ready`] says.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod disk;
mod memory;

pub use memory::MemStorage;

use crate::{
    consensus::{EntryId, LogIndex, Membership, Ready, Snapshot, Storage, StorageError},
    state_machine::SnapshotWriter,
};

/// The write side of a node's storage.
///
/// A writer and the [`Storage`] that the core reads are two handles on one log: what one writes, the other
/// reads.
///
/// Whoever implements both can have each sentence of their contracts checked by one line in a test:
#[cfg_attr(feature = "conformance", doc = "[`conformance::check`], or [`conformance::check_durable`].")]
#[cfg_attr(not(feature = "conformance"), doc = "`conformance::check`, with the feature `conformance`.")]
pub trait StorageWriter: Send {
    /// The read side, on the same log.
    type Reader: Storage + 'static;

    /// A handle for the core to read through.
    fn reader(&self) -> Self::Reader;

    /// Takes over [`Ready::snapshot`], [`Ready::entries`] and [`Ready::hard_state`], which belong together: after a
    /// crash all of it is there, or none. Nothing is promised before [`sync`](Self::sync) returns.
    ///
    /// Several Readys may be staged before one `sync`, in their order: that is how a busy node writes many with one
    /// flush of the disk (group commit).
    ///
    /// # Errors
    /// [`StorageError`], and then nothing is known of what is durable: stop the node, write no more.
    fn stage(&mut self, ready: &Ready) -> Result<(), StorageError>;

    /// Makes all that was staged durable, and lets the reader see it. Costs nothing if nothing was staged.
    ///
    /// # Errors
    /// [`StorageError`], and then nothing is known of what is durable: stop the node, write no more.
    fn sync(&mut self) -> Result<(), StorageError>;

    /// Writes one Ready: [`stage`](Self::stage), and [`sync`](Self::sync) if [`Ready::must_sync`] asks for that. What
    /// need not be durable is written with the next that must.
    ///
    /// # Errors
    /// [`StorageError`], and then nothing is known of what is durable: stop the node, write no more.
    fn write(&mut self, ready: &Ready) -> Result<(), StorageError> {
        self.stage(ready)?;
        if ready.must_sync { self.sync() } else { Ok(()) }
    }

    /// Whether [`sync`](Self::sync) waits for a device. If so, a runtime calls it on a thread of its own, so that the
    /// node hears and sends meanwhile; if not, that would cost more than it saves.
    fn waits_for_device(&self) -> bool {
        true
    }

    /// A handle that saves snapshots while this writer goes on writing, for the thread on which they are made.
    fn snapshot_saver(&self) -> Box<dyn SnapshotSaver>;

    /// Puts `snapshot` in force, which was [saved](SnapshotSaver::save) before, and drops entries that it contains,
    /// except for the last `keep` of them, which serve followers that lag a little.
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

/// Saves snapshots that the state machine has made, beside the log and without touching it.
pub trait SnapshotSaver: Send {
    /// Makes the snapshot durable whose contents `write` writes. It comes into force when [`StorageWriter::compact`] is
    /// called with what is returned; until then, and if that never happens, the storage is as it was.
    ///
    /// # Errors
    /// [`StorageError`], also if `write` fails; nothing has changed.
    fn save(
        &self,
        last: EntryId,
        membership: Membership,
        write: SnapshotWriter,
    ) -> Result<Snapshot, StorageError>;
}

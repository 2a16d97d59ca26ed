//! What was done, and what was done to it.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::{Fault, Operation};

/// What a simulated file system was asked to do, and what went wrong.
///
/// A sweep should look at it: a fault that never happened proves nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Statistics {
    operations: BTreeMap<Operation, u64>,
    faults: BTreeMap<Fault, u64>,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// How often power failed.
    pub crashes: u64,
    /// Pages whose last contents did not survive a crash or a failed sync.
    pub pages_lost: u64,
    /// Those of them that were torn: some sectors are newer than others.
    pub pages_torn: u64,
    /// Creations, renames and removals that a crash has undone.
    pub names_undone: u64,
    /// How long a device as slow as [`slow_down`](super::SimulatedFileSystem::slow_down) says would have taken.
    pub waited: Duration,
}

impl Statistics {
    /// How many operations there were, of all kinds, also those that failed. It numbers the latest one.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.operations.values().sum()
    }

    /// How many operations of this kind there were.
    #[must_use]
    pub fn count(&self, operation: Operation) -> u64 {
        self.operations.get(&operation).copied().unwrap_or_default()
    }

    /// How many operations this fault has happened to.
    #[must_use]
    pub fn injected(&self, fault: Fault) -> u64 {
        self.faults.get(&fault).copied().unwrap_or_default()
    }

    pub(super) fn on_operation(&mut self, operation: Operation) {
        *self.operations.entry(operation).or_default() += 1;
    }

    pub(super) fn on_fault(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = self.operations.iter().map(|(operation, count)| format!("{operation:?} {count}"));
        let faults = self.faults.iter().map(|(fault, count)| format!("{fault:?} {count}"));
        let list = |items: Vec<String>| items.join(", ");
        writeln!(f, "operations: {}", list(operations.collect()))?;
        writeln!(f, "bytes: {} read, {} written", self.bytes_read, self.bytes_written)?;
        writeln!(f, "faults: {}", list(faults.collect()))?;
        write!(
            f,
            "crashes: {}; pages lost: {}, torn: {}; names undone: {}",
            self.crashes, self.pages_lost, self.pages_torn, self.names_undone
        )
    }
}

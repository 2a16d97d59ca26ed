//! What happened in a simulation.
//!
//! Everything goes into a hash, by which two runs are compared. It is kept only when somebody wants to read it: that
//! takes longer than the simulation.

mod html;
mod record;
mod script;

use std::{fmt, time::Duration};

pub use html::html;
pub use record::{Fate, Record, What};
pub use script::script;

use crate::consensus::NodeId;

/// What happened, in order.
#[derive(Debug, Default)]
pub struct Trace {
    hash: u64,
    records: Option<Vec<Record>>,
}

impl Trace {
    /// Nothing has happened yet. `keeps_records` says whether what will is kept.
    #[must_use]
    pub fn new(keeps_records: bool) -> Self {
        Self { hash: 0, records: keeps_records.then(Vec::new) }
    }

    /// Something happened.
    pub(crate) fn note(&mut self, at: Duration, node: Option<NodeId>, what: What) {
        self.fold(at.as_nanos() as u64 ^ node.map_or(0, |node| node.0).rotate_left(48));
        self.fold(what.fingerprint());
        if let Some(records) = &mut self.records {
            records.push(Record { at, node, what });
        }
    }

    /// Whether what happens is kept, so that it is worth putting into words.
    #[must_use]
    pub fn keeps_records(&self) -> bool {
        self.records.is_some()
    }

    fn fold(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }

    /// What two runs have in common exactly if the same happened in both.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// What was kept.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        self.records.as_deref().unwrap_or_default()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.records().iter().try_for_each(|record| writeln!(f, "{record}"))
    }
}

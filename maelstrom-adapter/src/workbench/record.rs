//! The record of a run: every operation as its client saw it, and every fault.

use std::time::Instant;

use crate::checker::ValueId;

use super::options::FaultKind;
use super::wire::Request;

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It succeeded; a read saw this value.
    Ok(Option<ValueId>),
    /// It definitely did not happen: the error's code.
    Failed(i64),
    /// Nobody knows.
    Unknown(Doubt),
}

/// Why the outcome of an operation is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The node answered with this error, which promises nothing.
    Error(i64),
    /// No answer came in time.
    TimedOut,
    /// The node was killed before it answered.
    NodeKilled,
}

/// One operation of a client. Times are nanoseconds since the start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record {
    pub(super) client: u32,
    /// The place of the client among those that run at a time: its row in the timeline.
    pub(super) row: u32,
    pub(super) key: u32,
    pub(super) request: Request,
    pub(super) call: u64,
    /// When the outcome was known, or given up.
    pub(super) end: u64,
    pub(super) outcome: Outcome,
}

/// A fault and when it was in force.
#[derive(Debug, Clone)]
pub(super) struct FaultRecord {
    pub(super) kind: FaultKind,
    pub(super) description: String,
    pub(super) start: u64,
    pub(super) end: u64,
}

/// A node that was started again after it had been killed.
#[derive(Debug, Clone, Copy)]
pub(super) struct RestartRecord {
    pub(super) node: usize,
    /// When its process was started.
    pub(super) start: u64,
    /// When it had answered `init`, if it lived to.
    pub(super) up: Option<u64>,
}

/// Nanoseconds from `start` to `now`.
pub(super) fn nanoseconds(start: Instant, now: Instant) -> u64 {
    u64::try_from(now.saturating_duration_since(start).as_nanos()).unwrap_or(u64::MAX)
}

/// Whether an error means that the operation definitely did not happen (Maelstrom, doc/protocol.md).
pub(super) fn is_definite(code: i64) -> bool {
    matches!(code, 1 | 10 | 11 | 12 | 14 | 20 | 21 | 22 | 30)
}

/// The error of an operation on a key that does not exist.
pub(super) const KEY_DOES_NOT_EXIST: i64 = 20;

/// The error of a compare-and-set that found another value.
pub(super) const PRECONDITION_FAILED: i64 = 22;

impl Record {
    /// Whether the store answered as asked: it succeeded, or was refused by its own condition.
    pub(super) fn is_served(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(_) | Outcome::Failed(KEY_DOES_NOT_EXIST | PRECONDITION_FAILED))
    }
}

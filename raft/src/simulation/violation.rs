//! A promise that was broken.

use std::{fmt, time::Duration};

use crate::consensus::NodeId;

/// A promise that was broken, and where that was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// Which promise: `election safety`, `log matching`, … A shrunk schedule breaks the same.
    pub promise: &'static str,
    /// What was seen.
    pub message: String,
    /// When, since the beginning.
    pub at: Duration,
    /// Where, if it was at one node.
    pub node: Option<NodeId>,
}

impl Violation {
    /// The promise that is broken by a panic, of the library or of the user's state machine.
    pub const NO_PANIC: &str = "no panic";
    /// The promise that is broken by a workload or its state machine that does not do the same again.
    pub const DETERMINISM: &str = "determinism";
}

/// What was seen that must not be; becomes a [`Violation`] with time and place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Broken {
    pub(crate) promise: &'static str,
    pub(crate) message: String,
}

impl Broken {
    pub(crate) fn new(promise: &'static str, message: impl Into<String>) -> Self {
        Self { promise, message: message.into() }
    }

    pub(crate) fn seen(self, at: Duration, node: Option<NodeId>) -> Violation {
        Violation { promise: self.promise, message: self.message, at, node }
    }
}

/// Says that a promise is broken, unless it is kept.
pub(crate) fn ensure(
    is_kept: bool,
    promise: &'static str,
    message: impl FnOnce() -> String,
) -> Result<(), Broken> {
    if is_kept { Ok(()) } else { Err(Broken::new(promise, message())) }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken at {:.6} s", self.promise, self.at.as_secs_f64())?;
        if let Some(node) = self.node {
            write!(f, " on {node}")?;
        }
        write!(f, ": {}", self.message)
    }
}

//! Why a node does not start, and why it has stopped.

use std::{any::Any, fmt, io, sync::Arc};

use super::options::OptionsError;
use crate::{
    consensus::{NewError, StorageError},
    state_machine::RestoreError,
};

/// Why a node could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The options cannot work.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The configuration and the storage cannot make a node.
    #[error(transparent)]
    Core(#[from] NewError),
    /// The storage could not be read.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The state machine does not understand the snapshot in storage.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The operating system gives no thread.
    #[error("no thread for the node: see the limits of this process ({0})")]
    Thread(#[source] io::Error),
}

/// Why a node has stopped. Cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StopReason {
    /// It was told to.
    #[error("stopped: it was told to")]
    Requested,
    /// Storage failed, and nothing is known of what is durable.
    #[error("stopped: storage failed: see to its disk, then start the node again ({0})")]
    Storage(Arc<StorageError>),
    /// The state machine did not understand a snapshot from the leader.
    #[error("stopped: {0}")]
    Restore(Arc<RestoreError>),
    /// A part of the node panicked.
    #[error("stopped: {part} panicked: {message}")]
    Panicked {
        /// Which one.
        part: Part,
        /// What it said.
        message: Arc<str>,
    },
    /// It was told to, but a part of it has not ended within [`Options::stop_timeout`](super::Options::stop_timeout). Its
    /// thread was left behind, with the storage or the state machine that it holds.
    #[error("stopped, but {0} hangs: end the process before the node is started again")]
    Hung(Part),
}

/// A part of a node, to tell whose failure it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Part {
    /// The library's own: please report it.
    Core,
    /// The [`StateMachine`](crate::StateMachine).
    StateMachine,
    /// The [`StorageWriter`](crate::StorageWriter).
    Storage,
    /// The [`Transport`](crate::Transport).
    Transport,
    /// Making a snapshot: the [`StateMachine`](crate::StateMachine)'s, or saving it.
    Snapshot,
    /// The thread that drives all others, or whatever it carries out itself.
    Loop,
}

impl StopReason {
    pub(super) fn panicked(part: Part, payload: &(dyn Any + Send)) -> Self {
        Self::Panicked { part, message: panic_message(payload).into() }
    }
}

impl From<StorageError> for StopReason {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<RestoreError> for StopReason {
    fn from(error: RestoreError) -> Self {
        Self::Restore(Arc::new(error))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Core => "the core",
            Self::StateMachine => "the state machine",
            Self::Storage => "storage",
            Self::Transport => "the transport",
            Self::Snapshot => "the making of a snapshot",
            Self::Loop => "its own thread",
        })
    }
}

/// What a panic said, if it said it in words.
pub(crate) fn panic_message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}

//! What a cluster keeps the same on every node: the user's part.

use std::{
    error::Error,
    io::{self, Read, Write},
};

use bytes::Bytes;

use crate::consensus::LogIndex;

/// What is replicated: commands go in, in the same order on every node, and change it.
///
/// It must be **deterministic**: the same commands in the same order give the same state and the same
/// responses, on every node and in every life of a node. So no clock, no randomness, no iteration over hash
/// maps, and nothing read from outside. Whoever needs the time puts it into the command.
///
/// All methods run on one thread of the node, one at a time: that of the loop, or one of their own
/// ([`Options::apply_in_line`](crate::Options::apply_in_line)). A panic in any of them stops the node.
///
/// # A register
/// ```
/// use std::io::Read;
///
/// use bytes::Bytes;
/// use quorate::{LogIndex, RestoreError, SnapshotWriter, StateMachine};
///
/// #[derive(Default)]
/// struct Register(Bytes);
///
/// impl StateMachine for Register {
///     type Response = Bytes; // what stood there before
///     type Query = ();
///     type Answer = Bytes;
///
///     fn apply(&mut self, _index: LogIndex, command: &Bytes) -> Bytes {
///         std::mem::replace(&mut self.0, command.clone())
///     }
///     fn query(&self, (): ()) -> Bytes {
///         self.0.clone()
///     }
///     fn snapshot(&self) -> SnapshotWriter {
///         let value = self.0.clone();
///         Box::new(move |output| output.write_all(&value))
///     }
///     fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError> {
///         let mut value = Vec::new();
///         snapshot.read_to_end(&mut value)?;
///         self.0 = value.into();
///         Ok(())
///     }
/// }
/// ```
pub trait StateMachine: Send + 'static {
    /// What whoever proposed a command gets to know when it is applied.
    type Response: Send + 'static;
    /// A question that changes nothing.
    type Query: Send + 'static;
    /// What is answered to it.
    type Answer: Send + 'static;

    /// Carries out one command. Each index comes once, in order; some are left out, because Raft needs a few
    /// entries for itself.
    ///
    /// A command that makes no sense is still committed: answer so in the response, the same on every node.
    fn apply(&mut self, index: LogIndex, command: &Bytes) -> Self::Response;

    /// A batch of commands ends here, and their responses are given out after it: the place to commit one
    /// transaction for all of them. Does nothing by default.
    fn end_batch(&mut self) {}

    /// Answers a question from the state as it is now. When the runtime asks, the answer
    /// is as current as the client wants it ([`Consistency`](crate::runtime::Consistency)).
    fn query(&self, query: Self::Query) -> Self::Answer;

    /// Begins a snapshot of the state as it is now.
    ///
    /// This call must be cheap, for nothing is applied meanwhile: clone an `Arc` or a persistent map. What
    /// it returns does the work, on another thread, while commands go on being applied.
    fn snapshot(&self) -> SnapshotWriter;

    /// Becomes what the snapshot says; all that was before is forgotten. Need not read to the end.
    ///
    /// # Errors
    /// [`RestoreError`] if the snapshot cannot be understood. The node stops: it must not go on with half a
    /// state.
    fn restore(&mut self, snapshot: &mut dyn Read) -> Result<(), RestoreError>;
}

/// Writes one state of a state machine, piece by piece, so that it need not be in memory twice. Called once, on a thread
/// of its own; an error ends the snapshot, and the node goes on with the longer log.
pub type SnapshotWriter = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + Send>;

/// A snapshot that the state machine could not understand.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot cannot be restored: run a version that can read it ({reason})")]
pub struct RestoreError {
    reason: Box<dyn Error + Send + Sync>,
}

impl RestoreError {
    /// Says what is wrong with the snapshot.
    pub fn new(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { reason: reason.into() }
    }
}

impl From<io::Error> for RestoreError {
    fn from(error: io::Error) -> Self {
        Self::new(error)
    }
}

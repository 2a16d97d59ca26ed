//! What clients ask of a node: the part that differs from one service to the next.

use bytes::Bytes;
use quorate::StateMachine;

use super::message::Fields;
use super::reply::Reply;

/// A service for Maelstrom's clients: a replicated state machine, and the words in which clients talk to it.
///
/// The [module's head](super) has an example.
pub trait Workload: Send + 'static {
    /// What is replicated.
    type StateMachine: StateMachine;

    /// The state machine as every node begins with it.
    fn state_machine(&self) -> Self::StateMachine;

    /// Translates a request of type `kind`.
    ///
    /// # Errors
    /// The reply to a request that cannot be translated: [`Reply::not_supported`] to an unknown type, and
    /// error 12 if fields are missing or wrong, into which [`FieldError`](super::FieldError) turns by `?`.
    /// Such a request has no effect.
    fn request(&self, kind: &str, fields: &Fields<'_>) -> Result<Request<Query<Self>>, Reply>;

    /// The reply to a command that was applied with this response.
    ///
    /// Called on the node's own thread: it should be short.
    fn reply_to_command(response: Response<Self>) -> Reply;

    /// The reply to a query with this answer.
    ///
    /// Called on the node's own thread: it should be short.
    fn reply_to_query(answer: Answer<Self>) -> Reply;
}

/// The queries of a workload's state machine.
pub type Query<W> = <<W as Workload>::StateMachine as StateMachine>::Query;
/// The responses of a workload's state machine to commands.
pub type Response<W> = <<W as Workload>::StateMachine as StateMachine>::Response;
/// The answers of a workload's state machine to queries.
pub type Answer<W> = <<W as Workload>::StateMachine as StateMachine>::Answer;

/// What a client's request means to the state machine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request<Q> {
    /// A change: it goes through the log, and every node applies it.
    Command(Bytes),
    /// A question: it is answered here, when a majority has confirmed that the answer is current. Nothing is
    /// written to the log.
    Query(Q),
}

//! Why a client of a session has no response.

use super::response::SessionRefusal;
use crate::runtime::Refusal;

/// Why a client of a session has no response.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The time was over first.
    #[error(
        "there is no response yet: wait again, or take the command for one that may or may not be applied"
    )]
    TimedOut,
    /// The session had ended before the command was applied, and the command never will be.
    #[error("the session has ended, and the command was not applied: open another session, and call again")]
    Expired,
    /// The session ended while the command was under way. **Exactly once can no longer be told:** the command was
    /// applied once or not at all, and nobody knows which.
    #[error(
        "the session has ended, and the command may have been applied before: look at the state, then open another \
         session"
    )]
    InDoubt,
    /// The response was given already, to this ticket.
    #[error("the response was given already: it is kept no longer")]
    Answered,
    /// The node takes no command now, and waiting does not help. What was proposed before may still be applied: see
    /// [`SessionTicket::is_in_doubt`](super::SessionTicket::is_in_doubt).
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The nodes do not understand the command.
    #[error("the nodes do not know this kind of command: run the same version of this library everywhere")]
    NotUnderstood,
}

impl From<SessionRefusal> for SessionError {
    fn from(refusal: SessionRefusal) -> Self {
        match refusal {
            SessionRefusal::Expired => Self::Expired,
            SessionRefusal::Acknowledged => Self::Answered,
            SessionRefusal::WindowFull => Self::TimedOut,
            SessionRefusal::NotUnderstood => Self::NotUnderstood,
        }
    }
}

//! The client's end of a command of a session.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{
    attempts::Attempts,
    client::Shared,
    error::SessionError,
    response::{SessionResponse, StoredResponse},
};
use crate::{runtime::Ticket, state_machine::StateMachine};

/// Stands for the response to a command of a session.
///
/// Dropping it gives the command up: its number is not waited for any more, and nodes forget its response.
#[must_use = "the command is proposed again only while its ticket is waited for"]
pub struct SessionTicket<S: StateMachine<Response: StoredResponse>> {
    session: Arc<Shared<S>>,
    sequence: u64,
    command: Bytes,
    attempts: Attempts<S::Response>,
    is_answered: bool,
}

impl<S: StateMachine<Response: StoredResponse>> SessionTicket<S> {
    pub(super) fn new(
        session: Arc<Shared<S>>,
        sequence: u64,
        command: Bytes,
        ticket: Ticket<SessionResponse<S::Response>>,
    ) -> Self {
        let attempts = Attempts::begun(ticket, session.id().0.0 ^ sequence.rotate_left(32));
        Self { session, sequence, command, attempts, is_answered: false }
    }

    /// The command's number in its session, for logs.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Waits for the response, at most for `timeout`, and proposes the command again when an attempt was refused or
    /// went unanswered, after a pause. The response is given once.
    ///
    /// # Errors
    /// [`SessionError`]. After [`TimedOut`](SessionError::TimedOut) and [`Refused`](SessionError::Refused) it can be
    /// called again, and the command is still applied at most once.
    pub fn wait(&mut self, timeout: Duration) -> Result<S::Response, SessionError> {
        let Self { session, sequence, command, attempts, is_answered } = self;
        if *is_answered {
            return Err(SessionError::Answered);
        }
        match attempts.wait(timeout, || session.propose(*sequence, command)) {
            Ok(SessionResponse::Applied(response)) => {
                *is_answered = true;
                session.release(*sequence);
                Ok(response)
            }
            Ok(_) => Err(SessionError::NotUnderstood),
            // An earlier attempt may have been in time.
            Err(SessionError::Expired) if attempts.is_in_doubt() => Err(SessionError::InDoubt),
            Err(error) => Err(error),
        }
    }

    /// Whether the command may be applied, or have been, although there is no response: an attempt is under way, or
    /// nobody knows how one ended.
    #[must_use]
    pub fn is_in_doubt(&self) -> bool {
        self.attempts.is_in_doubt()
    }
}

impl<S: StateMachine<Response: StoredResponse>> Drop for SessionTicket<S> {
    fn drop(&mut self) {
        self.session.release(self.sequence);
    }
}

impl<S: StateMachine<Response: StoredResponse>> fmt::Debug for SessionTicket<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut ticket = f.debug_struct("SessionTicket");
        ticket.field("session", &self.session.id()).field("sequence", &self.sequence);
        ticket.field("is_in_doubt", &self.is_in_doubt()).finish()
    }
}

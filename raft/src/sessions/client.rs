//! The client's side of a session.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::{
    Sessions,
    attempts::Attempts,
    command::{SessionCommand, SessionId, SessionOptions},
    error::SessionError,
    response::{SessionResponse, StoredResponse},
    ticket::SessionTicket,
};
use crate::{
    runtime::{Handle, Ticket, milliseconds_since_1970},
    state_machine::StateMachine,
};

/// An open session: commands that go through it are applied once, however often they must be proposed.
///
/// Clones are the same session, and may be used by many threads. Commands that are under way at the same time may be
/// applied in any order; who wants an order waits for one before the next. A session that is dropped is not closed: it
/// ends when it was not heard of for [`SessionOptions::timeout`]. See [the module](super) for an example.
pub struct Session<S: StateMachine<Response: StoredResponse>> {
    shared: Arc<Shared<S>>,
}

/// What a session and its tickets have in common.
pub(super) struct Shared<S: StateMachine<Response: StoredResponse>> {
    id: SessionId,
    handle: RwLock<Handle<Sessions<S>>>,
    numbers: Mutex<Numbers>,
}

/// The sequence numbers of a session.
struct Numbers {
    next: u64,
    /// Those whose response somebody waits for, or will.
    outstanding: BTreeSet<u64>,
}

type Response<S> = SessionResponse<<S as StateMachine>::Response>;

impl<S: StateMachine<Response: StoredResponse>> Session<S> {
    /// Opens a session through a node, and tries until it is open, at most for `timeout`. Waits.
    ///
    /// It may open more than one, if it does not hear of the first; those end by themselves.
    ///
    /// # Errors
    /// [`SessionError`] if it is not known to be open.
    pub fn open(
        handle: Handle<Sessions<S>>,
        options: SessionOptions,
        timeout: Duration,
    ) -> Result<Self, SessionError> {
        let open = || {
            let command = SessionCommand::Open { time_ms: milliseconds_since_1970(), options };
            handle.propose(command.encode())
        };
        let response = Attempts::new(milliseconds_since_1970()).wait(timeout, open)?;
        let SessionResponse::Opened(id) = response else { return Err(SessionError::NotUnderstood) };
        let numbers = Mutex::new(Numbers { next: 1, outstanding: BTreeSet::new() });
        Ok(Self { shared: Arc::new(Shared { id, handle: RwLock::new(handle), numbers }) })
    }

    /// Its id, the same on all nodes.
    #[must_use]
    pub fn id(&self) -> SessionId {
        self.shared.id
    }

    /// Proposes a command once, without waiting. The [ticket](SessionTicket::wait) proposes it again as needed.
    ///
    /// A ticket that is dropped gives the command up: it is applied once or not at all.
    pub fn propose(&self, command: impl Into<Bytes>) -> SessionTicket<S> {
        let command = command.into();
        let sequence = self.shared.take_sequence();
        let ticket = self.shared.propose(sequence, &command);
        SessionTicket::new(Arc::clone(&self.shared), sequence, command, ticket)
    }

    /// Proposes a command until the state machine has answered, at most for `timeout`. Waits.
    ///
    /// # Errors
    /// [`SessionError`] if there is no answer; then the command is given up, and unless the error says otherwise it may
    /// be applied once or not at all. Who wants to go on waiting after that uses [`propose`](Self::propose).
    pub fn call(&self, command: impl Into<Bytes>, timeout: Duration) -> Result<S::Response, SessionError> {
        self.propose(command).wait(timeout)
    }

    /// Keeps the session open although there is nothing to propose. Wanted at least every
    /// [`SessionOptions::timeout`], better three times as often; every command does it too. Waits.
    ///
    /// # Errors
    /// [`SessionError`] if it is not known to go on: [`Expired`](SessionError::Expired) if it does not.
    pub fn keep_alive(&self, timeout: Duration) -> Result<(), SessionError> {
        let keep_alive = |session, time_ms| SessionCommand::KeepAlive { session, time_ms };
        let response = self.shared.tell(keep_alive, timeout)?;
        if matches!(response, SessionResponse::KeptAlive) { Ok(()) } else { Err(SessionError::NotUnderstood) }
    }

    /// Ends the session, so that nodes need not keep it until its time is over. Waits. What is still under way ends as
    /// it does when a session [expires](SessionError::Expired).
    ///
    /// # Errors
    /// [`SessionError`] if it is not known to have ended.
    pub fn close(&self, timeout: Duration) -> Result<(), SessionError> {
        let close = |session, time_ms| SessionCommand::Close { session, time_ms };
        let response = self.shared.tell(close, timeout)?;
        if matches!(response, SessionResponse::Closed) { Ok(()) } else { Err(SessionError::NotUnderstood) }
    }

    /// From now on the session goes through another node of the same cluster, also for tickets that are waited for
    /// already: for when the node has stopped, or [does not lead](crate::runtime::RefusalReason::NotLeader).
    pub fn redirect(&self, handle: Handle<Sessions<S>>) {
        *self.shared.handle.write() = handle;
    }
}

impl<S: StateMachine<Response: StoredResponse>> Shared<S> {
    pub(super) fn id(&self) -> SessionId {
        self.id
    }

    /// A sequence number that was never used; its response will be waited for.
    fn take_sequence(&self) -> u64 {
        let mut numbers = self.numbers.lock();
        let sequence = numbers.next;
        numbers.next += 1;
        numbers.outstanding.insert(sequence);
        sequence
    }

    /// Nobody waits for this response any more.
    pub(super) fn release(&self, sequence: u64) {
        self.numbers.lock().outstanding.remove(&sequence);
    }

    /// Proposes a command, for the first time or again.
    pub(super) fn propose(&self, sequence: u64, command: &Bytes) -> Ticket<Response<S>> {
        // Looked up anew each time: a retry tells what was answered meanwhile.
        let first_outstanding = self.numbers.lock().outstanding.first().copied().unwrap_or(sequence);
        let command = SessionCommand::Apply {
            session: self.id,
            sequence,
            first_outstanding,
            time_ms: milliseconds_since_1970(),
            command: command.clone(),
        };
        self.handle.read().propose(command.encode())
    }

    /// Says something that may be said twice, until it is heard.
    fn tell(
        &self,
        command: impl Fn(SessionId, u64) -> SessionCommand,
        timeout: Duration,
    ) -> Result<Response<S>, SessionError> {
        let tell = || {
            let command = command(self.id, milliseconds_since_1970());
            self.handle.read().propose(command.encode())
        };
        Attempts::new(self.id.0.0).wait(timeout, tell)
    }
}

impl<S: StateMachine<Response: StoredResponse>> Clone for Session<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<S: StateMachine<Response: StoredResponse>> fmt::Debug for Session<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let outstanding = self.shared.numbers.lock().outstanding.len();
        f.debug_struct("Session").field("id", &self.shared.id).field("outstanding", &outstanding).finish()
    }
}

//! Answers that are on their way, and what becomes of a node's outcomes in the words of the protocol.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use quorate::{
    Membership, Outcome, Ticket,
    runtime::RefusalReason,
    sessions::{SessionRefusal, SessionResponse},
};

use crate::{
    protocol::Answer,
    store::{Found, Response},
};

/// An answer that is known, or will be. Whoever must not wait for it polls it, as a future.
///
/// The node ends every request by itself, so this ends too.
pub(crate) enum Pending {
    /// It is known; or was, and is taken.
    Known(Option<Answer>),
    /// It is what a command leads to.
    Write(Ticket<SessionResponse<Response>>),
    /// It is what the store is asked for.
    Query(Ticket<Found>),
    /// It is what several steps lead to.
    Steps(Pin<Box<dyn Future<Output = Answer> + Send>>),
}

impl From<Answer> for Pending {
    fn from(answer: Answer) -> Self {
        Self::Known(Some(answer))
    }
}

impl Future for Pending {
    type Output = Answer;

    /// Pending for ever once it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        match &mut *self {
            Self::Known(answer) => answer.take().map_or(Poll::Pending, Poll::Ready),
            Self::Write(ticket) => Pin::new(ticket).poll(context).map(|outcome| in_words(outcome, applied)),
            Self::Query(ticket) => Pin::new(ticket).poll(context).map(|outcome| in_words(outcome, found)),
            Self::Steps(steps) => steps.as_mut().poll(context),
        }
    }
}

/// An outcome in the words of the protocol.
pub(crate) fn in_words<T>(outcome: Outcome<T>, answer: impl FnOnce(T) -> Answer) -> Answer {
    match outcome {
        Outcome::Applied(response) => answer(response),
        Outcome::NotAccepted(refusal) => {
            let leader = refusal.leader.map(|leader| leader.0);
            refused(&refusal.reason.to_string(), may_be_taken_later(refusal.reason), leader)
        }
        Outcome::Unknown(reason) => Answer::Unknown { reason: reason.to_string() },
    }
}

/// Whether the same request may be taken at another time, or by another server.
fn may_be_taken_later(reason: RefusalReason) -> bool {
    !matches!(
        reason,
        RefusalReason::TooLarge { .. }
            | RefusalReason::ConfChange(_)
            | RefusalReason::Membership(_)
            | RefusalReason::Transfer(_)
            | RefusalReason::NotHandedOver(_)
    )
}

fn found(found: Found) -> Answer {
    match found {
        Found::Value(value) => Answer::Value { value },
        Found::Entries(entries, more) => Answer::Entries { entries, more },
        Found::Digest(index, digest) => Answer::Digest { index: index.0, digest: format!("{digest:016x}") },
        Found::Watching(..) => malformed("a watch takes a connection of its own"),
    }
}

fn applied(response: SessionResponse<Response>) -> Answer {
    match response {
        SessionResponse::Applied(Response::Written(index)) => Answer::Written { index },
        SessionResponse::Applied(Response::NotSwapped(value)) => Answer::NotSwapped { value },
        SessionResponse::Opened(session) => Answer::Opened { session: session.0.0 },
        SessionResponse::Refused(SessionRefusal::Expired) => Answer::SessionEnded,
        SessionResponse::Refused(refusal) => refused(&refusal.to_string(), false, None),
        SessionResponse::Applied(Response::Unreadable) => {
            refused("a server of another version does not understand it", false, None)
        }
        SessionResponse::KeptAlive | SessionResponse::Closed => Answer::Done,
    }
}

/// Who belongs to the cluster.
#[expect(clippy::needless_pass_by_value, reason = "it is what a ticket hands over")]
pub(crate) fn membership(membership: Membership) -> Answer {
    Answer::Membership { membership: membership.to_string() }
}

/// It was surely not done.
pub(crate) fn refused(reason: &str, retry: bool, leader: Option<u64>) -> Answer {
    Answer::Refused { reason: reason.to_owned(), retry, leader }
}

/// The request makes no sense.
pub(crate) fn malformed(reason: &str) -> Answer {
    Answer::Malformed { reason: reason.to_owned() }
}

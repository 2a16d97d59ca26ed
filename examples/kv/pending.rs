//! Answers that are on their way, and what becomes of a node's outcomes in the words of the protocol.

use std::time::Duration;

use quorate::{
    Membership, Outcome, Ticket,
    runtime::RefusalReason,
    sessions::{SessionRefusal, SessionResponse},
};

use crate::{
    protocol::Answer,
    store::{Found, Response},
};

/// The node ends every request by itself, and long before: this is for the longest, a voter that catches up.
const REQUEST_PATIENCE: Duration = Duration::from_secs(15 * 60);

/// An answer that is known, or will be.
pub(crate) enum Pending {
    /// It is known.
    Known(Answer),
    /// It is what a command leads to.
    Write(Ticket<SessionResponse<Response>>),
    /// It is what the store is asked for.
    Query(Ticket<Found>),
}

impl From<Answer> for Pending {
    fn from(answer: Answer) -> Self {
        Self::Known(answer)
    }
}

impl Pending {
    /// Waits until it is here.
    pub(crate) fn wait(self) -> Answer {
        match self {
            Self::Known(answer) => answer,
            Self::Write(ticket) => wait(ticket, applied),
            Self::Query(ticket) => wait(ticket, found),
        }
    }
}

/// The answers, in order. The last one is waited for first: the others mostly come before it, and then nobody is woken
/// for them.
pub(crate) fn wait_for_all(batch: Vec<Pending>) -> Vec<Answer> {
    let mut answers: Vec<_> = batch.into_iter().rev().map(Pending::wait).collect();
    answers.reverse();
    answers
}

/// Waits for the outcome, and says it in the words of the protocol.
pub(crate) fn wait<T>(ticket: Ticket<T>, answer: impl FnOnce(T) -> Answer) -> Answer {
    match ticket.wait(REQUEST_PATIENCE) {
        Ok(Outcome::Applied(response)) => answer(response),
        Ok(Outcome::NotAccepted(refusal)) => {
            let leader = refusal.leader.map(|leader| leader.0);
            refused(&refusal.reason.to_string(), may_be_taken_later(refusal.reason), leader)
        }
        Ok(Outcome::Unknown(reason)) => Answer::Unknown { reason: reason.to_string() },
        Err(pending) => Answer::Unknown { reason: pending.to_string() },
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

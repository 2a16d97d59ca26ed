//! One command, proposed again and again until there is a response.

use std::{thread, time::Duration};

use super::{
    error::SessionError,
    response::{SessionRefusal, SessionResponse},
};
use crate::{
    back_off::BackOff,
    runtime::{Clock, Outcome, RefusalReason, StillPending, SystemClock, Ticket},
};

/// Shorter than an election takes, and longer than a burst.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// An election timeout: a new leader is not kept waiting for much longer than it took to elect it.
const LAST_PAUSE: Duration = Duration::from_secs(1);

/// The attempts to get one command into the log. Only for commands that may be there more than once.
pub(super) struct Attempts<R> {
    /// The latest, if its outcome is not known yet.
    ticket: Option<Ticket<SessionResponse<R>>>,
    /// An earlier attempt ended without telling whether the command was applied.
    is_in_doubt: bool,
    back_off: BackOff,
}

impl<R> Attempts<R> {
    /// None was made yet.
    pub(super) fn new(seed: u64) -> Self {
        Self { ticket: None, is_in_doubt: false, back_off: BackOff::new(FIRST_PAUSE, LAST_PAUSE, seed) }
    }

    /// The first one is under way.
    pub(super) fn begun(ticket: Ticket<SessionResponse<R>>, seed: u64) -> Self {
        Self { ticket: Some(ticket), ..Self::new(seed) }
    }

    /// Whether the command may have been applied, as far as the attempts tell.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.is_in_doubt || self.ticket.is_some()
    }

    /// Waits for a response, at most for `timeout`; proposes the command whenever that failed before. May be called
    /// again after an error.
    pub(super) fn wait(
        &mut self,
        timeout: Duration,
        propose: impl Fn() -> Ticket<SessionResponse<R>>,
    ) -> Result<SessionResponse<R>, SessionError> {
        let clock = SystemClock::new();
        let remaining = || timeout.saturating_sub(clock.now());
        loop {
            let ticket = self.ticket.take().unwrap_or_else(&propose);
            match ticket.wait(remaining()) {
                Ok(outcome) => {
                    if let Some(response) = self.judge(outcome)? {
                        return Ok(response);
                    }
                }
                Err(StillPending { ticket }) => {
                    self.ticket = Some(ticket);
                    return Err(SessionError::TimedOut);
                }
            }
            let pause = self.back_off.next();
            if pause >= remaining() {
                thread::sleep(remaining());
                return Err(SessionError::TimedOut);
            }
            thread::sleep(pause);
        }
    }

    /// The response, if this is one; none, if it is worth another attempt.
    fn judge(
        &mut self,
        outcome: Outcome<SessionResponse<R>>,
    ) -> Result<Option<SessionResponse<R>>, SessionError> {
        match outcome {
            Outcome::Applied(SessionResponse::Refused(SessionRefusal::WindowFull)) => Ok(None),
            Outcome::Applied(SessionResponse::Refused(refusal)) => Err(refusal.into()),
            Outcome::Applied(response) => Ok(Some(response)),
            Outcome::NotAccepted(refusal) if will_pass(refusal.reason) => Ok(None),
            Outcome::NotAccepted(refusal) => Err(refusal.into()),
            Outcome::Unknown(_) => {
                self.is_in_doubt = true;
                Ok(None)
            }
        }
    }
}

/// Whether the same node may accept the same command a little later.
fn will_pass(reason: RefusalReason) -> bool {
    match reason {
        RefusalReason::NoLeader
        | RefusalReason::Busy
        | RefusalReason::TransferringLeadership
        | RefusalReason::Overwritten
        | RefusalReason::RefusedByLeader => true,
        // These want something else to be done: another node, or a smaller command.
        RefusalReason::NotLeader
        | RefusalReason::TooLarge { .. }
        | RefusalReason::Stopped
        // These are not said of commands.
        | RefusalReason::ReadTimeout
        | RefusalReason::ConfChange(_)
        | RefusalReason::Membership(_)
        | RefusalReason::Transfer(_)
        | RefusalReason::NotHandedOver(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::{
        consensus::NodeId,
        runtime::{Completion, UnknownReason},
    };

    const PATIENCE: Duration = Duration::from_secs(60);

    type Script = Vec<Outcome<SessionResponse<u64>>>;

    /// What comes of a command whose attempts end like this, one after the other; and whether it is in doubt then.
    fn end(script: Script) -> (Result<SessionResponse<u64>, SessionError>, bool) {
        let script = RefCell::new(script.into_iter());
        let propose = || {
            let (completion, ticket) = Completion::ticket();
            completion.complete(script.borrow_mut().next().unwrap());
            ticket
        };
        let mut attempts = Attempts::new(1);
        let result = attempts.wait(PATIENCE, propose);
        assert_eq!(script.borrow().len(), 0, "there were fewer attempts");
        (result, attempts.is_in_doubt())
    }

    fn refused(reason: RefusalReason) -> Outcome<SessionResponse<u64>> {
        Outcome::refused(reason, Some(NodeId(2)))
    }

    #[test]
    fn what_was_refused_for_now_or_is_unknown_is_tried_again() {
        let (result, is_in_doubt) = end(vec![
            refused(RefusalReason::NoLeader),
            refused(RefusalReason::Overwritten),
            Outcome::Applied(SessionResponse::Refused(SessionRefusal::WindowFull)),
            Outcome::Applied(SessionResponse::Applied(7)),
        ]);
        assert_eq!((result, is_in_doubt), (Ok(SessionResponse::Applied(7)), false));

        let unknown = Outcome::Unknown(UnknownReason::PassedBySnapshot);
        let (result, is_in_doubt) = end(vec![unknown, Outcome::Applied(SessionResponse::Applied(7))]);
        assert_eq!((result, is_in_doubt), (Ok(SessionResponse::Applied(7)), true));
    }

    #[test]
    fn what_waiting_does_not_mend_is_told_at_once() {
        for reason in
            [RefusalReason::Stopped, RefusalReason::NotLeader, RefusalReason::TooLarge { size: 9, max: 8 }]
        {
            let (result, is_in_doubt) = end(vec![refused(reason)]);
            assert!(matches!(result, Err(SessionError::Refused(refusal)) if refusal.reason == reason));
            assert!(!is_in_doubt);
        }
    }

    #[test]
    fn a_session_that_has_ended_is_told_with_what_is_known_of_earlier_attempts() {
        let expired = || Outcome::Applied(SessionResponse::Refused(SessionRefusal::Expired));
        assert_eq!(end(vec![expired()]), (Err(SessionError::Expired), false));
        let unknown = Outcome::Unknown(UnknownReason::Undecided);
        assert_eq!(end(vec![unknown, expired()]), (Err(SessionError::Expired), true));
    }

    #[test]
    fn an_attempt_under_way_is_kept_over_the_end_of_a_wait() {
        let (completion, ticket) = Completion::ticket();
        let mut attempts = Attempts::<u64>::begun(ticket, 1);
        let never = || panic!("there is one under way");
        assert_eq!(attempts.wait(Duration::ZERO, never), Err(SessionError::TimedOut));
        assert!(attempts.is_in_doubt());
        completion.complete(Outcome::Applied(SessionResponse::Applied(3)));
        assert_eq!(attempts.wait(PATIENCE, never), Ok(SessionResponse::Applied(3)));
    }
}

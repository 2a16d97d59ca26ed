//! The client's end of a command or a query.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

use super::{completion::call, outcome::Outcome};

/// Stands for the outcome of a command or a query, from the moment it is asked for.
///
/// It can be waited for, polled, awaited as a future, or given a callback. Dropping it takes nothing back: the
/// command goes on, and nobody hears of it.
#[must_use = "a command may be refused, and only the ticket tells"]
pub struct Ticket<T> {
    slot: Arc<Slot<T>>,
}

/// There is no outcome yet: here is the ticket back.
#[derive(Debug, thiserror::Error)]
#[error("there is no outcome yet: wait again, or take it for unknown")]
pub struct StillPending<T> {
    /// The ticket that was waited for.
    pub ticket: Ticket<T>,
}

/// Where the two ends meet.
pub(super) struct Slot<T> {
    state: Mutex<State<T>>,
    arrived: Condvar,
}

type Callback<T> = Box<dyn FnOnce(Outcome<T>) + Send>;

enum State<T> {
    Waiting,
    Awaited(Waker),
    Called(Callback<T>),
    Done(Outcome<T>),
    Taken,
}

impl<T> Ticket<T> {
    /// A ticket, and the slot that its outcome is to be put in.
    pub(super) fn new() -> (Self, Arc<Slot<T>>) {
        let slot = Arc::new(Slot { state: Mutex::new(State::Waiting), arrived: Condvar::new() });
        (Self { slot: Arc::clone(&slot) }, slot)
    }

    /// Waits for the outcome, at most for `timeout`.
    ///
    /// # Errors
    /// [`StillPending`] if the time is over; then the command may still be applied. Also, and at once, if the
    /// outcome was [taken](Self::try_take) before.
    pub fn wait(self, timeout: Duration) -> Result<Outcome<T>, StillPending<T>> {
        let mut state = self.slot.state.lock();
        let is_open = |state: &mut State<T>| matches!(state, State::Waiting | State::Awaited(_));
        self.slot.arrived.wait_while_for(&mut state, is_open, timeout);
        match state.take() {
            Some(outcome) => Ok(outcome),
            None => {
                drop(state);
                Err(StillPending { ticket: self })
            }
        }
    }

    /// The outcome, if it is there. It can be taken once.
    pub fn try_take(&mut self) -> Option<Outcome<T>> {
        self.slot.state.lock().take()
    }

    /// Hands the outcome to `callback`: on the node's thread when it comes, so it must be short; or here and
    /// now, if it has come already. Not called if the outcome was [taken](Self::try_take) before.
    pub fn on_done(self, callback: impl FnOnce(Outcome<T>) + Send + 'static) {
        let mut state = self.slot.state.lock();
        match state.take() {
            Some(outcome) => {
                drop(state);
                callback(outcome);
            }
            None if matches!(*state, State::Taken) => {}
            None => *state = State::Called(Box::new(callback)),
        }
    }
}

impl<T> Future for Ticket<T> {
    type Output = Outcome<T>;

    /// Not to be polled again after it was ready, or after the outcome was taken: it stays pending then.
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<T>> {
        let mut state = self.slot.state.lock();
        match state.take() {
            Some(outcome) => Poll::Ready(outcome),
            None if matches!(*state, State::Taken) => Poll::Pending,
            None => {
                *state = State::Awaited(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<Outcome<T>> {
        match std::mem::replace(self, Self::Taken) {
            Self::Done(outcome) => Some(outcome),
            other @ (Self::Waiting | Self::Awaited(_) | Self::Called(_) | Self::Taken) => {
                *self = other;
                None
            }
        }
    }
}

impl<T> Slot<T> {
    /// Puts the outcome in, and tells whoever waits for it.
    pub(super) fn fill(&self, outcome: Outcome<T>) {
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut *state, State::Taken);
        if let State::Called(callback) = before {
            drop(state);
            call(callback, outcome);
            return;
        }
        *state = State::Done(outcome);
        drop(state);
        self.arrived.notify_all();
        if let State::Awaited(waker) = before {
            call(|()| waker.wake(), ());
        }
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_done = matches!(*self.slot.state.lock(), State::Done(_) | State::Taken);
        f.debug_struct("Ticket").field("is_done", &is_done).finish()
    }
}

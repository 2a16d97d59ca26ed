//! The client's end of a command or a query.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    thread::{self, Thread},
    time::Duration,
};

use parking_lot::Mutex;

use super::{
    clock::{Clock, SystemClock},
    completion::call,
    outcome::Outcome,
    yields::Yields,
};

/// Stands for the outcome of a command or a query, from the moment it is asked for.
///
/// It can be waited for, polled, awaited as a future, or given a callback. Dropping it takes nothing back: the
/// command goes on, and nobody hears of it.
///
/// Commands that were applied as one batch are told as one: nobody is woken before all have their outcomes. So a thread
/// that has many under way does best to wait for the oldest, and then to [take](Self::try_take) all that are done.
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
    /// When the client has asked.
    begin: SystemClock,
}

/// Who is to be woken, as the outcome has come: when this is dropped, so that it cannot be forgotten.
pub(super) struct WakeUp(Option<Sleeper>);

enum Sleeper {
    Thread(Thread),
    Task(Waker),
}

thread_local! {
    /// How this thread has fared with waiting for tickets.
    static YIELDS: Yields<SystemClock> = Yields::new();
}

type Callback<T> = Box<dyn FnOnce(Outcome<T>) + Send>;

enum State<T> {
    Waiting,
    Awaited(Sleeper),
    Called(Callback<T>),
    Done(Outcome<T>),
    Taken,
}

impl<T> Ticket<T> {
    /// A ticket, and the slot that its outcome is to be put in.
    pub(super) fn new() -> (Self, Arc<Slot<T>>) {
        let slot = Slot::new(State::Waiting);
        (Self { slot: Arc::clone(&slot) }, slot)
    }

    /// Waits for the outcome, at most for `timeout`.
    ///
    /// # Errors
    /// [`StillPending`] if the time is over; then the command may still be applied. Also, and at once, if the
    /// outcome was [taken](Self::try_take) before.
    pub fn wait(self, timeout: Duration) -> Result<Outcome<T>, StillPending<T>> {
        let clock = SystemClock::new();
        if !timeout.is_zero() {
            YIELDS.with(|yields| yields.wait(|| self.slot.is_settled()));
        }
        loop {
            let time_left = timeout.saturating_sub(clock.now());
            let polled = self.slot.poll(|| Sleeper::Thread(thread::current()));
            match polled {
                Poll::Ready(Some(outcome)) => return Ok(outcome),
                Poll::Pending if !time_left.is_zero() => thread::park_timeout(time_left),
                Poll::Pending | Poll::Ready(None) => return Err(StillPending { ticket: self }),
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
        match self.slot.poll(|| Sleeper::Task(context.waker().clone())) {
            Poll::Ready(Some(outcome)) => Poll::Ready(outcome),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
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
    fn new(state: State<T>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(state), begin: SystemClock::new() })
    }

    /// One whose outcome goes to `callback`, for a client without a ticket.
    pub(super) fn with_callback(callback: impl FnOnce(Outcome<T>) + Send + 'static) -> Arc<Self> {
        Self::new(State::Called(Box::new(callback)))
    }

    /// How long ago the client has asked, at this moment.
    pub(super) fn age(&self, moment: &SystemClock) -> Duration {
        moment.since(&self.begin)
    }

    /// Whether nothing more is to come.
    fn is_settled(&self) -> bool {
        matches!(*self.state.lock(), State::Done(_) | State::Taken)
    }

    /// Takes the outcome, `None` if it was taken before; or notes whom to wake when it comes.
    fn poll(&self, sleeper: impl FnOnce() -> Sleeper) -> Poll<Option<Outcome<T>>> {
        let mut state = self.state.lock();
        match state.take() {
            Some(outcome) => Poll::Ready(Some(outcome)),
            None if matches!(*state, State::Taken) => Poll::Ready(None),
            None => {
                *state = State::Awaited(sleeper());
                Poll::Pending
            }
        }
    }

    /// Puts the outcome in, or gives it to the callback. Whoever waits for it finds it, once it is woken.
    pub(super) fn fill(&self, outcome: Outcome<T>) -> WakeUp {
        let mut state = self.state.lock();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Called(callback) => {
                drop(state);
                call(callback, outcome);
                WakeUp::NOBODY
            }
            State::Awaited(sleeper) => {
                *state = State::Done(outcome);
                WakeUp(Some(sleeper))
            }
            State::Waiting | State::Done(_) | State::Taken => {
                *state = State::Done(outcome);
                WakeUp::NOBODY
            }
        }
    }
}

impl WakeUp {
    /// Nobody is.
    pub(super) const NOBODY: Self = Self(None);

    /// Whether anybody is.
    pub(super) fn is_due(&self) -> bool {
        self.0.is_some()
    }
}

impl Drop for WakeUp {
    fn drop(&mut self) {
        match self.0.take() {
            Some(Sleeper::Thread(thread)) => thread.unpark(),
            Some(Sleeper::Task(waker)) => call(|()| waker.wake(), ()),
            None => {}
        }
    }
}

impl<T> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").field("is_done", &self.slot.is_settled()).finish()
    }
}

//! The node's end of a command or a query.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use super::{
    clock::SystemClock,
    measurements::{RequestMeasurements, Stopwatch},
    outcome::{Outcome, RefusalReason, UnknownReason},
    ticket::{Slot, Ticket, WakeUp},
};

/// The duty to tell a client how its command or query ended.
///
/// It cannot be forgotten: when it is dropped, as by a thread that panics, the client is told that the node
/// stopped.
pub struct Completion<T> {
    target: Option<Target<T>>,
    /// The command was handed to the core, so it may take effect.
    is_in_doubt: bool,
    stopwatch: Option<Stopwatch>,
}

enum Target<T> {
    Ticket(Arc<Slot<T>>),
    Callback(Box<dyn FnOnce(Outcome<T>) + Send>),
}

impl<T> Completion<T> {
    /// A ticket for the client, and the duty to fill it.
    pub fn ticket() -> (Self, Ticket<T>) {
        let (ticket, slot) = Ticket::new();
        (Self::new(Target::Ticket(slot)), ticket)
    }

    /// The duty to call `callback`. If it panics, that ends the call and nothing else.
    pub fn callback(callback: impl FnOnce(Outcome<T>) + Send + 'static) -> Self {
        Self::new(Target::Callback(Box::new(callback)))
    }

    fn new(target: Target<T>) -> Self {
        Self { target: Some(target), is_in_doubt: false, stopwatch: None }
    }

    /// Begins to measure how long it takes until the client is told.
    pub(super) fn start_stopwatch(mut self) -> Self {
        self.stopwatch = Some(Stopwatch::start());
        self
    }

    /// Says who is to be told how long it took.
    ///
    /// Called by the node, not by clients: many threads that count the owners of `requests` would wait for each other.
    pub(super) fn measure_for(&mut self, requests: &Arc<RequestMeasurements>) {
        if let Some(stopwatch) = &mut self.stopwatch {
            stopwatch.measure_for(requests);
        }
    }

    /// Tells the client.
    pub fn complete(mut self, outcome: Outcome<T>) {
        drop(self.tell(outcome, &SystemClock::new()));
    }

    /// As [`complete`](Self::complete), at this moment; but if the client's thread waits, it stays asleep until what is
    /// returned is dropped.
    pub(super) fn complete_at(mut self, outcome: Outcome<T>, moment: &SystemClock) -> WakeUp {
        self.tell(outcome, moment)
    }

    /// From now on it may take effect, also if nobody tells.
    pub(super) fn put_in_doubt(&mut self) {
        self.is_in_doubt = true;
    }

    fn tell(&mut self, outcome: Outcome<T>, moment: &SystemClock) -> WakeUp {
        if let Some(stopwatch) = self.stopwatch.take() {
            stopwatch.stop(&outcome, moment);
        }
        match self.target.take() {
            Some(Target::Ticket(slot)) => return slot.fill(outcome),
            Some(Target::Callback(callback)) => call(callback, outcome),
            None => {}
        }
        WakeUp::NOBODY
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        if self.target.is_none() {
            return;
        }
        let outcome = if self.is_in_doubt {
            Outcome::Unknown(UnknownReason::Stopped)
        } else {
            Outcome::refused(RefusalReason::Stopped, None)
        };
        drop(self.tell(outcome, &SystemClock::new()));
    }
}

/// Calls what a client gave us. Its panic is not ours; the panic hook has reported it.
pub(super) fn call<T>(callback: impl FnOnce(T), argument: T) {
    let _panic = catch_unwind(AssertUnwindSafe(|| callback(argument)));
}
